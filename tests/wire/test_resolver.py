"""Tests of trustctl.wire.resolver: what DNS says of mail, and what of it DNSSEC proves."""

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

from tests import certs
from tests.wire.liar import Reply, cut_off, liar, zone
from tests.wire.nameservers import dnsmasq, free_port, need, sign, unbound
from tests.wire.nameservers import zone as plain_zone
from trustctl.errors import UsageError
from trustctl.facts import tlsa  # pytest takes testify for a test
from trustctl.facts.text import printable
from trustctl.facts.wire import MailHost, MailRoute, TlsaRecord
from trustctl.wire.resolver import Resolver

LEAF = certs.self_signed("mx.signed.test")
HEX = LEAF.spki
RECORD = TlsaRecord(3, 1, 1, bytes.fromhex(HEX))
TLSA = f"3 1 1 {HEX}"


def route(server: str, domain: str, *, trusted: bool = False, seconds: float = 5.0) -> MailRoute:
    """One domain's route, by a resolver of its own."""
    return asyncio.run(Resolver(server, trusted=trusted, timeout_seconds=seconds).route(domain))


def told(reply: Reply, domain: str = "foo.test", *, seconds: float = 5.0) -> MailRoute:
    """The route of a domain where a liar answers."""
    with liar(reply) as it:
        return route(it.address, domain, seconds=seconds)


@pytest.fixture(scope="module")
def ordinary() -> Iterator[str]:
    """dnsmasq with what domains of all kinds have."""
    with dnsmasq(
        "--mx-host=foo.test,mx2.foo.test,20", "--mx-host=foo.test,mx1.foo.test,10",
        "--mx-host=foo.test,mx0.foo.test,20",
        "--host-record=mx1.foo.test,192.0.2.1,2001:db8::1", "--host-record=mx1.foo.test,192.0.2.9",
        "--host-record=mx2.foo.test,192.0.2.2",
        f"--dns-rr=_25._tcp.mx1.foo.test,52,030101{HEX}",
        "--dns-rr=_465._tcp.mx1.foo.test,52,030001" + "cd" * 32,
        "--host-record=alone.test,192.0.2.3", "--mx-host=null.test,.,0",
        "--txt-record=empty.test,nothing", "--cname=alias.test,mx2.foo.test",
    ) as address:  # fmt: skip
        yield address


SIGNED = f"""@ MX 10 mx
@ MX 20 alias
mx A 192.0.2.1
_25._tcp.mx TLSA {TLSA}
alias CNAME mx
without A 192.0.2.4
away CNAME mx.plain.test.
_25._tcp.away TLSA {TLSA}
own CNAME without
_25._tcp.own TLSA {TLSA}
_25._tcp.shared TLSA {TLSA}
pointing A 192.0.2.5
_25._tcp.pointing CNAME _25._tcp.shared
outward A 192.0.2.6
_25._tcp.outward CNAME _25._tcp.mx.plain.test."""


@pytest.fixture(scope="module")
def validating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """unbound, with zones that are signed, spoilt after that, and not signed."""
    folder = tmp_path_factory.mktemp("unbound")
    few = f"@ MX 10 mx\nmx A 192.0.2.1\n_25._tcp.mx TLSA {TLSA}"
    signed, key = sign(folder, "signed.test", SIGNED)
    half, half_key = sign(folder, "half.test", few)
    half.write_text(half.read_text().replace("\tTLSA\t3 ", "\tTLSA\t2 "))
    bogus, bogus_key = sign(folder, "bogus.test", few)
    bogus.write_text(bogus.read_text().replace("\tMX\t10 mx", "\tMX\t10 evil"))
    zones = {"signed.test": signed, "half.test": half, "bogus.test": bogus}
    zones["plain.test"] = plain_zone(folder, "plain.test", few)
    with unbound(folder, zones, [key, half_key, bogus_key]) as address:
        yield address


def test_mail_goes_where_mx_says(ordinary: str) -> None:
    """The hosts by preference, then name, each with all its addresses and the TLSA records of its
    port."""
    found = route(ordinary, "foo.test")
    assert [(one.name, one.preference) for one in found.hosts] == [
        ("mx1.foo.test", 10), ("mx0.foo.test", 20), ("mx2.foo.test", 20),
    ]  # fmt: skip
    first, absent, second = found.hosts
    assert set(first.addresses) == {"192.0.2.1", "192.0.2.9", "2001:db8::1"}
    assert first.tlsa == (RECORD,)
    assert (second.addresses, second.tlsa, second.problem) == (("192.0.2.2",), (), "")
    assert absent.addresses == ()
    assert "no such name" in absent.problem
    assert (found.implicit, found.problem, found.left_out) == (False, "", "")
    other = asyncio.run(Resolver(ordinary).route("foo.test", 465)).hosts[0]
    assert other.tlsa == (TlsaRecord(3, 0, 1, b"\xcd" * 32),)


