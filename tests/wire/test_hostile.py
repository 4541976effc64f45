"""Hostile hosts: each is bounded in time, and told of in one line."""

from __future__ import annotations

import fcntl
import socket
import ssl
import sys
import termios
import threading
import time

import pytest

from tests import certs
from tests.wire.hosts import (
    PATIENCE_SECONDS,
    SERVER_HELLO,
    Script,
    all_seen,
    good,
    greeting,
    heard,
    hello,
    host,
    lead,
    offering,
    seen,
    silence,
)
from tests.wire.said import GOOD, SPOKEN
from trustctl.facts.wire import Outcome, Protocol


def _drip(conn: socket.socket) -> None:
    for one in b"220 " + b"a" * 100:
        conn.sendall(bytes((one,)))
        time.sleep(0.05)


def _drip_hello(conn: socket.socket) -> None:
    hello(conn)
    for one in SERVER_HELLO * 10:
        conn.sendall(bytes((one,)))
        time.sleep(0.05)


def test_a_host_that_drips_gains_no_time() -> None:
    """The budget is for the whole, not for each byte."""
    with host(_drip) as plain, host(_drip_hello) as secret:
        found = all_seen([plain.endpoint(), secret.endpoint()], budget_seconds=2)
    assert [(one.outcome, one.detail) for one in found] == [
        ("timeout", "before its greeting: no more within 2 seconds"),
        ("timeout", "within the handshake: no more within 2 seconds"),
    ]


def _pour(before: Script, what: bytes) -> Script:
    def script(conn: socket.socket) -> None:
        before(conn)
        for _ in range(10_000):  # of 1 KiB and more: 10 MB
            conn.sendall(what)

    return script


_TOO_LONG = "it sent a message that is too long (certificates: 100 KiB)"
_PADDED = b"a" * 1022 + b"\r\n"
_HELLO_REQUEST = b"\x16\x03\x03\x00\x04\x00\x00\x00\x00"
_WARNING = b"\x15\x03\x03\x00\x02\x01\x5a"  # user_canceled
_EMPTY = b"\x16\x03\x03\x00\x00"
_BIG = b"\x16\x03\x03\x40\x00\x02\x7f\xff\xff" + bytes(16380)  # a ServerHello of 8 MiB


@pytest.mark.parametrize(
    ("script", "outcome", "detail"),
    [
        (_pour(silence, b"a" * 1024), "garbled", "it sent a line of more than 4096 bytes"),
        (_pour(silence, b"220-" + _PADDED), "garbled", "it sent more than 65536 bytes before TLS"),
        (_pour(silence, b"220-a\r\n" * 200), "garbled", "it sent more than 200 lines before TLS"),
        (_pour(greeting, b"250-" + _PADDED), "garbled", "it sent more than 65536 bytes before TLS"),
        (_pour(offering, b"220-" + _PADDED), "garbled", "it sent more than 65536 bytes before TLS"),
        (_pour(hello, _PADDED), "injected", f'it sent "{"a" * 79}…" where TLS begins'),
        (
            _pour(hello, _HELLO_REQUEST * 120),
            "tls-failed",
            "it sent more than 1048576 bytes in the handshake",
        ),
        (_pour(hello, _WARNING * 150), "tls-failed", "OpenSSL says: too many warn alerts"),
        (_pour(hello, _EMPTY * 200), "tls-failed", "OpenSSL says: record layer failure"),
        (_pour(hello, _BIG), "tls-failed", _TOO_LONG),
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
        hello(conn)
        conn.sendall(b"\x15\x03\x03\x00\x02\x02" + bytes((alert,)))
        heard(conn)

    with host(script) as made:
        sighting = seen(made.endpoint())
    assert sighting.outcome == "tls-failed"
    assert sighting.detail == f"the host sent the alert {name}"


def _until_more(conn: socket.socket, before: int) -> int:
    """Wait until more has come than that, and leave it unread: how much there is."""
    for _ in range(100 * PATIENCE_SECONDS):
        size = bytearray(4)
        fcntl.ioctl(conn, termios.FIONREAD, size)
        if (now := int.from_bytes(size, sys.byteorder)) > before:
            return now
        time.sleep(0.01)
    pytest.fail("nothing comes")


def test_a_host_that_never_reads() -> None:
    """It answers blindly: we do not wait for it to read, and it gains no time."""
    over = threading.Event()

    def script(conn: socket.socket) -> None:
        unread = 0
        for one in GOOD["smtp"]:
            conn.sendall(one)
            unread = _until_more(conn, unread)
        conn.sendall(SERVER_HELLO)
        over.wait(PATIENCE_SECONDS)

    with host(script) as made:
        sighting = seen(made.endpoint(), budget_seconds=2)
        over.set()
    assert (sighting.outcome, sighting.detail) == (
        "timeout",
        "within the handshake: no more within 2 seconds",
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
    with host(_pour(silence, b"a" * 1024)) as bad, host(good(context)) as made:
        assert seen(bad.endpoint()).outcome == "garbled"
        assert seen(made.endpoint()).chain == (foo.der,)
