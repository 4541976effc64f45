"""What bears on who breaks and when, beside the pins: chains as facts; and what was foreseen.

All times are whole seconds since 1970-01-01 UTC. Keys are SPKI pins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

HORIZON_DAYS = 400
"""How far ahead is looked: a year, and the weeks that an answer from a partner takes."""

BreakKind = Literal[
    "pin", "vouch", "chain", "list", "certificate", "authority", "root", "staple", "revoked"
]


@dataclass(frozen=True, slots=True)
class Link:
    """A certificate that a peer presented above its own.

    Attributes:
        above: which links of its chain signed it. refused: it is distrusted, so never exported.
    """

    fingerprint: str
    not_before: int | None
    not_after: int | None
    above: tuple[int, ...] = ()
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Presented:
    """The chain that a peer presented above a certificate.

    Attributes:
        above: which links signed the certificate; none where no path is known.
    """

    above: tuple[int, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A certificate of an authority of ours. ``key``: what it is about; ``signer``: the key that
    signed it, its own for a root."""

    name: str
    hierarchy: str
    fingerprint: str
    key: str
    signer: str
    not_before: int
    not_after: int
    revoked: bool = False
    retired: bool = False


@dataclass(frozen=True, slots=True)
class OwnHost:
    """The certificate that a host of ours has now, as far as we know.

    Attributes:
        issuer: the key that signed it. chain: what it presents above it.
        revoked: it was revoked, and the host has no other.
        staple_until: when its newest OCSP response ends; None where it has none.
    """

    subject: str
    hierarchy: str
    fingerprint: str
    issuer: str
    not_after: int
    chain: tuple[Step, ...]
    revoked: bool = False
    staple_until: int | None = None


@dataclass(frozen=True, slots=True)
class ListEnd:
    """When the newest CRL of an authority ends. ``name``: the authority's."""

    name: str
    until: int


@dataclass(frozen=True, slots=True)
class Chains:
    """Every chain that is known.

    Attributes:
        presented: by the fingerprint of a pinned certificate that did not sign itself.
        hosts: our hosts. roots: our roots.
        lists: by an authority's key.
        wanted: by a CA of ours, when the lists that its domains are held to end; None where one is
            missing.
        ours: by an authority's key, the CA of ours that it belongs to.
    """

    presented: Mapping[str, Presented] = field(default_factory=dict)
    hosts: tuple[OwnHost, ...] = ()
    roots: tuple[Step, ...] = ()
    lists: Mapping[str, ListEnd] = field(default_factory=dict)
    wanted: Mapping[str, int | None] = field(default_factory=dict)
    ours: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Break:
    """That something stops working at a moment if nothing is done.

    Attributes:
        subject: a domain, the mail to which waits from then on; or a host of ours, then refused.
        until: when it works again by itself; None where it does not within what was looked at.
        why: in our own words. cause: the fingerprint or the name of what ends.
        fix: the command to type.
    """

    subject: str
    at: int
    kind: BreakKind
    why: str
    cause: str
    fix: str
    until: int | None = None

    @property
    def renewable(self) -> bool:
        """Whether an export signs the next one by itself, where it has the passphrase."""
        return self.kind in ("list", "staple")
