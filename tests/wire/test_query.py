"""Tests of trustctl.wire.query: resolvers that are slow, gone, remote, or lie."""

from __future__ import annotations

import asyncio
import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools import require, require_root
from tests.wire.liar import Reply, cut_off, liar, zone
from tests.wire.nameservers import free_port
from tests.wire.routes import FOO, RECORD, route, told
from trustctl.errors import UsageError
from trustctl.facts.text import printable
from trustctl.facts.wire import MailHost, MailRoute
from trustctl.wire.resolver import Resolver


def test_a_remote_resolvers_word_on_dnssec_is_not_believed() -> None:
    """It sets the AD bit in all that it says, as anybody on the way to it can: that counts where
    somebody named the resolver as theirs (trust-ad in resolv.conf says so too), and on this machine
    alone. In a network namespace, where it has an address of its own."""
    require_root()
    require("unshare", "ip")
    setup = 'ip link set lo up && ip address add 10.53.0.1/32 dev lo && exec "$@"'
    ran = subprocess.run(
        ["unshare", "--net", "sh", "-c", setup, "sh", sys.executable, "-m", "tests.wire.remote"],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert json.loads(ran.stdout) == {
        "named": [1, False, False, False],
        "named as trusted": [1, True, True, False],
        "of resolv.conf": [1, False, False, False],
        "of resolv.conf with trust-ad": [1, True, True, False],
        "on this machine": [1, True, True, False],
        "on this machine, of resolv.conf": [1, True, True, False],
        "on this machine, over IPv6": [1, True, True, False],
        # what fails DNSSEC here is not asked of somebody who does not validate
        "one here that refuses, one there": [0, True, False, True],
        "nobody, then one here": [1, True, True, False],
        "one that does not serve us, then one here": [1, True, True, False],
    }


@pytest.mark.parametrize(
    "server", ["resolver.test", "", "127.0.0.1:x", "127.1", "[::1", "fe80::1%lo"]
)
def test_a_resolver_is_an_address(server: str, tmp_path: Path) -> None:
    """A name would have to be resolved first. None at all: that of resolv.conf."""
    if server:
        with pytest.raises(UsageError, match="not a resolver's address"):
            Resolver(server)
    else:
        Resolver(server, resolv_conf=tmp_path / "missing")


def test_answers_are_asked_for_once() -> None:
    """A thousand domains with one MX host, at the same time: each domain costs one question, and
    the host three."""
    domains = [f"d{number}.test" for number in range(1000)]
    table = {f"{one} MX": ["10 mx.foo.test."] for one in domains}
    with liar(zone({**FOO, **table}, flags=dns.flags.AD)) as it:

        async def ask() -> list[MailRoute]:
            # so long that a busy machine sends nothing again for being slow
            resolver = Resolver(it.address, timeout_seconds=100)
            return await asyncio.gather(*(resolver.route(one) for one in domains))

        found = asyncio.run(ask())
    assert {one.hosts for one in found} == {
        (MailHost("mx.foo.test", 10, ("192.0.2.1",), (RECORD,), True),)
    }
    assert sum(it.asked.values()) <= 1003 + 50  # a packet may be lost and sent again
    assert it.asked["mx.foo.test A"] <= 2


def test_a_truncated_answer_is_asked_for_again_over_tcp() -> None:
    """A thousand MX records: of those the first twenty, and a word on the others."""
    hosts = [f"{number} mx{number}.foo.test." for number in range(1000)]
    with liar(zone({"foo.test MX": hosts, "mx7.foo.test A": ["192.0.2.7"]})) as it:
        found = route(it.address, "foo.test")
    assert it.streams == 1
    assert [one.name for one in found.hosts] == [f"mx{number}.foo.test" for number in range(20)]
    assert found.hosts[7].addresses == ("192.0.2.7",)
    assert found.left_out == "980 beyond the first 20"


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"foo.test CNAME": ["foo.test."]}, "circle"),
        ({"foo.test CNAME": ["bar.test."], "bar.test CNAME": ["foo.test."]}, "circle"),
        (
            {f"{one} CNAME": [f"c{at}.test."] for at, one in enumerate(["foo.test", *(
                f"c{number}.test" for number in range(30))])},
            "aliases",
        ),
    ],
)  # fmt: skip
def test_aliases_end(table: dict[str, list[str]], why: str) -> None:
    """Whoever asks follows what the resolver leaves to them, but not for ever."""
    found = told(zone(table))
    assert found.hosts == ()
    assert why in found.problem


