"""A resolver that answers whatever it likes, over UDP and TCP, and counts what it is asked."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset

Reply = Callable[[dns.message.Message], "dns.message.Message | bytes | None"]
"""What is answered to a query; None: nothing at all."""


class Liar:
    """``address`` is where it listens.

    Attributes:
        asked: how often each question was asked, as ``NAME TYPE``.
        streams: how many of them over TCP.
    """

    def __init__(self, reply: Reply, host: str, port: int, stream: Reply | None) -> None:
        self.reply = reply
        self.stream = stream or reply
        self.host = host
        self.port = port
        self.asked: Counter[str] = Counter()
        self.streams = 0

    @property
    def address(self) -> str:
        """As a resolver's address is typed."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def answer(self, data: bytes, *, stream: bool) -> bytes | None:
        """The answer to one message."""
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text(omit_final_dot=True)
        self.asked[f"{name} {dns.rdatatype.to_text(query.question[0].rdtype)}"] += 1
        self.streams += stream
        answer = self.stream(query) if stream else self.reply(query)
        if not isinstance(answer, dns.message.Message):
            return answer
        wire = answer.to_wire(max_size=65535)
        if len(wire) <= 1232 or stream:
            return wire
        return cut_off(query).to_wire()


@contextlib.contextmanager
def liar(
    reply: Reply, host: str = "127.0.0.1", port: int = 0, *, stream: Reply | None = None
) -> Iterator[Liar]:
    """Such a resolver, until it is not needed any more.

    Args:
        port: 0: one that is free. stream: what is said over TCP; None: the same.
    """
    it = Liar(reply, host, port, stream)

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, line = self.request
            answer = it.answer(data, stream=False)
            if answer is not None:
                line.sendto(answer, self.client_address)

    class Stream(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            (size,) = struct.unpack(">H", self.rfile.read(2))
            answer = it.answer(self.rfile.read(size), stream=True)
            if answer is not None:
                self.wfile.write(struct.pack(">H", len(answer)) + answer)

    class Udp(socketserver.ThreadingUDPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

    class Tcp(socketserver.ThreadingTCPServer):
        address_family = Udp.address_family
        allow_reuse_address = port != 0
        daemon_threads = True

    def pair() -> tuple[Udp, Tcp]:
        while True:
            tcp = Tcp((host, port), Stream)
            it.port = tcp.server_address[1]
            try:
                return Udp((host, it.port), Datagram), tcp
            except OSError:  # somebody else has it for UDP
                tcp.server_close()
                if port:
                    raise

    first, second = pair()
    with first as udp, second as tcp:
        threads = [
            threading.Thread(target=one.serve_forever, args=(0.02,), daemon=True)
            for one in (udp, tcp)
        ]
        for one in threads:
            one.start()
        try:
            yield it
        finally:
            for server in (udp, tcp):
                server.shutdown()
            for one in threads:
                one.join()


def cut_off(query: dns.message.Message) -> dns.message.Message:
    """Nothing, which is said to be cut off: ask over TCP (RFC 2181, 9)."""
    answer = dns.message.make_response(query)
    answer.flags |= dns.flags.TC
    return answer


def zone(records: dict[str, list[str]], *, flags: int = 0, rcode: int = 0) -> Reply:
    """Answers by a table of ``"NAME TYPE"`` to data; ``"NAME"`` alone: such a name exists. Aliases
    are left to whoever asks.

    Args:
        flags: set in every answer. rcode: of every answer; 0: what the table says.
    """
    names = {key.partition(" ")[0] for key in records}

    def reply(query: dns.message.Message) -> dns.message.Message:
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        answer = dns.message.make_response(query, recursion_available=True)
        answer.flags |= flags
        answer.set_rcode(rcode or (0 if name in names else 3))  # type: ignore[arg-type]
        for one in dict.fromkeys((kind, "CNAME")):
            if data := records.get(f"{name} {one}"):
                answer.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", one, data))
        return answer

    return reply
