"""What the audit rules share about pins: which ones count, how they are named, what mends them."""

from __future__ import annotations

from collections.abc import Iterator

from trustctl.facts.audit import AuditFacts
from trustctl.facts.fingerprint import short
from trustctl.facts.records import Peer, Pin

DAY = 86400


def active(facts: AuditFacts) -> Iterator[tuple[Peer, Pin]]:
    """Pins that are not retired, distrusted or revoked: those that somebody still counts on."""
    for peer in facts.peers:
        for pin in peer.pins:
            given_up = pin.distrusts or pin.revocation
            if (pin.retired_at is None or pin.retired_at > facts.now) and not given_up:
                yield peer, pin


def name_of(peer: Peer, pin: Pin) -> str:
    """How a finding names a pin."""
    return f"{peer.name} {short(pin.certificate.fingerprint)}"


def renew(peer: Peer) -> str:
    """What to type for a new certificate of a peer."""
    return f"trustctl add NEW.pem --peer {peer.name} --fingerprint"


def retire(peer: Peer, pin: Pin) -> str:
    """What to type to retire a pin."""
    return f"trustctl retire {pin.certificate.fingerprint[:16]} --peer {peer.name}"
