"""Hosts on the loopback interface that do what a script says, good or hostile, with real TLS."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.certs import Made, pem
from tests.wire.said import EHLO, GOOD
from trustctl.facts.wire import Endpoint, Protocol, Sighting
from trustctl.wire import dial

Script = Callable[[socket.socket], None]
"""What is done with one connection; it is closed afterwards."""
PATIENCE_SECONDS = 60
"""How long a host of the tests waits for its client: no test's result depends on it."""


class Host:
    """A listening socket, and a thread for each connection.

    Attributes:
        port: where it listens. calls: how many connections there were; ``under_way``: how many
            there are.
    """

    def __init__(self, script: Script, address: str = "127.0.0.1", port: int = 0) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.address = address
        self._script = script
        self._listener = socket.create_server((address, port), family=family, backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self.calls = self.under_way = 0
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []
        self._lock = threading.Lock()
        self._over = False
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def endpoint(self, protocol: Protocol = "smtp", host: str = "mx.foo.test") -> Endpoint:
        """What to call."""
        return Endpoint(host, self.address, self.port, protocol)

    def close(self) -> None:
        """Stop, and tell of what went wrong in a script."""
        self._over = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes up who accepts
        with self._lock:
            for conn in self._open:
                with contextlib.suppress(OSError):
                    conn.shutdown(socket.SHUT_RDWR)
        for thread in (self._thread, *self._threads):
            thread.join()
        self._listener.close()
        if self._errors:
            raise self._errors[0]

    def _accept(self) -> None:
        while not self._over:
            try:
                conn, _ = self._listener.accept()
            except OSError:
                return
            conn.settimeout(PATIENCE_SECONDS)
            with self._lock:
                self.calls += 1
                self.under_way += 1
                self._open.add(conn)
            thread = threading.Thread(target=self._serve, args=(conn,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, conn: socket.socket) -> None:
        try:
            self._script(conn)
        except OSError:
            pass  # the client has left: what came of that is the client's to say
        except BaseException as error:
            self._errors.append(error)
        finally:
            with self._lock:
                self.under_way -= 1
                self._open.discard(conn)
                conn.close()


@contextlib.contextmanager
def host(script: Script, address: str = "127.0.0.1", port: int = 0) -> Iterator[Host]:
    """Such a host, as long as it is needed."""
    made = Host(script, address, port)
    try:
        yield made
    finally:
        made.close()


def heard(conn: socket.socket) -> bytes:
    """What the client says next: it sends one thing at a time."""
    said = conn.recv(65536)
    if not said:
        raise ConnectionResetError("the client has left")
    return said


def lead(conn: socket.socket, protocol: Protocol = "smtp") -> None:
    """Everything a good host says up to TLS."""
    answers = list(GOOD.get(protocol, ()))
    if protocol not in ("ldap", "xmpp") and answers:
        conn.sendall(answers.pop(0))
    for one in answers:
        heard(conn)
        conn.sendall(one)


SERVER_HELLO = b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"  # and no more of it


def silence(conn: socket.socket) -> None:
    """Say nothing."""


def greeting(conn: socket.socket) -> None:
    """Greet, and hear EHLO."""
    conn.sendall(GOOD["smtp"][0])
    heard(conn)


def half_greeting(conn: socket.socket) -> None:
    """Begin to greet."""
    conn.sendall(b"220-mx.foo")


def offering(conn: socket.socket) -> None:
    """Offer STARTTLS, and be asked for it."""
    greeting(conn)
    conn.sendall(GOOD["smtp"][1])
    heard(conn)


def hello(conn: socket.socket) -> None:
    """Agree to TLS, and hear the ClientHello."""
    lead(conn)
    heard(conn)


def half_hello(conn: socket.socket) -> None:
    """Begin to answer the ClientHello."""
    hello(conn)
    conn.sendall(SERVER_HELLO)
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    time.sleep(0.1)  # so that it is read before what follows


def good(context: ssl.SSLContext, protocol: Protocol = "smtp",
         farewells: list[bytes] | None = None) -> Script:  # fmt: skip
    """A good host; what is said within TLS is put into ``farewells``."""

    def script(conn: socket.socket) -> None:
        lead(conn, protocol)
        with context.wrap_socket(conn, server_side=True) as tls:
            said = tls.recv(65536)
            if farewells is not None:
                farewells.append(said)
            tls.unwrap()

    return script


def reset(conn: socket.socket) -> None:
    """End the connection with a TCP reset."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()


def server_context(
    *chain: Made | bytes, version: ssl.TLSVersion | None = None, ciphers: str = "ALL:@SECLEVEL=0"
) -> ssl.SSLContext:
    """A server's TLS with this chain; the first has the key."""
    first = chain[0]
    assert isinstance(first, Made)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(ciphers)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "chain.pem")
        rest = (one if isinstance(one, bytes) else one.der for one in chain)
        file.write_bytes(first.key_pem + b"".join(pem(one) for one in rest))
        context.load_cert_chain(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the versions that we want to see
        context.minimum_version = version or ssl.TLSVersion.TLSv1
        if version is not None:
            context.maximum_version = version
    return context


def all_seen(endpoints: Iterable[Endpoint], *, budget_seconds: float) -> list[Sighting]:
    """What is seen of each, all at the same time."""

    async def look() -> list[Sighting]:
        calls = [dial.sight(one, ehlo=EHLO, budget_seconds=budget_seconds) for one in endpoints]
        return await asyncio.gather(*calls)

    return asyncio.run(look())


def seen(endpoint: Endpoint, *, budget_seconds: float = PATIENCE_SECONDS) -> Sighting:
    """What is seen there."""
    return asyncio.run(dial.sight(endpoint, ehlo=EHLO, budget_seconds=budget_seconds))
