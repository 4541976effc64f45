"""An HTTPS server on this machine that says what it is told, also what no server should."""

from __future__ import annotations

import contextlib
import socket
import ssl
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests import certs

POLICY = (
    b"version: STSv1\r\nmode: enforce\r\nmx: mx.foo.test\r\nmx: *.mail.foo.test\r\n"
    b"max_age: 604800\r\n"
)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"

Talk = Callable[[ssl.SSLSocket], None]
"""What is done with a connection after its request."""


def answer(body: bytes = POLICY, head: bytes = OK) -> bytes:
    """A whole answer over HTTP."""
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


@dataclass
class Web:
    """An HTTPS server that says what it is told.

    Attributes:
        says: what follows a request. requests: what came, in order.
        connections: how many were made, whether or not a handshake followed.
    """

    port: int
    roots: str
    says: bytes | Talk = field(default_factory=answer)
    made: certs.Made | None = None
    folder: Path | None = None
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3

    def context(self) -> ssl.SSLContext:
        """The server's side."""
        assert self.made is not None
        assert self.folder is not None
        path = self.folder / "web.pem"
        path.write_bytes(self.made.pem + self.made.key_pem)
        context = self.context_of(ssl.PROTOCOL_TLS_SERVER, self.newest)
        context.load_cert_chain(path)
        return context

    def context_of(self, protocol: int, newest: ssl.TLSVersion) -> ssl.SSLContext:
        """A side that speaks any version up to the newest."""
        context = ssl.SSLContext(protocol)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # old versions are the point
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = newest
        return context


def serve(web: Web, listener: socket.socket) -> None:
    """One connection after the other, until the listener is closed."""
    while True:
        try:
            plain, _peer = listener.accept()
        except OSError:
            return
        web.connections += 1
        plain.settimeout(5)
        with plain, contextlib.suppress(OSError):
            line = web.context().wrap_socket(plain, server_side=True)
            with line:
                web.requests.append(line.recv(4096))
                if callable(web.says):
                    web.says(line)
                else:
                    line.sendall(web.says)
                    line.unwrap()
