"""What hosts present at this moment, beside what is pinned: the facts of a probe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.wire import MailRoute, Sighting

Standing = Literal[
    "pinned",  # exactly this certificate, and the pin is trusted
    "next",  # as above: the one that the peer announced
    "authority",  # signed by the peer's trusted authority, for this host
    "renewed",  # another certificate with the key of a pin that is, or lately was, trusted
    "pending",  # pinned, and nobody has vouched for it
    "untrusted",  # pinned, and not trusted for another reason
    "other",  # the peer has trusted pins: this is none of them
    "unpinned",  # nothing is pinned that it could be compared with
]

ACCEPTED: frozenset[Standing] = frozenset({"pinned", "next", "authority"})
"""Those with which mail is delivered."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a presented certificate stands to a peer's pins.

    Attributes:
        pin: the id of the pin that decides. predecessor: the fingerprint of the pin whose key it
            has, where it is ``renewed``.
        text: one line for people; may quote what people wrote.
    """

    standing: Standing
    text: str
    pin: int | None = None
    predecessor: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether mail is delivered to a host that presents this."""
        return self.standing in ACCEPTED


@dataclass(frozen=True, slots=True)
class LiveHost:
    """One address of a host, seen for one or more domains of a peer.

    ``leaf`` and ``comparison`` are None where nothing was presented. ``domains`` is empty where the
    host is not the MX of any that was asked about.
    """

    peer: str
    domains: tuple[str, ...]
    sighting: Sighting
    leaf: CertificateFacts | None = None
    comparison: Comparison | None = None

    @property
    def accepted(self) -> bool:
        """Whether mail is delivered to it."""
        return self.comparison is not None and self.comparison.accepted

    @property
    def name(self) -> str:
        """How people are told of it: the host, its address, and the port where it is not 25."""
        place = self.sighting.endpoint
        text = place.host if place.address in ("", place.host) else f"{place.host} {place.address}"
        return text if place.port == 25 else f"{text} port {place.port}"


@dataclass(frozen=True, slots=True)
class Live:
    """A whole probe. ``routes``: by domain, where DNS sends its mail now."""

    hosts: tuple[LiveHost, ...] = ()
    routes: Mapping[str, MailRoute] = field(default_factory=dict)
