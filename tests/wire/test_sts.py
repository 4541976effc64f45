"""Tests of trustctl.wire.sts: a domain's policy, from a real HTTPS server on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import certs
from tests.wire import webpki
from tests.wire.liar import liar, zone
from tests.wire.web import OK, POLICY, Talk, Web, answer, serve
from trustctl.facts import wire
from trustctl.facts.network import may_dial
from trustctl.facts.text import printable
from trustctl.wire import sts
from trustctl.wire.resolver import Resolver

RECORD = '"v=STSv1; id=20261001;"'
CHUNK = b"%x\r\n%s\r\n0\r\n\r\n" % (len(POLICY), POLICY)
ROOT = webpki.root("Public Root")
HOST = "mta-sts.foo.test"
LOOPBACK = ("127.0.0.0/8",)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    """A server whose certificate is a public CA's, for the policy's host."""
    roots = tmp_path / "roots.pem"
    roots.write_bytes(ROOT.pem)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = Web(listener.getsockname()[1], str(roots), made=webpki.host(ROOT, HOST))
        one.folder = tmp_path
        thread = threading.Thread(target=serve, args=(one, listener), daemon=True)
        thread.start()
        yield one
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)
    assert not thread.is_alive()


def ask(
    web: Web,
    mx_hosts: Sequence[str] = ("mx.foo.test",),
    *,
    table: dict[str, list[str]] | None = None,
    allowed: Sequence[str] = LOOPBACK,
    rcode: int = 0,
    seconds: float = 5.0,
) -> wire.Testimony:
    """What is said of foo.test's hosts, over real DNS, HTTPS and TCP."""
    known = {f"_{HOST[:7]}.foo.test TXT": [RECORD], f"{HOST} A": ["127.0.0.1"]}
    known.update(table or {})
    with liar(zone(known, rcode=rcode)) as it:
        found = asyncio.run(
            sts.policy(
                "foo.test", mx_hosts, Resolver(it.address),
                may_dial=lambda address: may_dial(address, allowed), roots=web.roots,
                timeout_seconds=seconds, port=web.port,
            )
        )  # fmt: skip
    assert found.kind == "mta-sts"
    assert printable(found.detail, 300) == found.detail
    return found


def test_a_policy_that_lists_the_hosts_supports(web: Web) -> None:
    """Each name, or one label before what a wildcard has (RFC 8461, 4.1)."""
    found = ask(web, ["mx.foo.test", "a.mail.foo.test"])
    assert found.verdict == "supports"
    assert 'MTA-STS policy 20261001, mode "enforce", lists mx.foo.test' in found.detail
    (request,) = web.requests
    assert request.startswith(
        b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.foo.test\r\n"
    )


@pytest.mark.parametrize(
    "host",
    ["mx.evil.test", "mx2.foo.test", "a.mx.foo.test", "mail.foo.test", "a.b.mail.foo.test",
     "xmail.foo.test", "amx.foo.test"],
)  # fmt: skip
def test_a_policy_that_is_enforced_and_lists_others_contradicts(web: Web, host: str) -> None:
    """Also where only one of several hosts is not listed. That is how forged MX records show."""
    found = ask(web, ["mx.foo.test", host])
    assert found.verdict == "contradicts"
    assert found.detail.endswith(f"does not list {host}")


def test_a_policy_that_is_tried_out_does_not_contradict(web: Web) -> None:
    """Mode testing; and mode none lists nobody."""
    web.says = answer(POLICY.replace(b"enforce", b"testing"))
    assert ask(web, ["mx.evil.test"]).verdict == "inconclusive"
    assert ask(web).verdict == "supports"
    web.says = answer(b"version: STSv1\nmode: none\nmax_age: 1\n")
    assert ask(web).verdict == "absent"


def test_no_record_is_no_policy(web: Web) -> None:
    """And nothing is fetched."""
    for texts in ([], ['"something else"'], ['"v=STSv12; id=1;"']):
        assert ask(web, table={"_mta-sts.foo.test TXT": texts}).verdict == "absent"
    assert web.connections == 0


