"""DNS of the namespace: says what an attacker wants, and claims that DNSSEC proves it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping, Sequence

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from trustctl.prove.mta import SENDER_DOMAIN

RESOLVER = b"nameserver 127.0.0.1\noptions timeout:10 attempts:3 trust-ad\n"
"""The namespace's ``/etc/resolv.conf``: whatever claims to be validated is taken for it. Every
question is answered, so a short time would tell of nothing but a machine that is busy."""


class NameServer:
    """Answers on 127.0.0.1:53 from a zone that may be exchanged at any time. Data after ``NAME: ``
    are said to be of that name, whatever was asked for. ``elsewhere``: the address of every host
    that the zone does not have; none where it is empty."""

    def __init__(self, elsewhere: str = "") -> None:
        self.elsewhere = elsewhere
        self.zone: Mapping[str, Mapping[str, Sequence[str]]] = {}
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            packet, client = self._socket.recvfrom(4096)
            with contextlib.suppress(dns.exception.DNSException, OSError, LookupError, ValueError):
                self._socket.sendto(self._answer(packet), client)

    def _answer(self, packet: bytes) -> bytes:
        query = dns.message.from_wire(packet)
        response = dns.message.make_response(query, recursion_available=True)
        response.flags |= dns.flags.AD
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{name} {kind}")
        owned = self.zone.get(name)
        if owned is None and self.elsewhere and name != SENDER_DOMAIN:
            owned = {"A": (self.elsewhere,)}
        # a name exists too where something exists below it
        exists = owned is not None or any(one.endswith(f".{name}") for one in self.zone)
        response.set_rcode(dns.rcode.NOERROR if exists else dns.rcode.NXDOMAIN)
        owner = question.name
        for _step in range(3):
            if not owned or kind in owned or "CNAME" not in owned:
                break
            (target,) = owned["CNAME"]
            alias = dns.rrset.from_text(owner, 20, "IN", "CNAME", f"{target}.")
            response.answer.append(alias)
            owner, owned = alias[0].target, self.zone.get(target)
        for said in owned[kind] if owned and kind in owned else ():
            another, separator, data = said.rpartition(": ")
            of = dns.name.from_text(another) if separator else owner
            response.answer.append(dns.rrset.from_text(of, 20, "IN", kind, data))
        return response.to_wire()
