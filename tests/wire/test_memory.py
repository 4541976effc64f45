"""What hostile hosts send is not kept: the memory of whoever looks at them stays as it is."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys

from tests import certs
from tests.wire.hosts import Script, good, heard, host, lead, server_context

_CLIENT = """
import asyncio, gc, resource, sys
from trustctl.facts.wire import Endpoint
from trustctl.wire import dial

gc.disable()

def look(port, protocol):
    place = Endpoint("mx.foo.test", "127.0.0.1", int(port), protocol)
    return asyncio.run(dial.sight(place, ehlo="probe.bar.test", budget_seconds=60)).outcome

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

good, *bad = sys.argv[1:]
assert look(good, "smtp") == "presented"
before = peak()
outcomes = [look(port, "none" if port == bad[-1] else "smtp") for port in bad]
print(look(good, "smtp"), *outcomes, peak() - before)
"""
_SENT = 20_000  # KiB of each kind
_BOUND_KIB = 4_000
"""Less than a quarter of what any one of them sends."""


def _pour(what: bytes, hello: bool = False) -> Script:
    block = what * (65536 // len(what) + 1)

    def script(conn: socket.socket) -> None:
        if hello:
            lead(conn)
            heard(conn)
        for _ in range(_SENT // 64):
            conn.sendall(block)

    return script


def test_nothing_of_a_flood_is_kept(foo: certs.Made) -> None:
    """Twenty megabytes of every kind, and a certificate of one, leave no trace."""
    context = server_context(foo)
    with contextlib.ExitStack() as stack:
        ports = [
            str(stack.enter_context(host(script)).port)
            for script in (
                good(context),
                _pour(b"a"),
                _pour(b"220-a\r\n"),
                _pour(b"\x16\x03\x03\x00\x04\x00\x00\x00\x00", hello=True),
                _pour(b"\x16\x03\x03\x40\x00" + b"\x0b\x00\xff\xff" + bytes(16380), hello=True),
                _after(context, b"a" * 65536),
                _pour(b"\x16\x03\x03\x40\x00" + b"\x0b\x00\xff\xff" + bytes(16380)),
            )
        ]
        ran = subprocess.run(
            [sys.executable, "-c", _CLIENT, *ports], capture_output=True, check=True, timeout=120
        )
    *outcomes, grown = ran.stdout.decode().split()
    assert outcomes == [
        "presented", "garbled", "garbled", "tls-failed", "tls-failed", "presented", "tls-failed"
    ]  # fmt: skip
    assert int(grown) < _BOUND_KIB


def _after(context: ssl.SSLContext, what: bytes) -> Script:
    """A good host that pours after the farewell."""

    def script(conn: socket.socket) -> None:
        lead(conn)
        with context.wrap_socket(conn, server_side=True) as tls:
            assert tls.recv(100) == b"QUIT\r\n"
            for _ in range(_SENT // 64):
                tls.sendall(what)

    return script
