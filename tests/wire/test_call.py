"""One connection: what a host may do to it, and what is told of that."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable

import pytest

from tests import certs
from tests.wire.hosts import (
    Script,
    all_seen,
    good,
    greeting,
    half_greeting,
    half_hello,
    hello,
    host,
    offering,
    reset,
    seen,
    server_context,
    silence,
)
from tests.wire.said import SPOKEN
from trustctl.facts.wire import Endpoint, Outcome, Protocol

_SOON_SECONDS = 0.5
"""The budget where a host keeps us waiting."""


@pytest.mark.parametrize("protocol", [*SPOKEN, "none"])
def test_a_good_host_is_seen_and_taken_leave_of(
    protocol: Protocol, context: ssl.SSLContext, foo: certs.Made
) -> None:
    """Its certificate, the version, the cipher; the farewell comes within TLS."""
    farewells: list[bytes] = []
    with host(good(context, protocol, farewells)) as made:
        sighting = seen(made.endpoint(protocol))
    assert (sighting.outcome, sighting.detail) == ("presented", "")
    assert (sighting.tls, sighting.cipher) == ("TLSv1.3", "TLS_AES_256_GCM_SHA384")
    assert sighting.chain == (foo.der,)
    assert sighting.endpoint == made.endpoint(protocol)
    assert abs(sighting.at - time.time()) < 60
    words = {"smtp": b"QUIT\r\n", "lmtp": b"QUIT\r\n", "imap": b"a3 LOGOUT\r\n",
             "pop3": b"QUIT\r\n", "ldap": b"\x30\x05\x02\x01\x02\x42\x00",
             "xmpp": b"</stream:stream>", "none": b""}  # fmt: skip
    assert farewells == [words[protocol]]


def test_a_host_is_seen_over_ipv6(context: ssl.SSLContext, foo: certs.Made) -> None:
    """The same, at ::1."""
    with host(good(context), "::1") as made:
        assert seen(made.endpoint()).chain == (foo.der,)


@pytest.mark.parametrize(
    ("name", "sent"),
    [("mx.foo.test", "mx.foo.test"), ("mx.foo.test.", "mx.foo.test"), ("127.0.0.1", None),
     ("2001:db8::1", None), ("a" * 300, None), ("mx foo", None)],
)  # fmt: skip
def test_the_name_is_sent_where_it_is_one(name: str, sent: str | None, foo: certs.Made) -> None:
    """SNI is for names (RFC 6066, 3)."""
    names: list[str | None] = []
    asked = server_context(foo)
    asked.sni_callback = lambda _tls, name, _context: names.append(name)
    with host(good(asked)) as made:
        assert seen(made.endpoint(host=name)).outcome == "presented"
    assert names == [sent]


def test_nobody_listens() -> None:
    """Refused is another thing than hanging."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    sighting = seen(Endpoint("mx.foo.test", "127.0.0.1", port, "smtp"))
    assert (sighting.outcome, sighting.detail) == ("unreachable", "the connection is refused")


def test_no_address_is_no_host() -> None:
    """A name that leads nowhere is not looked up again."""
    sighting = seen(Endpoint("mx.foo.test", "", 25, "smtp"))
    assert (sighting.outcome, sighting.detail) == ("no-host", "its name leads to no address")


@pytest.mark.parametrize("address", ["localhost", "mx.foo.test", "127.1", "127.0.0.1 "])
def test_a_name_in_the_place_of_an_address_is_not_looked_up(address: str) -> None:
    """It is the caller's mistake."""
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 address"):
        seen(Endpoint("mx.foo.test", address, 25, "smtp"))


@pytest.mark.parametrize(
    ("version", "outcome", "detail"),
    [
        (ssl.TLSVersion.TLSv1_3, "presented", ""),
        (ssl.TLSVersion.TLSv1_2, "tls-failed", "the host sent the alert handshake_failure"),
    ],
)
def test_a_host_that_wants_a_certificate_of_ours(
    version: ssl.TLSVersion, outcome: Outcome, detail: str, foo: certs.Made
) -> None:
    """There is none: from TLS 1.3 on it has presented its own before it says so."""
    asking = server_context(foo, version=version)
    asking.verify_mode = ssl.CERT_REQUIRED

    def script(conn: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError):
            good(asking)(conn)

    with host(script) as made:
        sighting = seen(made.endpoint())
    assert (sighting.outcome, sighting.detail.split(";")[0]) == (outcome, detail)
    if outcome == "tls-failed":
        assert sighting.chain == ()
        assert sighting.detail.endswith(f"with the SHA-256 {foo.fingerprint}")


# where a host may end it: what it does before, and what is said of it

_STEPS: list[tuple[Script, str]] = [
    (silence, "before its greeting"),
    (half_greeting, "before its greeting"),
    (greeting, "after EHLO"),
    (offering, "after STARTTLS"),
    (hello, "after the ClientHello"),
    (half_hello, "within the handshake"),
]


@pytest.mark.parametrize(("step", "where"), _STEPS)
@pytest.mark.parametrize(("end", "how"), [(reset, "reset"), (socket.socket.close, "closed")])
def test_a_host_that_hangs_up(
    step: Script, where: str, end: Callable[[socket.socket], None], how: str
) -> None:
    """It is told how, and after which step."""

    def script(conn: socket.socket) -> None:
        step(conn)
        end(conn)

    with host(script) as made:
        sighting = seen(made.endpoint())
    assert (sighting.outcome, sighting.detail) == ("closed", f"connection {how} {where}")
    assert sighting.chain == ()


def _and_hang(step: Script) -> Script:
    def script(conn: socket.socket) -> None:
        step(conn)
        while conn.recv(65536):
            pass

    return script


def test_a_host_that_hangs() -> None:
    """It is given up when its time is over, and told after which step."""
    with contextlib.ExitStack() as stack:
        hosts = [stack.enter_context(host(_and_hang(step))) for step, _where in _STEPS]
        found = all_seen([one.endpoint() for one in hosts], budget_seconds=2)
    assert [(one.outcome, one.detail) for one in found] == [
        ("timeout", f"{where}: no more within 2 seconds") for _step, where in _STEPS
    ]


def test_a_host_that_never_accepts() -> None:
    """A queue that is full answers no connection, and that is a time-out, too."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for other in (first, second):
            other.setblocking(False)
            other.connect_ex(listener.getsockname())
        place = Endpoint("mx.foo.test", "127.0.0.1", listener.getsockname()[1], "smtp")
        sighting = seen(place, budget_seconds=_SOON_SECONDS)
    assert sighting.outcome == "timeout"