@pytest.mark.parametrize(
    "texts",
    [
        [RECORD, '"v=STSv1; id=2;"'], ['"v=STSv1;"'], ['"v=STSv1; id=;"'], ['"v=STSv1; id=a b;"'],
        ['"v=STSv1; id=\\027[2J;"'], [f'"v=STSv1; id={"1" * 33};"'], ['"v=STSv1; idx=1;"'],
    ],
)  # fmt: skip
def test_a_record_that_is_malformed_is_inconclusive(web: Web, texts: list[str]) -> None:
    """RFC 8461, 3.1: none of several counts. Nothing is fetched."""
    assert ask(web, table={"_mta-sts.foo.test TXT": texts}).verdict == "inconclusive"
    assert web.connections == 0


def test_a_record_in_parts_is_one(web: Web) -> None:
    """A TXT record's strings belong together (RFC 7208, 3.3, as for all of them)."""
    table = {"_mta-sts.foo.test TXT": ['"v=STSv1;" " id=2026" "1001"']}
    assert ask(web, table=table).verdict == "supports"


def test_dns_that_fails_is_inconclusive(web: Web) -> None:
    """Not knowing whether there is a policy is not the same as none."""
    found = ask(web, rcode=2)
    assert (found.verdict, "SERVFAIL" in found.detail) == ("inconclusive", True)
    none = ask(web, table={f"{HOST} A": []})
    assert (none.verdict, none.detail) == ("inconclusive", "mta-sts.foo.test has no address")


PRIVATE = {f"{HOST} A": ["127.0.0.1"], f"{HOST} AAAA": ["::ffff:127.0.0.1"]}


def test_dns_may_not_lead_to_this_machine(web: Web) -> None:
    """Nothing is connected to, not even for a moment. Where the network is allowed the very same
    answer leads there: the attack that is refused."""
    found = ask(web, table=PRIVATE, allowed=())
    assert found.verdict == "inconclusive"
    assert found.detail == "mta-sts.foo.test leads to 127.0.0.1, which may not be dialled"
    assert web.connections == 0
    assert ask(web, table=PRIVATE).verdict == "supports"
    assert web.connections == 1


def test_one_public_address_does_not_let_a_private_one_in(web: Web) -> None:
    """Each address by itself: of two, only the one that may be dialled is (nobody is there)."""
    table = {f"{HOST} A": ["127.0.0.1", "127.0.0.99"]}
    assert ask(web, table=table, allowed=["127.0.0.99/32"]).verdict == "inconclusive"
    assert web.connections == 0
    assert ask(web, table=table).verdict == "supports"


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (certs.self_signed(HOST), "self-signed"),
        (webpki.host(webpki.root("Public Root"), HOST), "certificate is not accepted"),
        (webpki.host(ROOT, "foo.test"), "mismatch"),
        (webpki.host(ROOT, "127.0.0.1"), "mismatch"),
        (webpki.host(ROOT, HOST, not_before=1_700_000_000, days=30), "expired"),
    ],
    ids=["self-signed", "another CA", "another name", "address", "expired"],
)
def test_a_server_with_another_certificate_is_not_believed(
    web: Web, made: certs.Made, why: str
) -> None:
    """Whoever spoofs DNS can answer, but not with a public CA's certificate for this name. The
    policy is not even asked for."""
    web.made = made
    found = ask(web)
    assert found.verdict == "inconclusive"
    assert why in found.detail
    assert web.requests in ([], [b""])


def test_an_old_version_of_tls_is_not_believed(web: Web) -> None:
    """RFC 8461, 3.3 and RFC 8996: TLS 1.2 at least. A client that takes any version does speak to
    the same server."""
    web.newest = ssl.TLSVersion.TLSv1_2
    assert ask(web).verdict == "supports"
    web.newest = ssl.TLSVersion.TLSv1_1
    assert ask(web).verdict == "inconclusive"
    lax = Web(web.port, web.roots).context_of(ssl.PROTOCOL_TLS_CLIENT, ssl.TLSVersion.TLSv1_3)
    lax.check_hostname, lax.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", web.port)) as plain,
        lax.wrap_socket(plain) as line,
    ):
        assert line.version() == "TLSv1.1"


