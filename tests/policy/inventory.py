"""An inventory in memory, as policy is given it: plain facts, with no certificate behind them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from trustctl.facts.audit import AuditFacts, AuditTarget
from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.compiled import Checkpoint
from trustctl.facts.mta import MtaState
from trustctl.facts.records import Distrust, Peer, Pin, Role, Settings, Vouch
from trustctl.facts.target import Stored, TargetState

NOW = 1_800_000_000
DAY = 86400
ONE = Settings(vouches_required=1)
TWO = Settings(vouches_required=2)


def facts(name: str = "foo", **changes: Any) -> CertificateFacts:
    """A good certificate's facts, made up from a name; ``changes`` are its fields."""
    made = CertificateFacts(
        fingerprint=digest(f"certificate {name}"),
        spki=digest(f"key {name}"),
        subject=f"CN=mx.{name}.test",
        issuer=f"CN=mx.{name}.test",
        serial="1",
        names=(f"mx.{name}.test",),
        not_before=NOW - 100 * DAY,
        not_after=NOW + 100 * DAY,
        is_ca=False,
        self_signed=True,
        key_kind="ec",
        key_bits=256,
        curve="secp256r1",
        signature_hash="sha256",
        version=3,
    )
    return replace(made, **changes)


def digest(text: str) -> str:
    """64 hex digits of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def vouch(who: str = "Ann <ann@bar.test>", of: str = "foo", **changes: Any) -> Vouch:
    """A vouch for the certificate of that name; ``changes`` are its fields."""
    made = Vouch(
        id=1,
        peer=of,
        fingerprint=facts(of).fingerprint,
        voucher=who,
        channel="phone",
        note="",
        at=NOW - 10 * DAY,
    )
    return replace(made, **changes)


def pin(
    name: str = "foo",
    *vouches: Vouch,
    certificate: CertificateFacts | None = None,
    role: Role = "host",
    **changes: Any,
) -> Pin:
    """A pin of the peer of that name; with no vouch given it has one, so that it is trusted."""
    known = facts(name) if certificate is None else certificate
    given = vouches or (vouch(of=name, fingerprint=known.fingerprint),)
    made = Pin(
        id=1,
        peer=name,
        role=role,
        certificate=known,
        added_at=NOW - 10 * DAY,
        added_by="root",
        vouches=given,
    )
    return replace(made, **changes)


def pending(name: str = "foo", **changes: Any) -> Pin:
    """A pin that nobody vouched for."""
    return pin(name, vouches=(), **changes)


def peer(name: str = "foo", *pins: Pin, **changes: Any) -> Peer:
    """A peer with its domain and these pins (one good one unless given)."""
    made = Peer(name, domains=(f"{name}.test",), pins=pins or (pin(name),), added_at=NOW - 10 * DAY)
    return replace(made, **changes)


def distrust(value: str, kind: Any = "fingerprint", reason: str = "key stolen") -> Distrust:
    """A distrust of a fingerprint or a key."""
    return Distrust(kind, value, reason, NOW - DAY, "root")


def inventory(*peers: Peer, **changes: Any) -> AuditFacts:
    """What an audit is given: peers, and a target that is as it should be."""
    made = AuditFacts(now=NOW, settings=ONE, peers=peers, targets=(target(),))
    return replace(made, **changes)


def target(**changes: Any) -> AuditTarget:
    """A target in good order: what lies there is what ought to; ``changes`` are its fields."""
    value = f"set={digest('set')}.pem pins={facts().fingerprint.upper()} names=off"
    made = AuditTarget(
        state=state(entries={"foo.test": value}),
        recorded=1,
        checkpoint_known=True,
        entries={"foo.test": value},
        fingerprints=frozenset({facts().fingerprint}),
        denied=frozenset(),
        mta=MtaState("/etc/exim4", True),
    )
    return replace(made, **changes)


def state(**changes: Any) -> TargetState:
    """A target as it lies on disk, with one generation in force."""
    one = generation(1)
    made = TargetState(
        "/etc/exim4",
        "exim",
        True,
        current=one,
        stored=(one,),
        fingerprints=frozenset({facts().fingerprint}),
    )
    return replace(made, **changes)


def generation(number: int) -> Stored:
    """A generation on disk."""
    return Stored(number, NOW - DAY, NOW - DAY, Checkpoint(7, digest("head")), digest("m"), 1, 1)