def test_without_mx_a_domain_is_its_own_host(ordinary: str) -> None:
    """RFC 5321, 5.1."""
    found = route(ordinary, "alone.test")
    assert found == MailRoute(
        "alone.test", (MailHost("alone.test", 0, ("192.0.2.3",)),), implicit=True
    )
    assert route(ordinary, "alias.test").hosts[0].addresses == ("192.0.2.2",)


@pytest.mark.parametrize(
    ("domain", "why"), [("null.test", "takes no mail"), ("nowhere.test", "no such domain")]
)
def test_no_host_has_a_reason(ordinary: str, domain: str, why: str) -> None:
    """A null MX (RFC 7505) and a domain that is not there have no hosts, and say why."""
    found = route(ordinary, domain)
    assert found.hosts == ()
    assert why in found.problem


def test_a_name_without_address_has_a_reason(ordinary: str) -> None:
    """It has TXT records and no more."""
    (only,) = route(ordinary, "empty.test").hosts
    assert (only.addresses, only.problem) == ((), "it has no address")


def test_one_host_is_looked_up_without_mx(ordinary: str) -> None:
    """A host that somebody names is that host, whatever MX records its name has; an address is
    asked of nobody."""

    async def ask() -> tuple[MailHost, MailHost]:
        resolver = Resolver(ordinary)
        return await resolver.host("mx1.foo.test", 25), await resolver.host("192.0.2.7", 25)

    named, literal = asyncio.run(ask())
    assert named.tlsa == (RECORD,)
    assert literal == MailHost("192.0.2.7", 0, ("192.0.2.7",))


def test_what_dnssec_proves_is_authenticated(validating: str) -> None:
    """A validating resolver's word counts for MX and TLSA, and for there being none."""
    found = route(validating, "signed.test")
    assert found.authenticated
    assert found.hosts[0].tlsa == (RECORD,)
    assert found.hosts[0].tlsa_authenticated
    alone = route(validating, "without.signed.test")
    assert (alone.implicit, alone.authenticated) == (True, True)
    assert (alone.hosts[0].tlsa, alone.hosts[0].tlsa_authenticated) == ((), True)
    gone = route(validating, "gone.signed.test")
    assert (gone.hosts, gone.authenticated) == ((), True)


def test_what_is_not_signed_is_not_authenticated(validating: str) -> None:
    """The same records of an unsigned zone, of the same resolver."""
    found = route(validating, "plain.test")
    assert not found.authenticated
    assert found.hosts[0].tlsa == (RECORD,)
    assert not found.hosts[0].tlsa_authenticated


def test_a_zone_that_fails_dnssec_gives_no_host(validating: str) -> None:
    """The MX record was changed after it was signed: the domain's own address is not tried."""
    found = route(validating, "bogus.test")
    assert (found.hosts, found.authenticated, found.implicit) == ((), False, False)
    assert "SERVFAIL" in found.problem


def test_tlsa_records_that_fail_dnssec_are_not_absent(validating: str) -> None:
    """The host is there, and it is told that nobody knows of its TLSA records."""
    (host,) = route(validating, "half.test").hosts
    assert host.addresses == ("192.0.2.1",)
    assert (host.tlsa, host.tlsa_authenticated) == ((), False)
    assert "SERVFAIL" in host.tlsa_problem


@pytest.mark.parametrize(
    ("name", "records", "proven"),
    [
        ("alias.signed.test", 1, True),  # those of the name that it stands for
        ("own.signed.test", 1, True),  # its own, where that one has none
        ("away.signed.test", 1, True),  # the alias leads out of what is signed: its own
        ("pointing.signed.test", 1, True),  # the records' own name is an alias
        ("outward.signed.test", 1, False),  # an alias out of what is signed
    ],
)
def test_tlsa_records_are_found_through_aliases(
    validating: str, name: str, records: int, proven: bool
) -> None:
    """RFC 7672, 2.2.3; authenticated where each alias on the way is."""
    host = asyncio.run(Resolver(validating).host(name, 25))
    assert (len(host.tlsa), host.tlsa_authenticated, host.tlsa_problem) == (records, proven, "")


@pytest.mark.parametrize(
    ("domain", "chain", "verdict"),
    [
        ("signed.test", LEAF.der, "supports"),
        ("signed.test", certs.self_signed("mx.signed.test").der, "contradicts"),
        ("plain.test", LEAF.der, "inconclusive"),  # it matches, and nobody proves it
        ("half.test", LEAF.der, "inconclusive"),  # it fails DNSSEC: not absent
        ("without.signed.test", LEAF.der, "absent"),
    ],
)
def test_what_tlsa_records_say_in_the_end(
    validating: str, domain: str, chain: bytes, verdict: str
) -> None:
    """From signed, unsigned and spoilt zones to the testimony."""
    found = route(validating, domain)
    host = found.hosts[0]
    said = tlsa.testify(
        host.tlsa, host.tlsa_authenticated, [chain],
        problem=host.tlsa_problem, route_authenticated=found.authenticated, anchored=None,
    )  # fmt: skip
    assert said.verdict == verdict