def test_redirects_are_not_followed(web: Web) -> None:
    """RFC 8461, 3.3. The place that it points to would be asked otherwise."""
    for status in (301, 302, 303, 307, 308):
        there = f"https://{HOST}:{web.port}/elsewhere".encode()
        web.says = b"HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Type: text/plain\r\n" % (
            status, there,
        )  # fmt: skip
        web.says += b"Content-Length: %d\r\n\r\n" % len(POLICY) + POLICY
        found = ask(web)
        assert (found.verdict, "redirects are not followed" in found.detail) == (
            "inconclusive", True,
        )  # fmt: skip
    assert web.connections == 5


BAD_ANSWERS = {
    "not found": b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n\r\n" + POLICY,
    "no content": b"HTTP/1.1 204 No Content\r\nContent-Type: text/plain\r\n\r\n",
    "partial": b"HTTP/1.1 206 Partial Content\r\nContent-Type: text/plain\r\n\r\n" + POLICY,
    "a page": answer(head=OK.replace(b"plain", b"html")),
    "no kind": answer(head=b"HTTP/1.1 200 OK\r\n"),
    "nothing": b"",
    "no HTTP": b"220 mx.foo.test ESMTP\r\n",
    "a policy alone": POLICY,
    "control characters": b"HTTP/1.1 200 \x1b[2J\r\nContent-Type: \x1b[2J\r\n\r\n",
    "cut off": answer()[:-20],
    "cut off between lines": answer(POLICY + b"mx: mx2.foo.test\r\n")[:-18],
    "a chunk cut off": OK + b"Transfer-Encoding: chunked\r\n\r\nff\r\n" + POLICY,
    "a chunk without size": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + POLICY,
    "a negative length": OK + b"Content-Length: -1\r\n\r\nversion: STSv2",
    "a thousand headers": OK + b"X: y\r\n" * 1000 + b"\r\n" + POLICY,
    "a long header": OK + b"X: " + b"y" * 70000 + b"\r\n\r\n" + POLICY,
    "a long line": b"HTTP/1.1 200 " + b"y" * 70000 + b"\r\n\r\n" + POLICY,
    "continue for ever": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    "too long": answer(POLICY + b"x: y\r\n" * 11000),
    "much too long": answer(POLICY + b"x: y\r\n" * 40000),
    "long without length": OK + b"\r\n" + POLICY + b"x: y\r\n" * 11000,
    "no version": answer(POLICY.replace(b"version: STSv1\r\n", b"")),
    "another version": answer(POLICY.replace(b"STSv1", b"STSv2")),
    "no mode": answer(POLICY.replace(b"mode", b"mood")),
    "another mode": answer(POLICY.replace(b"enforce", b"enforced")),
    "no age": answer(POLICY.replace(b"max_age", b"age")),
    "an age that is none": answer(POLICY.replace(b"604800", b"-1")),
    "no host": answer(b"version: STSv1\nmode: enforce\nmax_age: 1\n"),
    "a host that is none": answer(POLICY.replace(b"mx.foo", b"${run{x}}.foo")),
    "any host": answer(POLICY.replace(b"*.mail.foo.test", b"*")),
    "a wildcard within": answer(POLICY.replace(b"*.mail", b"mail.*")),
    "many hosts": answer(POLICY + b"".join(b"mx: m%d.foo.test\n" % one for one in range(300))),
    "no text": answer(POLICY + b"\xff\xfe"),
    "no colon": answer(POLICY + b"hello\n"),
}


