"""Where DNS says that mail goes: MX, addresses, and the TLSA records of each host.

All of it is the word of whoever can answer for DNS. Names that could mean something to a program
or a terminal never leave here: a host is LDH labels or is left out.
"""

from __future__ import annotations

import asyncio
import ipaddress
from pathlib import Path

from trustctl.errors import UsageError
from trustctl.facts.names import parse_host
from trustctl.facts.text import printable
from trustctl.facts.wire import MailHost, MailRoute, TlsaRecord
from trustctl.wire.query import Answer, Kind, Questions, servers

_HOSTS_LIMIT = 20
_ADDRESSES_LIMIT = 16
_TLSA_LIMIT = 32
_SHOWN = 60
_RESOLV_CONF = Path("/etc/resolv.conf")


class Resolver:
    """Asks one resolver, for one run in one event loop: what was asked once is known."""

    def __init__(
        self,
        server: str = "",
        *,
        trusted: bool = False,
        timeout_seconds: float = 5.0,
        resolv_conf: Path = _RESOLV_CONF,
    ) -> None:
        """
        Args:
            server: ``address`` or ``address:port``; empty: those that resolv.conf names.
            trusted: whether what it says of DNSSEC is believed; that of one on this machine is, and
                that of resolv.conf's where it says ``options trust-ad``.
            timeout_seconds: for one question, with all that is tried.

        Raises:
            UsageError: ``server`` is no address.
        """
        self._questions = Questions(servers(server, trusted, resolv_conf), timeout_seconds)

    async def route(self, domain: str, port: int = 25) -> MailRoute:
        """The hosts that take a domain's mail (RFC 5321, 5.1; RFC 7505), each looked up.

        Where it is not known whether there are MX records, the domain's own address is not tried.

        Args:
            port: whose TLSA records are looked up.
        """
        answer = await self._questions.ask(domain, "MX")
        proven = answer.authenticated
        if answer.problem:
            return MailRoute(domain, problem=answer.problem)
        if answer.missing:
            return MailRoute(domain, authenticated=proven, problem="there is no such domain")
        named = sorted(one for one in answer.values if isinstance(one, tuple))
        if not named:
            alone = await self.host(domain, port)
            return MailRoute(domain, (alone,), implicit=True, authenticated=proven)
        if all(host in ("", ".") for _preference, host in named):
            return MailRoute(
                domain, authenticated=proven, problem="it takes no mail (null MX, RFC 7505)"
            )
        preferences: dict[str, int] = {}
        amiss: list[str] = []
        for preference, host in named:
            try:
                preferences.setdefault(parse_host(host), preference)
            except UsageError:
                amiss.append(host)
        wanted = list(preferences.items())[:_HOSTS_LIMIT]
        left_out = _left_out(amiss, len(preferences) - len(wanted))
        hosts = await asyncio.gather(*(self._look(one, port, at) for one, at in wanted))
        return MailRoute(
            domain,
            tuple(hosts),
            authenticated=proven,
            problem="" if hosts else f"no MX record names a host: {left_out}",
            left_out=left_out,
        )

    async def host(self, name: str, port: int) -> MailHost:
        """One host, without MX: its addresses, and the TLSA records for its port."""
        return await self._look(name, port, 0)

    async def addresses(self, name: str) -> tuple[tuple[str, ...], str]:
        """The addresses of a name; and, where one kind or both are not known, why."""
        found = await self._addresses(name)
        problem = "; ".join(one.problem for one in found if one.problem)
        if not problem and all(one.missing for one in found):
            problem = "there is no such name"
        listed = [str(one) for answer in found for one in answer.values]
        return tuple(dict.fromkeys(listed))[:_ADDRESSES_LIMIT], problem

    async def texts(self, name: str) -> tuple[tuple[bytes, ...], str]:
        """The TXT records of a name; and, where it is not known whether there are any, why."""
        answer = await self._questions.ask(name, "TXT")
        return tuple(one for one in answer.values if isinstance(one, bytes)), answer.problem

    async def _look(self, name: str, port: int, preference: int) -> MailHost:
        try:
            return MailHost(name, preference, (str(ipaddress.ip_address(name)),))
        except ValueError:
            pass
        addresses, problem = await self.addresses(name)
        if not addresses:
            return MailHost(name, preference, problem=problem or "it has no address")
        found = await self._tlsa(name, port)
        return MailHost(
            name,
            preference,
            addresses,
            tuple(one for one in found.values if isinstance(one, TlsaRecord))[:_TLSA_LIMIT],
            found.authenticated,
            problem,
            found.problem,
        )

    async def _addresses(self, name: str) -> tuple[Answer, Answer]:
        kinds: tuple[Kind, Kind] = ("A", "AAAA")
        first, second = await asyncio.gather(*(self._questions.ask(name, one) for one in kinds))
        return first, second

    async def _tlsa(self, name: str, port: int) -> Answer:
        """RFC 7672, 2.2.3: those of the name at the end of proven aliases, else of its own."""
        found = await self._addresses(name)
        end = {one.name for one in found if one.authenticated and one.values}
        for base in sorted(end - {name}):
            answer = await self._questions.ask(f"_{port}._tcp.{base}", "TLSA")
            if answer.problem or answer.values:
                return answer
        return await self._questions.ask(f"_{port}._tcp.{name}", "TLSA")


def _left_out(amiss: list[str], more: int) -> str:
    said = []
    if amiss:
        shown = ", ".join(repr(printable(one, _SHOWN)) for one in amiss[:3])
        said.append(f"{len(amiss)} that are no host names ({shown})")
    if more:
        said.append(f"{more} beyond the first {_HOSTS_LIMIT}")
    return ", ".join(said)
