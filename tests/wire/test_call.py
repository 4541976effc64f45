"""One connection: what a host may do to it, and what is told of that."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable

import pytest

from tests import certs
from tests.wire.hosts import (
    PATIENCE_SECONDS,
    Script,
    good,
    heard,
    host,
    lead,
    reset,
    seen,
    server_context,
)
from tests.wire.said import GOOD
from trustctl.facts.wire import Endpoint, Outcome, Protocol

_SOON_SECONDS = 0.4
"""The budget where a host keeps us waiting."""
SPOKEN: tuple[Protocol, ...] = tuple(GOOD)


@pytest.fixture(scope="session")
def context(foo: certs.Made) -> ssl.SSLContext:
    """TLS of the peer foo."""
    return server_context(foo)


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


# where a host may end it: what it does before, and what is said of it

_SERVER_HELLO = b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"  # and no more of it


def _nothing(conn: socket.socket) -> None:
    pass


def _greet(conn: socket.socket) -> None:
    conn.sendall(GOOD["smtp"][0])
    heard(conn)


def _half_greet(conn: socket.socket) -> None:
    conn.sendall(b"220-mx.foo")


def _offer(conn: socket.socket) -> None:
    _greet(conn)
    conn.sendall(GOOD["smtp"][1])
    heard(conn)


def _hello(conn: socket.socket) -> None:
    lead(conn)
    heard(conn)


def _half_hello(conn: socket.socket) -> None:
    _hello(conn)
    conn.sendall(_SERVER_HELLO)
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    time.sleep(0.1)  # so that it is read before what follows


_STEPS: list[tuple[Script, str]] = [
    (_nothing, "before its greeting"),
    (_half_greet, "before its greeting"),
    (_greet, "after EHLO"),
    (_offer, "after STARTTLS"),
    (_hello, "after the ClientHello"),
    (_half_hello, "within the handshake"),
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


@pytest.mark.parametrize(("step", "where"), _STEPS)
def test_a_host_that_hangs(step: Script, where: str) -> None:
    """It is given up when its time is over, and told after which step."""

    def script(conn: socket.socket) -> None:
        step(conn)
        while conn.recv(65536):
            pass

    with host(script) as made:
        sighting = seen(made.endpoint(), budget_seconds=_SOON_SECONDS)
    assert sighting.outcome == "timeout"
    assert sighting.detail == f"{where}: no more within 0.4 seconds"


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


def _drip(conn: socket.socket) -> None:
    for one in b"220 " + b"a" * 100:
        conn.sendall(bytes((one,)))
        time.sleep(0.05)


def _drip_hello(conn: socket.socket) -> None:
    _hello(conn)
    for one in _SERVER_HELLO * 10:
        conn.sendall(bytes((one,)))
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("script", "where"), [(_drip, "before its greeting"), (_drip_hello, "within the handshake")]
)
def test_a_host_that_drips_gains_no_time(script: Script, where: str) -> None:
    """The budget is for the whole, not for each byte."""
    with host(script) as made:
        sighting = seen(made.endpoint(), budget_seconds=_SOON_SECONDS)
    assert (sighting.outcome, sighting.detail.split(":")[0]) == ("timeout", where)


def _pour(before: Script, what: bytes) -> Script:
    def script(conn: socket.socket) -> None:
        before(conn)
        for _ in range(10_000):  # of 1 KiB and more: 10 MB
            conn.sendall(what)

    return script


_PADDED = b"a" * 1022 + b"\r\n"
_HELLO_REQUEST = b"\x16\x03\x03\x00\x04\x00\x00\x00\x00"
_WARNING = b"\x15\x03\x03\x00\x02\x01\x5a"  # user_canceled
_EMPTY = b"\x16\x03\x03\x00\x00"
_BIG = b"\x16\x03\x03\x40\x00\x02\x7f\xff\xff" + bytes(16380)  # a ServerHello of 8 MiB


@pytest.mark.parametrize(
    ("script", "outcome", "detail"),
    [
        (_pour(_nothing, b"a" * 1024), "garbled", "it sent a line of more than 4096 bytes"),
        (_pour(_nothing, b"220-" + _PADDED), "garbled", "it sent more than 65536 bytes before TLS"),
        (_pour(_nothing, b"220-a\r\n" * 200), "garbled", "it sent more than 200 lines before TLS"),
        (_pour(_greet, b"250-" + _PADDED), "garbled", "it sent more than 65536 bytes before TLS"),
        (_pour(_offer, b"220-" + _PADDED), "garbled", "it sent more than 65536 bytes before TLS"),
        (_pour(_hello, _PADDED), "injected", f'it sent "{"a" * 79}…" where TLS begins'),
        (
            _pour(_hello, _HELLO_REQUEST * 120),
            "tls-failed",
            "it sent more than 1048576 bytes in the handshake",
        ),
        (_pour(_hello, _WARNING * 150), "tls-failed", "OpenSSL says: too many warn alerts"),
        (_pour(_hello, _EMPTY * 200), "tls-failed", "OpenSSL says: record layer failure"),
        (_pour(_hello, _BIG), "tls-failed", "it sent a message that is too long (certificates: 100 KiB)"),
    ],
)
def test_a_host_that_pours(script: Script, outcome: Outcome, detail: str) -> None:
    """Ten megabytes of anything are refused early, in one line."""
    with host(script) as made:
        sighting = seen(made.endpoint())
    assert (sighting.outcome, sighting.detail) == (outcome, detail)


@pytest.mark.parametrize("protocol", SPOKEN)
@pytest.mark.parametrize("together", [True, False])
def test_what_is_injected_before_the_handshake(
    protocol: Protocol, together: bool, context: ssl.SSLContext
) -> None:
    """With the answer to STARTTLS, or right after it: nothing of it counts (CVE-2021-38371)."""
    more = b"250 fake\r\n"

    def script(conn: socket.socket) -> None:
        *before, last = GOOD[protocol]
        if protocol not in ("ldap", "xmpp"):
            conn.sendall(before.pop(0))
        for one in before:
            heard(conn)
            conn.sendall(one)
        heard(conn)
        conn.sendall(last + more if together else last)
        if not together:
            heard(conn)
            conn.sendall(more)
        with context.wrap_socket(conn, server_side=True) as tls:
            tls.recv(1)

    with host(script) as made:
        sighting = seen(made.endpoint(protocol))
    assert sighting.outcome == "injected"
    assert '"250 fake"' in sighting.detail
    assert sighting.chain == ()


def test_plain_text_on_a_port_of_tls() -> None:
    """It is told what was said instead."""

    def script(conn: socket.socket) -> None:
        conn.sendall(b"220 mx.foo.test ESMTP\r\n")
        heard(conn)

    with host(script) as made:
        sighting = seen(made.endpoint("none"))
    assert sighting.outcome == "garbled"
    assert sighting.detail == 'it speaks no TLS: "220 mx.foo.test ESMTP"'


@pytest.mark.parametrize(
    ("alert", "name"),
    [(40, "handshake_failure"), (70, "protocol_version"), (112, "unrecognized_name"),
     (80, "internal_error"), (0, "close_notify"), (199, "199")],
)  # fmt: skip
def test_alerts_are_named(alert: int, name: str) -> None:
    """As the standard names them."""

    def script(conn: socket.socket) -> None:
        _hello(conn)
        conn.sendall(b"\x15\x03\x03\x00\x02\x02" + bytes((alert,)))
        heard(conn)

    with host(script) as made:
        sighting = seen(made.endpoint())
    assert sighting.outcome == "tls-failed"
    assert sighting.detail == f"the host sent the alert {name}"


def test_a_host_that_never_reads() -> None:
    """Its answers come unasked: we neither wait for it nor believe it."""

    def script(conn: socket.socket) -> None:
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        for one in (*GOOD["smtp"], _SERVER_HELLO):
            conn.sendall(one)
            time.sleep(0.05)
        time.sleep(2 * _SOON_SECONDS)

    with host(script) as made:
        sighting = seen(made.endpoint(), budget_seconds=_SOON_SECONDS)
    assert (sighting.outcome, sighting.detail) == (
        "timeout",
        "within the handshake: no more within 0.4 seconds",
    )


def test_a_host_that_keeps_the_connection_is_cut_off(
    context: ssl.SSLContext, foo: certs.Made
) -> None:
    """It was seen, and is waited for no more than a moment after the farewell."""
    over: list[bytes] = []

    def script(conn: socket.socket) -> None:
        lead(conn)
        with context.wrap_socket(conn, server_side=True) as tls:
            assert tls.recv(100) == b"QUIT\r\n"
            plain = socket.socket(fileno=tls.detach())
            plain.settimeout(PATIENCE_SECONDS)
            with plain:
                while plain.recv(100):
                    pass
                over.append(b"closed")

    with host(script) as made:
        assert seen(made.endpoint()).chain == (foo.der,)
    assert over == [b"closed"]


def test_a_host_that_pours_after_the_farewell_is_cut_off(
    context: ssl.SSLContext, foo: certs.Made
) -> None:
    """What it says then is neither read as TLS nor kept."""

    def script(conn: socket.socket) -> None:
        lead(conn)
        with context.wrap_socket(conn, server_side=True) as tls:
            assert tls.recv(100) == b"QUIT\r\n"
            for _ in range(10_000):
                tls.sendall(_PADDED)
            pytest.fail("ten megabytes were taken")

    with host(script) as made:
        assert seen(made.endpoint()).chain == (foo.der,)


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        ((b"554 go away\r\n",), "declined"),
        ((GOOD["smtp"][0], b"250 mx.foo.test\r\n"), "not-offered"),
        ((*GOOD["smtp"][:2], b"454 later\r\n"), "declined"),
    ],
)
def test_a_host_that_cannot_is_taken_leave_of_in_plain_text(
    answers: tuple[bytes, ...], outcome: Outcome
) -> None:
    """QUIT, as to any host that one is done with."""
    said: list[bytes] = []

    def script(conn: socket.socket) -> None:
        for one in answers:
            conn.sendall(one)
            said.append(heard(conn))

    with host(script) as made:
        assert seen(made.endpoint()).outcome == outcome
    assert said[-1] == b"QUIT\r\n"


def test_hostile_hosts_do_not_hide_the_good_one(context: ssl.SSLContext, foo: certs.Made) -> None:
    """The control: next to a flood, the good host is seen as it is."""
    with host(_pour(_nothing, b"a" * 1024)) as bad, host(good(context)) as made:
        assert seen(bad.endpoint()).outcome == "garbled"
        assert seen(made.endpoint()).chain == (foo.der,)