@pytest.mark.parametrize("says", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_an_answer_that_is_no_policy_is_inconclusive(web: Web, says: bytes) -> None:
    """Whatever is wrong with it, it neither supports nor contradicts, and one line says why."""
    web.says = says
    found = ask(web)
    assert found.verdict == "inconclusive"
    assert found.detail.startswith("the MTA-STS policy cannot be read: ")


GOOD_ANSWERS = {
    "chunked": OK + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK,
    "until the end": OK + b"\r\n" + POLICY,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\ncontent-type: TEXT/PLAIN; charset=utf-8\r\n\r\n" + POLICY,
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n" + answer(),
    "line feeds": answer(POLICY.replace(b"\r\n", b"\n")),
    "unknown fields": answer(b"x-ours: y\r\n" + POLICY),
    "the first of two modes": answer(POLICY + b"mode: none\r\n"),
    "capital letters": answer(POLICY.replace(b"mx.foo.test", b"MX.Foo.Test.")),
    "as long as may be": answer(POLICY + b"x: y\r\n" * 10000),
}  # fmt: skip


@pytest.mark.parametrize("says", GOOD_ANSWERS.values(), ids=GOOD_ANSWERS)
def test_every_honest_form_is_read(web: Web, says: bytes) -> None:
    """Of HTTP (RFC 9112, 6) and of the policy (RFC 8461, 3.2)."""
    web.says = says
    assert ask(web).verdict == "supports"


def _drip(line: ssl.SSLSocket) -> None:
    with contextlib.suppress(OSError):
        for byte in answer() * 100:
            line.sendall(bytes((byte,)))
            threading.Event().wait(0.05)


def _hang(line: ssl.SSLSocket) -> None:
    with contextlib.suppress(OSError):
        line.recv(1)


def _flood(line: ssl.SSLSocket) -> None:
    with contextlib.suppress(OSError):
        line.sendall(OK + b"\r\n")
        while True:
            line.sendall(b"x" * 65536)


@pytest.mark.parametrize("says", [_drip, _hang], ids=["a byte at a time", "nothing"])
def test_a_slow_server_costs_the_time_limit(web: Web, says: Talk) -> None:
    """Of all of it, not of each read."""
    web.says = says
    found = ask(web, seconds=0.6)
    assert found.detail == "the MTA-STS policy cannot be read: it took too long"


def test_a_server_without_end_is_cut_off(web: Web) -> None:
    """After 96 KiB."""
    web.says = _flood
    assert "more than 96 KiB" in ask(web).detail


def test_a_port_that_never_shakes_hands_costs_the_time_limit(tmp_path: Path) -> None:
    """Nobody accepts; and where nobody listens, it is told at once."""
    roots = tmp_path / "roots.pem"
    roots.write_bytes(ROOT.pem)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        found = ask(Web(port, str(roots)), seconds=0.6)
    assert (found.verdict, "too long" in found.detail) == ("inconclusive", True)
    refused = ask(Web(port, str(roots)))
    assert (refused.verdict, "refused" in refused.detail) == ("inconclusive", True)


def test_roots_that_cannot_be_read_are_told(web: Web, tmp_path: Path) -> None:
    """A missing or empty file is not the same as the system's own."""
    for name, text in (("missing", None), ("empty", b"")):
        path = tmp_path / name
        if text is not None:
            path.write_bytes(text)
        web.roots = str(path)
        assert ask(web).verdict == "inconclusive"


def test_without_hosts_nothing_is_supported() -> None:
    """An empty list is no list that matches."""
    found = sts.judge(sts.Policy("enforce", ("mx.foo.test",), "1"), [])
    assert found.verdict == "inconclusive"


@given(st.binary(max_size=300))
def test_no_answer_raises(data: bytes) -> None:
    """Any bytes, and any bytes as a policy: one, or the error that is told."""
    for whole in (data, OK + b"\r\n" + data, OK + b"\r\n" + POLICY + data):
        try:
            found = sts.read_answer(whole, "1")
        except ValueError as error:
            assert not isinstance(error, UnicodeError)  # noqa: PT017
            continue
        assert found.patterns or found.mode == "none"