def test_aliases_are_followed() -> None:
    """Of a domain, and of a host, where the resolver does not."""
    table = {**FOO, "bar.test CNAME": ["foo.test."], "mx.foo.test CNAME": ["mx.real.test."]}
    del table["mx.foo.test A"]
    table["mx.real.test A"] = ["192.0.2.8"]
    found = told(zone(table), "bar.test")
    assert found.hosts[0].addresses == ("192.0.2.8",)


@pytest.mark.parametrize("proven", [True, False])
def test_an_alias_that_is_not_proven_proves_nothing(proven: bool) -> None:
    """The records that it leads to are, where whoever asks follows it: they are another's."""
    table = {**FOO, "_25._tcp.mx.foo.test CNAME": ["tlsa.evil.test."]}
    table["tlsa.evil.test TLSA"] = table.pop("_25._tcp.mx.foo.test TLSA")
    bare, signed = zone(table), zone(table, flags=dns.flags.AD)

    def reply(query: dns.message.Message) -> dns.message.Message | bytes | None:
        alias = str(query.question[0].name).startswith("_25.")
        return (bare if alias and not proven else signed)(query)

    (host,) = told(reply).hosts
    assert host.tlsa == (RECORD,)
    assert host.tlsa_authenticated is proven


def test_answers_about_other_names_are_ignored() -> None:
    """Records that nobody asked for, beside the answer or in its place, in whatever section."""

    def reply(query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query)
        kind = query.question[0].rdtype
        evil = dns.rrset.from_text("evil.test.", 60, "IN", "MX", "1 evil.test.")
        other = dns.rrset.from_text("mx.foo.test.", 60, "IN", "A", "10.6.6.6")
        own = dns.rrset.from_text(query.question[0].name, 60, "IN", "A", "10.6.6.7")
        if kind == dns.rdatatype.MX:
            answer.answer.append(evil)
            answer.additional += [other, own]
        elif kind != dns.rdatatype.A:
            answer.answer.append(other)
            answer.authority.append(own)
        return answer

    found = told(reply)
    assert found.implicit
    assert found.hosts == (MailHost("foo.test", problem="it has no address"),)


@pytest.mark.parametrize("rcode", [1, 2, 4, 5, 9, 15])
def test_a_refusal_is_a_problem(rcode: int) -> None:
    """No error code means that there are no MX records."""
    found = told(zone(FOO, rcode=rcode))
    assert (found.hosts, found.implicit, found.authenticated) == ((), False, False)
    assert "the resolver says" in found.problem


def _wrong_id(query: dns.message.Message) -> dns.message.Message:
    answer = dns.message.make_response(query)
    answer.id = query.id ^ 1
    return answer


def _wrong_question(query: dns.message.Message) -> bytes:
    other = dns.message.make_query("evil.test", query.question[0].rdtype, id=query.id)
    answer = dns.message.make_response(other)
    answer.answer.append(dns.rrset.from_text("foo.test.", 60, "IN", "MX", "1 evil.test."))
    return answer.to_wire()


@pytest.mark.parametrize(
    "reply",
    [
        lambda _query: None,
        lambda _query: b"",
        lambda _query: b"garbage",
        _wrong_id,
        _wrong_question,
    ],
    ids=["silence", "nothing", "garbage", "id", "question"],
)
def test_a_resolver_that_does_not_answer_costs_the_time_limit(reply: Reply) -> None:
    """Silence, garbage, and answers to what was not asked (RFC 5452, 9.1) are all no answer."""
    found = told(reply, seconds=0.3)
    assert found.hosts == ()
    assert found.problem == "MX: the resolver does not answer"


