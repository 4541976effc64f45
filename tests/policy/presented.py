"""What a host presents, made up, and what it comes to beside a peer's pins."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.policy.inventory import NOW, ONE, facts, peer, pin, vouch
from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.live import Comparison
from trustctl.facts.records import Peer, Pin, Settings
from trustctl.policy.presented import compare

HOST = "mx.foo.test"
NONE_PINNED = "none of the certificates pinned for foo"
CA = facts("ca", is_ca=True, subject="CN=CA", issuer="CN=CA", names=())
INTER = facts("inter", is_ca=True, subject="CN=I", issuer="CN=CA", self_signed=False, names=())
LEAF = facts("leaf", issuer="CN=CA", self_signed=False, names=(HOST,))
BELOW = replace(LEAF, issuer="CN=I")
STRANGER = facts("stranger", names=(HOST,))
RENEWED = facts("renewed", spki=facts().spki)


def everything(_one: CertificateFacts, _issuer: CertificateFacts) -> bool:
    """Every signature is good."""
    return True


def nothing(_one: CertificateFacts, _issuer: CertificateFacts) -> bool:
    """No signature is."""
    return False


def seen(
    leaf: CertificateFacts,
    owner: Peer | None,
    *chain: CertificateFacts,
    host: str = HOST,
    settings: Settings = ONE,
    now: int = NOW,
    **changes: Any,
) -> Comparison:
    """What this chain comes to at the peer's host."""
    given = {"signed": everything, **changes}
    return compare(leaf, chain, host, owner, settings, now, **given)


def authority(certificate: CertificateFacts = CA, **changes: Any) -> Pin:
    """The peer's own CA, trusted."""
    said = vouch(fingerprint=certificate.fingerprint)
    return pin("foo", said, certificate=certificate, role="authority", **{"id": 7, **changes})


OWNER = peer("foo", authority())
BOTH = peer("foo", authority(), pin())
