"""One question to a resolver: what it answers as plain values, and whether DNSSEC proves it."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import dns.asyncbackend
import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from trustctl.facts.network import parse_resolver
from trustctl.facts.text import printable
from trustctl.facts.wire import TlsaRecord

Kind = Literal["A", "AAAA", "MX", "TLSA", "TXT"]
Value = str | bytes | tuple[int, str] | TlsaRecord

_PAYLOAD_BYTES = 1232  # that no path fragments (DNS flag day 2020)
_CHAIN_LIMIT = 8
_FIRST_TRY = 0.3
"""The part of the time that the first try may take: a packet may be lost."""
_AT_ONCE = 100
_SILENCE = 20
"""After so many time-outs without one answer nobody is asked any more: nothing is there."""
_SERVERS_LIMIT = 3
_RESOLV_CONF_BYTES = 1 << 16
_KNOWING = (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)


@dataclass(frozen=True, slots=True)
class Server:
    """A resolver. ``believed``: whether its word on DNSSEC (the AD bit) counts: it may come from
    anybody on the way, so only this machine's own, or one that somebody vouches for."""

    address: str
    port: int
    believed: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What there is of one name.

    Attributes:
        values: addresses as text; (preference, host) of MX; TLSA records; TXT as bytes.
        name: the name that has them, at the end of the aliases (CNAME).
        missing: there is no such name.
        authenticated: DNSSEC proves the values, or that there are none, and each alias.
        problem: why it is not known, in our own words; empty where it is.
    """

    name: str
    values: tuple[Value, ...] = ()
    missing: bool = False
    authenticated: bool = False
    problem: str = ""


def servers(server: str, trusted: bool, resolv_conf: Path) -> tuple[Server, ...]:
    """The resolver that is named, else those of resolv.conf (resolv.conf(5)).

    Raises:
        UsageError: ``server`` is no address.
    """
    if server:
        address, port = parse_resolver(server)
        return (Server(address, port, trusted or _is_loopback(address)),)
    try:
        with resolv_conf.open("rb") as stream:
            text = stream.read(_RESOLV_CONF_BYTES).decode("ascii", "replace")
    except OSError:
        text = ""
    words = [line.split() for line in text.splitlines()]
    named = [one[1] for one in words if len(one) > 1 and one[0] == "nameserver"]
    options = {word for one in words if one and one[0] == "options" for word in one[1:]}
    addresses = [one for one in named if _is_address(one)] or ["127.0.0.1"]
    return tuple(
        Server(one, 53, trusted or "trust-ad" in options or _is_loopback(one))
        for one in addresses[:_SERVERS_LIMIT]
    )


class Questions:
    """Asks, many at once; what was asked once in a run is not asked again."""

    def __init__(self, asked: Sequence[Server], timeout_seconds: float) -> None:
        self._servers = tuple(asked)
        self._timeout = timeout_seconds
        self._known: dict[tuple[str, Kind], asyncio.Task[Answer]] = {}
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._backend = dns.asyncbackend.get_backend("asyncio")
        self._silent = 0
        self._answered = False

    async def ask(self, name: str, kind: Kind) -> Answer:
        """What there is of ``name``, at the end of its aliases. Never raises for what is said."""
        key = (name, kind)
        task = self._known.get(key)
        if task is None:
            task = self._known[key] = asyncio.create_task(self._chase(name, kind))
        return await asyncio.shield(task)

    async def _chase(self, name: str, kind: Kind) -> Answer:
        """RFC 1034, 3.6.2. A resolver follows aliases by itself; one that does not is helped."""
        seen = {name}
        proven = True
        for _hop in range(_CHAIN_LIMIT):
            answer, alias = await self._once(name, kind, seen)
            proven = proven and answer.authenticated
            if alias is None or answer.problem:
                return replace(answer, authenticated=proven and not answer.problem)
            name = alias
        return Answer(name, problem=f"{kind}: more than {_CHAIN_LIMIT} aliases (CNAME)")

    async def _once(self, name: str, kind: Kind, seen: set[str]) -> tuple[Answer, str | None]:
        """One exchange; the alias that is left to follow, if any."""
        try:
            owner = dns.name.from_text(name)
        except dns.exception.DNSException:
            return Answer(name, problem=f"{kind}: the name is too long"), None
        try:
            async with self._gate:
                message, server = await self._exchange(owner, kind)
        except Exception as error:  # a hostile answer may make the parser raise anything
            return Answer(name, problem=f"{kind}: {_why(error)}"), None
        code = message.rcode()
        if code not in _KNOWING:
            bogus = " (what DNSSEC refuses gives that too)" if code == dns.rcode.SERVFAIL else ""
            said = printable(dns.rcode.to_text(code), 20)
            return Answer(name, problem=f"{kind}: the resolver says {said}{bogus}"), None
        try:
            return _read(message, owner, kind, seen, server.believed)
        except Exception as error:  # as above
            return Answer(name, problem=f"{kind}: garbled answer ({type(error).__name__})"), None

    async def _exchange(
        self, owner: dns.name.Name, kind: Kind
    ) -> tuple[dns.message.Message, Server]:
        """Asks one server after the other; what the first says that knows, or the last."""
        problem: Exception = _timeout()
        if self._silent >= _SILENCE and not self._answered:
            raise problem
        ends = time.monotonic() + self._timeout
        tries = max(2, len(self._servers))
        said: tuple[dns.message.Message, Server] | None = None
        for number in range(tries):
            server = self._servers[number % len(self._servers)]
            first = self._timeout * _FIRST_TRY if number < tries - 1 else self._timeout
            seconds = min(first, ends - time.monotonic())
            if seconds <= 0 or (said is not None and number >= len(self._servers)):
                break
            try:
                said = await self._send(owner, kind, server, seconds), server
            except Exception as error:  # as above: the next one is asked
                problem = error
                continue
            self._answered = True
            # where a validating resolver refuses what DNSSEC does not prove, one that does not
            # validate would give it
            final = (*_KNOWING, dns.rcode.SERVFAIL) if server.believed else _KNOWING
            if said[0].rcode() in final:
                break
        if said is not None:
            return said
        self._silent += 1
        raise problem

    async def _send(
        self, owner: dns.name.Name, kind: Kind, server: Server, seconds: float
    ) -> dns.message.Message:
        query = dns.message.make_query(owner, kind, use_edns=0, payload=_PAYLOAD_BYTES)
        query.flags |= dns.flags.AD  # RFC 6840, 5.7: tell us, without the signatures
        ends = time.monotonic() + seconds
        family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
        # connected: nobody else's packets come in, and a closed port is known at once
        line = await self._backend.make_socket(  # type: ignore[no-untyped-call]
            family, socket.SOCK_DGRAM, 0, None, (server.address, server.port), seconds
        )
        async with line:
            try:
                return await dns.asyncquery.udp(
                    query, server.address, seconds, server.port, raise_on_truncation=True,
                    ignore_unexpected=True, ignore_errors=True, sock=line,
                )  # fmt: skip
            except dns.message.Truncated:
                pass
        return await dns.asyncquery.tcp(
            query, server.address, max(ends - time.monotonic(), 0.1), server.port,
            backend=self._backend,
        )  # fmt: skip


def _read(
    message: dns.message.Message, owner: dns.name.Name, kind: Kind, seen: set[str], believed: bool
) -> tuple[Answer, str | None]:
    """What of an answer is about the name that was asked for: the rest is anybody's."""
    wanted = dns.rdatatype.from_text(kind)
    proven = believed and bool(message.flags & dns.flags.AD)
    followed = False
    while True:
        name = owner.to_text(omit_final_dot=True).lower()
        found = message.get_rrset(message.answer, owner, dns.rdataclass.IN, wanted)
        if found is not None:
            values = tuple(dict.fromkeys(_value(one, kind) for one in found))
            return Answer(name, values, authenticated=proven), None
        alias = message.get_rrset(message.answer, owner, dns.rdataclass.IN, dns.rdatatype.CNAME)
        if alias is None:
            missing = message.rcode() == dns.rcode.NXDOMAIN
            # a resolver that leaves an alias to us says nothing yet of where it leads
            more = name if followed and not missing and not message.authority else None
            return Answer(name, missing=missing, authenticated=proven), more
        owner, followed = alias[0].target, True
        target = owner.to_text(omit_final_dot=True).lower()
        if target in seen:
            return Answer(name, problem=f"{kind}: its aliases (CNAME) lead in a circle"), None
        if len(seen) > _CHAIN_LIMIT:
            return Answer(name, problem=f"{kind}: more than {_CHAIN_LIMIT} aliases (CNAME)"), None
        seen.add(target)


def _value(record: Any, kind: Kind) -> Value:
    match kind:
        case "MX":
            return (record.preference, record.exchange.to_text(omit_final_dot=True).lower())
        case "TLSA":
            return TlsaRecord(record.usage, record.selector, record.mtype, record.cert)
        case "TXT":
            return b"".join(record.strings)
        case _:
            return str(ipaddress.ip_address(record.address))


def _timeout() -> Exception:
    return dns.exception.Timeout()  # type: ignore[no-untyped-call]


def _why(error: Exception) -> str:
    if isinstance(error, dns.exception.Timeout):
        return "the resolver does not answer"
    if isinstance(error, ConnectionRefusedError):
        return "no resolver is there (connection refused)"
    if isinstance(error, OSError) and error.errno:
        return f"the resolver cannot be asked ({os.strerror(error.errno).lower()})"
    return f"the resolver answers what cannot be read ({type(error).__name__})"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback
