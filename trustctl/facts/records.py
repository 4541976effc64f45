"""The inventory's records, frozen: what policy, audit and exporters are given.

All times are whole seconds since 1970-01-01 UTC. Fingerprints and SPKI pins are 64 lower-case hex
digits. Peer names and domains have been validated (facts/names.py) and are safe to write anywhere;
vouchers, notes and reasons are people's text and are not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from trustctl.facts.certificate import CertificateFacts

Role = Literal["host", "authority"]


@dataclass(frozen=True, slots=True)
class Vouch:
    """A dated statement by a voucher that a fingerprint belongs to a peer; only ever withdrawn."""

    id: int
    peer: str
    fingerprint: str
    voucher: str
    channel: str
    note: str
    at: int
    expires_at: int | None = None
    withdrawn_at: int | None = None
    withdrawn_by: str | None = None
    withdrawn_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Distrust:
    """A fingerprint or an SPKI pin that may never be trusted again, whoever vouches."""

    kind: Literal["fingerprint", "spki"]
    value: str
    reason: str
    at: int
    by: str


COMPROMISE = ("key-compromise", "ca-compromise")
"""The reasons that say that the key is in other hands: whatever certificate has it."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """That our own CA revoked a certificate, when and why."""

    at: int
    reason: str


@dataclass(frozen=True, slots=True)
class Cross:
    """How a peer's CA is held to names: by a cross-certificate, its key signed by a root of ours.

    Attributes:
        fingerprint: of the cross-certificate.
        root, root_spki, root_not_after: our root's fingerprint, SPKI pin and end.
        permitted: the domains and hosts that its name constraints permit.
        added: those of them that are there because somebody asked for them.
        distrusts: those that match the cross-certificate, or our root.
        elsewhere: whether the root's key is on another machine.
    """

    fingerprint: str
    root: str
    root_spki: str
    root_not_after: int
    permitted: tuple[str, ...]
    added: tuple[str, ...]
    not_before: int
    not_after: int
    distrusts: tuple[Distrust, ...] = ()
    revocation: Revocation | None = None
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Renewal:
    """That a pin is there because its key is that of a certificate that people vouched for.

    Attributes:
        predecessor: that certificate's fingerprint. at: when this was recorded.
        vouches, distrusts, revocation: of the predecessor, as a pin has them of its own.
        renewal: how the predecessor came to be pinned, where that was by its key too.
    """

    predecessor: str
    at: int
    vouches: tuple[Vouch, ...] = ()
    distrusts: tuple[Distrust, ...] = ()
    revocation: Revocation | None = None
    renewal: Renewal | None = None


@dataclass(frozen=True, slots=True)
class Pin:
    """The binding of a certificate to a peer in a role, with all that policy needs to judge it.

    ``distrusts`` are those that match this certificate (its fingerprint or its SPKI);
    ``revocation`` is our CA's, of this certificate, or of another one whose key was compromised and
    is this one's. ``cross``: how it is held to names, if it is an authority's and is. ``renewal``:
    whose vouches count for it too.
    """

    id: int
    peer: str
    role: Role
    certificate: CertificateFacts
    added_at: int
    added_by: str
    retired_at: int | None = None
    retired_reason: str | None = None
    vouches: tuple[Vouch, ...] = ()
    distrusts: tuple[Distrust, ...] = ()
    revocation: Revocation | None = None
    cross: Cross | None = None
    renewal: Renewal | None = None


InboundMode = Literal["off", "offer", "require"]


@dataclass(frozen=True, slots=True)
class Inbound:
    """What a server of ours asks of whoever sends as a peer's domains.

    Attributes:
        mode: ``require``: nobody but who presents a pinned certificate; ``offer``: who does is
            marked, and nobody is refused; ``off``: as if there were no pin.
        relay: whether the peer's server may send through ours to anybody.
        networks: where others may send as its domains from (mailing lists, forwarders), as
            :func:`trustctl.facts.network.parse_networks` gives them.
    """

    mode: InboundMode = "off"
    relay: bool = False
    networks: tuple[str, ...] = ()


NO_INBOUND = Inbound()


@dataclass(frozen=True, slots=True)
class Peer:
    """An organisation we exchange mail with.

    ``domains`` are the protected mail domains and ``mx_hosts`` the expected MX hosts, both sorted
    lower-case A-labels. ``pins`` are all of the peer's pins, retired ones too, in order of id.
    """

    name: str
    domains: tuple[str, ...] = ()
    mx_hosts: tuple[str, ...] = ()
    pins: tuple[Pin, ...] = ()
    added_at: int = 0
    inbound: Inbound = NO_INBOUND


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings that change who is trusted."""

    vouches_required: int = 1


@dataclass(frozen=True, slots=True)
class Held:
    """What stands in the place of a peer's CA that is held to names: the cross-certificate, and the
    root of ours above it, each as fingerprint, DER and end."""

    fingerprint: str
    der: bytes
    not_after: int
    root_fingerprint: str
    root: bytes
    root_not_after: int


@dataclass(frozen=True, slots=True)
class TrustedCertificate:
    """One trusted pin's certificate, as an exporter needs it. ``issuers`` is the chain the peer
    presented above it, nearest first, each as DER; they are trusted for nothing by themselves.
    ``crl`` is the name of our own CA whose revocation list holds for what is below it. ``held``
    stands in its place, where the target can hold it to names. ``vouchers``: who vouches for it and
    by which channel, as people wrote it (hostile: escape it)."""

    fingerprint: str
    role: Role
    der: bytes
    not_after: int
    may_sign: bool
    issuers: tuple[bytes, ...] = ()
    crl: str | None = None
    held: Held | None = None
    vouchers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PeerTrust:
    """What policy found for one peer at one moment: the exporters' whole input.

    Each domain in ``domains`` is protected. With ``certificates`` empty, its mail must wait.
    ``mx_hosts`` are those that people expect, not those that DNS names.
    """

    peer: str
    domains: tuple[str, ...]
    certificates: tuple[TrustedCertificate, ...] = field(default=())
    mx_hosts: tuple[str, ...] = ()
