"""What a person asks to be added: one peer's certificate, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.records import Inbound, Role


@dataclass(frozen=True, slots=True)
class NewVouch:
    """A vouch to be recorded. ``expires_at``: seconds since 1970 UTC, None for no expiry."""

    voucher: str
    channel: str
    note: str = ""
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A certificate's DER and the facts that were read from it."""

    facts: CertificateFacts
    der: bytes


@dataclass(frozen=True, slots=True)
class Addition:
    """A certificate to pin to a peer. ``chain`` is what the peer presented above it, nearest
    first. Names and domains are validated (facts/names.py). No vouch: the pin stays pending."""

    peer: str
    domains: tuple[str, ...]
    role: Role
    certificate: Evidence
    chain: tuple[Evidence, ...] = ()
    mx_hosts: tuple[str, ...] = ()
    vouches: tuple[NewVouch, ...] = ()


@dataclass(frozen=True, slots=True)
class Added:
    """What an addition did. ``shared_with``: other peers that pin the same certificate or key."""

    peer: str
    fingerprint: str
    pin_id: int
    new_peer: bool
    new_pin: bool
    new_domains: tuple[str, ...]
    new_vouches: int
    shared_with: tuple[str, ...] = ()
    changed: bool = True


@dataclass(frozen=True, slots=True)
class NewProtection:
    """A peer's domains to be protected, with no certificate yet: their mail waits."""

    peer: str
    domains: tuple[str, ...]
    mx_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewDistrust:
    """A fingerprint or SPKI pin (64 lower-case hex digits) to be distrusted for good."""

    kind: Literal["fingerprint", "spki"]
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class NewSetting:
    """A setting to be changed."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class NewInbound:
    """What is to be asked of whoever sends as a peer's domains, in the place of what was."""

    peer: str
    inbound: Inbound


Imported = Addition | NewProtection | NewDistrust | NewSetting | NewInbound
"""What one line of an import file asks for."""
