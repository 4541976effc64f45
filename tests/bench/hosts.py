"""Mail hosts on the loopback interface, for the benchmark of the wire: STARTTLS, TLS, QUIT.

python -m tests.bench.hosts PORT FIRST COUNT PEM    COUNT of them, from number FIRST on
python -m tests.bench.hosts PORT FIRST COUNT        the same, but they say nothing at all
"""

from __future__ import annotations

import asyncio
import errno
import functools
import gc
import signal
import socket
import ssl
import sys

_LATER = (errno.EAGAIN, errno.EINTR)
_BACKLOG = 64


def address(number: int) -> str:
    """The address of host number so and so: 127.64.0.1 and on."""
    high, low = divmod(number, 250)
    return f"127.{64 + high // 250}.{high % 250}.{low + 1}"


class _Session:
    """One connection; as little Python as it takes, for the machine is shared with the client."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket,
                 context: ssl.SSLContext) -> None:  # fmt: skip
        self.loop, self.sock, self.context = loop, sock, context
        self.tls: ssl.SSLObject | None = None
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        loop.add_reader(sock.fileno(), self.readable)
        sock.send(b"220 mx.bench.test ESMTP\r\n")

    def readable(self) -> None:
        try:
            data = self.sock.recv(16384)
            if not data:
                self.close()
            elif self.tls is None:
                self.said(data)
            else:
                self.incoming.write(data)
                self.encrypted(self.tls)
        except OSError as error:
            if error.errno not in _LATER:
                self.close()

    def said(self, data: bytes) -> None:
        if data.startswith(b"STARTTLS"):
            self.tls = self.context.wrap_bio(self.incoming, self.outgoing, server_side=True)
            self.sock.send(b"220 go ahead\r\n")
        elif data.startswith(b"EHLO"):
            self.sock.send(b"250-mx.bench.test\r\n250-SIZE 1000000\r\n250 STARTTLS\r\n")
        else:
            self.sock.send(b"221 bye\r\n")
            self.close()

    def encrypted(self, tls: ssl.SSLObject) -> None:
        over = False
        try:
            while data := tls.read(4096):  # which begins with the handshake
                if data.startswith(b"EHLO"):
                    tls.write(b"250 mx.bench.test\r\n")
                elif data.startswith(b"QUIT"):
                    tls.write(b"221 bye\r\n")
                    over = True
        except ssl.SSLWantReadError:
            pass
        if rest := self.outgoing.read():
            self.sock.send(rest)
        if over:
            self.close()

    def close(self) -> None:
        self.loop.remove_reader(self.sock.fileno())
        self.sock.close()


async def _serve(port: int, first: int, count: int, pem: str | None) -> None:
    loop = asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if pem is not None:
        context.load_cert_chain(pem)
        context.num_tickets = 0

    def accept(listener: socket.socket) -> None:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        sock.setblocking(False)
        _Session(loop, sock, context)

    listeners = []
    for number in range(first, first + count):
        listener = socket.create_server((address(number), port), backlog=_BACKLOG)
        listener.setblocking(False)
        listeners.append(listener)
        if pem is not None:
            loop.add_reader(listener.fileno(), functools.partial(accept, listener))
    print("ready", flush=True)
    gc.disable()
    over = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    await over.wait()


if __name__ == "__main__":
    port, first, count, *pem = sys.argv[1:]
    asyncio.run(_serve(int(port), int(first), int(count), pem[0] if pem else None))
