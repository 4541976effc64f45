"""Who is in a trust store: each of its certificates, compared with what people vouched for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from trustctl.facts.audit import AuditFacts
from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.fingerprint import short
from trustctl.facts.records import Peer, Pin
from trustctl.facts.store import Store, StoredCertificate
from trustctl.facts.text import printable
from trustctl.policy.trust import judge, state

Standing = Literal["trusted", "untrusted", "distrusted", "public", "ours", "stranger"]
_NAME_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Judged:
    """One certificate of a store.

    Attributes:
        standing: ``trusted`` and ``untrusted`` are pinned; what is distrusted, or a public CA, is
            that first, whoever pins it.
        pins: the pins of it, of what it stands for, each with its peer; the trusted ones where
            there are any.
        why: why it is untrusted or distrusted. state: the word of ``trustctl list`` for that.
        held: whether it holds a peer's CA to names.
    """

    stored: StoredCertificate
    standing: Standing
    pins: tuple[tuple[Peer, Pin], ...] = ()
    why: str = ""
    state: str = ""
    held: bool = False

    @property
    def name(self) -> str:
        """How people know it: its first name, or its subject, and its fingerprint's begin."""
        return name_of(self.stored.certificate)

    @property
    def peers(self) -> frozenset[str]:
        """The names of the peers that pin it."""
        return frozenset(peer.name for peer, _pin in self.pins)


def name_of(facts: CertificateFacts) -> str:
    """A certificate's first name, or its subject, and its fingerprint's begin."""
    return f"{label_of(facts)} {short(facts.fingerprint)}"


def label_of(facts: CertificateFacts) -> str:
    """A certificate's first host name, else its common name, else its whole subject; cut, and
    nothing in it that a terminal obeys."""
    subject = facts.subject or "no name"
    common = (one[3:] for one in subject.split(",") if one.startswith("CN="))
    return printable(next(iter((*facts.names, *common)), subject), _NAME_LENGTH)


def judged(facts: AuditFacts) -> Iterator[tuple[Store, list[Judged]]]:
    """Each store that is looked at, with what is known of each of its certificates."""
    pins = _index(facts) if facts.stores.found else {}
    for store in facts.stores.found:
        yield store, [_judge(one, pins, facts) for one in store.certificates]


def lacking(store: Store, facts: AuditFacts) -> list[tuple[Peer, Pin]]:
    """The trusted pins that are not in the store, neither they nor what holds them to names."""
    there = {one.certificate.fingerprint for one in store.certificates}
    return [
        (peer, pin)
        for peer in facts.peers
        for pin in peer.pins
        if pin.certificate.fingerprint not in there
        and (pin.cross is None or pin.cross.fingerprint not in there)
        and judge(pin, facts.settings, facts.now).trusted
    ]


_Pins = dict[str, list[tuple[Peer, Pin, bool]]]


def _index(facts: AuditFacts) -> _Pins:
    """By fingerprint: the pins of it; True where it is the cross-certificate that holds the pin."""
    found: _Pins = {}
    for peer in facts.peers:
        for pin in peer.pins:
            found.setdefault(pin.certificate.fingerprint, []).append((peer, pin, False))
            if pin.cross is not None:
                found.setdefault(pin.cross.fingerprint, []).append((peer, pin, True))
    return found


def _judge(stored: StoredCertificate, pins: _Pins, facts: AuditFacts) -> Judged:
    certificate = stored.certificate
    keys = [certificate.fingerprint, *([certificate.spki] if certificate.spki else [])]
    known = pins.get(certificate.fingerprint, [])
    own = tuple((peer, pin) for peer, pin, _held in known)
    for key in keys:
        if (why := facts.stores.refused.get(key)) is not None:
            return Judged(stored, "distrusted", own, why)
    if not facts.public_roots.isdisjoint(keys):
        return Judged(stored, "public", own)
    if known:
        verdicts = [(peer, pin, judge(pin, facts.settings, facts.now)) for peer, pin in own]
        trusted = tuple((peer, pin) for peer, pin, verdict in verdicts if verdict.trusted)
        held = all(one for _peer, _pin, one in known)
        if trusted:
            return Judged(stored, "trusted", trusted, held=held)
        verdict = verdicts[0][2]
        why = "; ".join(one.text for one in verdict.reasons)
        return Judged(stored, "untrusted", own, why, state(verdict), held)
    if certificate.fingerprint in facts.stores.ours:
        return Judged(stored, "ours")
    return Judged(stored, "stranger")