def test_a_lost_packet_is_sent_again() -> None:
    """Within the time limit of one question."""
    seen: list[str] = []

    def reply(query: dns.message.Message) -> dns.message.Message | bytes | None:
        seen.append(str(query.question[0]))
        return None if len(seen) == 1 else zone(FOO)(query)

    assert told(reply).hosts[0].addresses == ("192.0.2.1",)
    assert seen[0] == seen[1]


def test_nobody_is_asked_for_ever_where_nobody_is() -> None:
    """A resolver that never answered is not waited for by the last of a thousand domains."""
    with liar(lambda _query: None) as it:

        async def ask() -> list[MailRoute]:
            resolver = Resolver(it.address, timeout_seconds=0.5)
            return await asyncio.gather(*(resolver.route(f"d{one}.test") for one in range(1000)))

        found = asyncio.run(ask())
    assert {one.problem for one in found} == {"MX: the resolver does not answer"}
    assert len(it.asked) < 300


def test_a_port_where_nobody_is_has_a_reason() -> None:
    """It is told at once."""
    found = route(f"127.0.0.1:{free_port()}", "foo.test")
    assert "connection refused" in found.problem


def test_a_tcp_answer_that_never_comes_costs_the_time_limit() -> None:
    """The answer over UDP says that it is cut off, and over TCP there is none."""

    with liar(cut_off, stream=lambda _query: None) as it:
        found = route(it.address, "foo.test", seconds=0.4)
    assert found.hosts == ()
    assert found.problem.startswith("MX: the resolver answers what cannot be read")


class Malleable:
    """A liar whose answers about foo.test's MX are bytes after the question; nobody else exists."""

    def __init__(self) -> None:
        self.address = ""
        self.rest: tuple[bytes, int, bytes] = (b"", 0, b"")

    def reply(self, query: dns.message.Message) -> dns.message.Message | bytes | None:
        """What is said over TCP, where it counts however garbled it is."""
        if query.question[0].rdtype != dns.rdatatype.MX:
            return zone({})(query)
        flags, count, body = self.rest
        head = struct.pack(">H", query.id) + flags + struct.pack(">4H", 1, count, 0, 0)
        return head + ASKED + body


@pytest.fixture(scope="module")
def malleable() -> Iterator[Malleable]:
    """Such a liar."""
    one = Malleable()
    with liar(cut_off, stream=one.reply) as it:
        one.address = it.address
        yield one


ASKED = dns.message.make_query("foo.test", "MX", id=0).to_wire()[12:]
REAL = b"\xc0\x0c\0\x0f\0\x01\0\0\0\x3c\0\x07\0\x0a\x02mx\xc0\x0c"  # foo.test MX 10 mx.foo.test


def test_the_bytes_that_are_changed_are_an_answer(malleable: Malleable) -> None:
    """As they are, they name a host: what is tried below begins where the parser goes."""
    malleable.rest = b"\x80\0", 1, REAL
    assert [one.name for one in route(malleable.address, "foo.test").hosts] == ["mx.foo.test"]


@settings(max_examples=150, deadline=None)
@given(
    body=st.binary(max_size=80)
    | st.builds(
        lambda at, byte: REAL[:at] + bytes((byte,)) + REAL[at + 1 :],
        st.integers(0, len(REAL) - 1), st.integers(0, 255),
    ),
    flags=st.integers(0, 0xFFFF), count=st.integers(0, 3),
)  # fmt: skip
def test_no_bytes_raise(malleable: Malleable, body: bytes, flags: int, count: int) -> None:
    """Whatever follows the question: a route with hosts that are names, or a reason."""
    malleable.rest = struct.pack(">H", flags | 0x8000), count, body
    found = route(malleable.address, "foo.test", seconds=0.5)
    assert bool(found.hosts) != bool(found.problem)
    for text in (found.problem, found.left_out, *(one.name for one in found.hosts)):
        assert printable(text, 400) == text
