"""DANE for our own hosts: which keys stand in DNS, which is next, and when it may be used.

TLSA 3 1 1 says: the server's key has this SHA-256, whatever certificate it is in (RFC 6698, 2.1;
RFC 7672, 3.1.1; RFC 7671, 5.1). All times are whole seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from trustctl.facts.issuance import Issuance

TTL_SECONDS = 3600
SMTP = 25
OVERLAP_SECONDS = 7 * 86400
"""So long after a renewal the key before it is still named: the MTA may not have been reloaded."""

Use = Literal["current", "next", "previous"]


@dataclass(frozen=True, slots=True)
class NextKey:
    """A key that was made before it is needed. ``spki``: its pin, 64 hex digits."""

    spki: str
    hierarchy: str
    host: str
    at: int
    by: str


@dataclass(frozen=True, slots=True)
class Publication:
    """Somebody's word that a key stands in DNS from ``at`` on; ``spki`` None: that none does."""

    hierarchy: str
    host: str
    port: int
    spki: str | None
    ttl: int
    at: int


@dataclass(frozen=True, slots=True)
class Record:
    """One TLSA record. ``name``: the host that clients connect to."""

    name: str
    port: int
    ttl: int
    spki: str
    use: Use

    @property
    def owner(self) -> str:
        """Its owner name (RFC 6698, 3)."""
        return f"_{self.port}._tcp.{self.name}."

    @property
    def line(self) -> str:
        """As a line of a zone file (RFC 6698, 2.2)."""
        return f"{self.owner} {self.ttl} IN TLSA 3 1 1 {self.spki} ; {self.use} key"


@dataclass(frozen=True, slots=True)
class DaneHost:
    """A host of ours: its newest certificate, the key before, the key to come, and what is in DNS.

    Attributes:
        previous: the newest certificate with another key, where it still stands.
        next: the newest key that was made beforehand, where no certificate has it yet.
        publications: those of this host that stand, oldest first.
    """

    hierarchy: str
    current: Issuance
    previous: Issuance | None
    next: NextKey | None
    publications: tuple[Publication, ...]

    @property
    def host(self) -> str:
        """The name that its files have."""
        return self.current.subject

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports that records are published for; none: it has no TLSA records."""
        return tuple(sorted({one.port for one in self.publications}))

    def published(self, spki: str) -> bool:
        """Whether the key stands in DNS, for each of the ports."""
        there = {one.port for one in self.publications if one.spki == spki}
        return bool(there) and there.issuperset(self.ports)

    def usable_at(self, spki: str) -> int | None:
        """From when on a server may present this key; None where it is not published.

        Resolvers keep the records from before it for their TTL (RFC 7671, 8.1).
        """
        if not self.ports:
            return 0
        if not self.published(spki):
            return None
        moments = []
        for port in self.ports:
            of_port = [one for one in self.publications if one.port == port]
            first = next(at for at, one in enumerate(of_port) if one.spki == spki)
            since = of_port[first].at
            ttl = max(one.ttl for one in of_port if one.at <= since)
            moments.append(since + ttl)
        return max(moments)

    def records(self, ports: Sequence[int], ttl: int, now: int) -> list[Record]:
        """What ought to stand in DNS, for each name of the host."""
        keys: dict[str, Use] = {self.current.spki: "current"}
        if self.next is not None:
            keys.setdefault(self.next.spki, "next")
        if self.previous is not None and self.current.at > now - OVERLAP_SECONDS:
            keys.setdefault(self.previous.spki, "previous")
        return [
            Record(name, port, ttl, spki, use)
            for name in self.current.hosts
            for port in ports
            for spki, use in keys.items()
        ]


def standing(publications: Iterable[Publication]) -> tuple[Publication, ...]:
    """Those that no later word has ended: oldest first."""
    found: list[Publication] = []
    for one in publications:
        if one.spki is None:
            place = (one.hierarchy, one.host, one.port)
            found = [it for it in found if (it.hierarchy, it.host, it.port) != place]
        else:
            found.append(one)
    return tuple(found)


Choice = Literal["new", "next", "keep"]


def choose(one: DaneHost, now: int) -> tuple[Choice, str | None]:
    """Which key the next certificate of a host is for, and what its owner ought to know.

    A host whose TLSA records are published keeps its key until the next one has been in DNS for
    long enough: else nobody who goes by DANE could deliver to it.
    """
    from trustctl.facts.moment import format_moment

    if one.next is None:
        if not one.ports:
            return "new", None
        return "keep", (
            "its TLSA records are published and no next key is: it keeps its key "
            f"(trustctl ca next-key {one.host})"
        )
    usable = one.usable_at(one.next.spki)
    if usable is None:
        return "keep", (
            "its next key is not published yet: it keeps its key "
            f"(trustctl ca tlsa {one.host}, then --published)"
        )
    if usable > now:
        return "keep", (
            f"its next key may be used from {format_moment(usable)} on, when no resolver has the "
            "records from before: it keeps its key"
        )
    return "next", None