FOO = {
    "foo.test MX": ["10 mx.foo.test."],
    "mx.foo.test A": ["192.0.2.1"],
    "_25._tcp.mx.foo.test TLSA": [TLSA],
}


def test_a_remote_resolvers_word_on_dnssec_is_not_believed() -> None:
    """It sets the AD bit in all that it says, as anybody on the way to it can: that counts where
    somebody named the resolver as theirs (trust-ad in resolv.conf says so too), and on this machine
    alone. In a network namespace, where it has an address of its own."""
    need("unshare", "ip", root=True)
    setup = 'ip link set lo up && ip address add 10.53.0.1/32 dev lo && exec "$@"'
    ran = subprocess.run(
        ["unshare", "--net", "sh", "-c", setup, "sh", sys.executable, "-m", "tests.wire.remote"],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert json.loads(ran.stdout) == {
        "named": [1, False, False],
        "named as trusted": [1, True, True],
        "of resolv.conf": [1, False, False],
        "of resolv.conf with trust-ad": [1, True, True],
        "on this machine": [1, True, True],
        "on this machine, of resolv.conf": [1, True, True],
        "on this machine, over IPv6": [1, True, True],
    }


def test_a_resolver_on_this_machine_that_proves_nothing_is_believed_too(ordinary: str) -> None:
    """It is the AD bit that counts: dnsmasq by itself sets none."""
    assert not route(ordinary, "foo.test", trusted=True).hosts[0].tlsa_authenticated


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
            resolver = Resolver(it.address)
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


def test_what_one_host_has_is_bounded() -> None:
    """Sixteen addresses and thirty-two TLSA records of five hundred each."""
    many = [f"192.0.{number // 250}.{number % 250 + 1}" for number in range(500)]
    records = [f"3 1 1 {number:064x}" for number in range(500)]
    (host,) = told(zone({**FOO, "mx.foo.test A": many, "_25._tcp.mx.foo.test TLSA": records})).hosts
    assert (len(host.addresses), len(host.tlsa)) == (16, 32)


HOSTILE = [
    r"\027[2J.foo.test.", r"a\010b.foo.test.", r"\000.foo.test.", "under_score.foo.test.",
    "${run{/bin/touch}}.foo.test.", r"\255\254.foo.test.", "192.0.2.1.", "localhost.",
    "*.foo.test.", r"a\.b.foo.test.", "-foo.test.", r"x\032y.test.", r"\226\128\174.test.",
    "xn--\\255.test.", ".",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTILE)
def test_an_mx_record_that_names_no_host_is_left_out(host: str) -> None:
    """Whatever the name would mean to a terminal or to Exim; an address is no name (RFC 5321, 5.1).
    The host beside it is found."""
    found = told(zone({**FOO, "foo.test MX": [f"5 {host}", "10 mx.foo.test."]}))
    assert [one.name for one in found.hosts] == ["mx.foo.test"]
    assert found.left_out.startswith("1 that are no host names (")
    assert printable(found.left_out) == found.left_out
    if host != ".":
        alone = told(zone({"foo.test MX": [f"5 {host}"]}))
        assert alone.hosts == ()
        assert not alone.implicit
        assert printable(alone.problem, 300) == alone.problem


def test_long_names_are_cut() -> None:
    """Hundreds of names that are no hosts make one short line."""
    bad = [f"10 {'_' * 60}{number}.{'x' * 60}.{'y' * 60}.test." for number in range(300)]
    found = told(zone({"foo.test MX": bad}))
    assert found.hosts == ()
    assert len(found.problem) < 300


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


def test_a_failure_of_one_kind_of_address_is_told() -> None:
    """The addresses of the other kind are used."""
    good = zone(FOO)

    def reply(query: dns.message.Message) -> dns.message.Message | bytes | None:
        if query.question[0].rdtype == dns.rdatatype.AAAA:
            return zone(FOO, rcode=2)(query)
        return good(query)

    (host,) = told(reply).hosts
    assert host.addresses == ("192.0.2.1",)
    assert "AAAA: the resolver says SERVFAIL" in host.problem


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


def test_names_that_are_too_long_have_no_tlsa_records() -> None:
    """The records' own name would have more than 255 octets: that is told, not raised."""
    long = ".".join(["a" * 60] * 4) + ".test"
    (host,) = told(zone({f"{long} A": ["192.0.2.1"]}), long).hosts
    assert host.addresses == ("192.0.2.1",)
    assert host.tlsa_problem == "TLSA: the name is too long"


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
