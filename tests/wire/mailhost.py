"""A mail host on loopback: SMTP with STARTTLS and whatever certificate it is given, or a fault."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import ssl
import tempfile
import threading
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.certs import Made

_ADDRESSES = itertools.count(1)


def new_address() -> str:
    """A loopback address that no other test has, whichever processes run at the same time."""
    number, low = os.getpid() % 65000, next(_ADDRESSES)
    return f"127.{100 + number // 250 % 100}.{number % 250}.{low % 250 + 1}"


class MailHost:
    """One host. What it presents, and how it behaves, may be changed while it runs.

    Attributes:
        offers: whether it offers STARTTLS. newest: the newest TLS it speaks.
        said: the names that clients gave in EHLO. sessions: how many there were.
    """

    def __init__(self, address: str, port: int) -> None:
        self.address, self.port = address, port
        self.offers = True
        self.newest = ssl.TLSVersion.TLSv1_3
        self.said: list[str] = []
        self.ended: list[str] = []
        self.sessions = 0
        self._context: ssl.SSLContext | None = None
        self._chain: Sequence[Made] = ()

    def presents(self, made: Made, *above: Made) -> MailHost:
        """Present this certificate and those above it from now on."""
        self._chain = (made, *above)
        return self

    def _new_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = self.newest
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "both.pem"
            path.write_bytes(self._chain[0].key_pem + b"".join(one.pem for one in self._chain))
            context.load_cert_chain(path)
        return context

    def serve(self, connection: socket.socket) -> None:
        """One session (RFC 5321, RFC 3207)."""
        self.sessions += 1
        connection.settimeout(10)
        if self._talk(connection):
            with self._new_context().wrap_socket(connection, server_side=True) as secured:
                self._talk(secured)

    def _talk(self, connection: socket.socket) -> bool:
        """Until STARTTLS (True) or the end of the session."""
        with connection.makefile("rwb", buffering=0) as lines:
            if not isinstance(connection, ssl.SSLSocket):
                lines.write(b"220 mx.test ESMTP\r\n")
            while line := lines.readline():
                verb = line[:4].upper()
                if verb == b"EHLO":
                    self.said.append(line[5:].decode().strip())
                    lines.write(b"250-mx.test\r\n250-SIZE 1000\r\n")
                    lines.write(b"250 STARTTLS\r\n" if self.offers else b"250 8BITMIME\r\n")
                elif verb == b"STAR":
                    lines.write(b"220 go ahead\r\n")
                    return True
                elif verb == b"QUIT":
                    self.ended.append(type(connection).__name__)
                    lines.write(b"221 bye\r\n")
                    break
        return False


@contextlib.contextmanager
def mailhost(made: Made | None, port: int, address: str | None = None) -> Iterator[MailHost]:
    """Such a host, until it is not needed any more."""
    host = MailHost(address or new_address(), port)
    if made is not None:
        host.presents(made)
    stop = threading.Event()

    def session(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, ssl.SSLError):
            host.serve(connection)

    def accept(server: socket.socket) -> None:
        server.settimeout(0.05)
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _client = server.accept()
                threading.Thread(target=session, args=(connection,), daemon=True).start()

    with socket.create_server((host.address, port)) as server:
        thread = threading.Thread(target=accept, args=(server,), daemon=True)
        thread.start()
        try:
            yield host
        finally:
            stop.set()
            thread.join()
