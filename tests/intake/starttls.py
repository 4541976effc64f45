"""A mail server that offers STARTTLS and no more, for clients that fetch its certificate."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

from tests.certs import Made


@contextmanager
def server(folder: Path, chain: list[Made]) -> Iterator[int]:
    """Serves one client with this chain (its first is the server's own); yields the port."""
    (folder / "chain.pem").write_bytes(b"".join(one.pem for one in chain))
    (folder / "key.pem").write_bytes(chain[0].key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)
        thread = Thread(target=_serve, args=(listening, context))
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


def _serve(listening: socket.socket, context: ssl.SSLContext) -> None:
    with listening.accept()[0] as plain:
        plain.settimeout(60)
        _talk(plain)
        with context.wrap_socket(plain, server_side=True) as secure:
            _talk(secure)


def _talk(connection: socket.socket) -> None:
    """Until STARTTLS, QUIT, or the client's end (RFC 5321, RFC 3207)."""
    connection.sendall(b"220 mx ESMTP\r\n" if not isinstance(connection, ssl.SSLSocket) else b"")
    while verb := connection.recv(1000)[:4].upper():
        connection.sendall(
            {b"EHLO": b"250-mx\r\n250 STARTTLS\r\n", b"QUIT": b"221 bye\r\n"}.get(
                verb, b"220 go ahead\r\n"
            )
        )
        if verb in (b"STAR", b"QUIT"):
            return
