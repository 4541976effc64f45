"""Audit rules about peers' own CAs that are held to names by a cross-certificate."""

from __future__ import annotations

from collections.abc import Iterator

from trustctl.facts.audit import AuditFacts
from trustctl.facts.finding import Severity
from trustctl.facts.moment import format_date
from trustctl.facts.records import Cross, Peer, Pin
from trustctl.policy.held import again, is_late, wanted
from trustctl.policy.pins import active, name_of
from trustctl.policy.rule import Seen, rule
from trustctl.policy.trust import cross_reasons

DAY = 86400
_ERROR, _WARNING = Severity.ERROR, Severity.WARNING
_SOURCE = "share/doc/cross.md"


def _held(facts: AuditFacts) -> Iterator[tuple[Peer, Pin, Cross]]:
    """Authorities that somebody counts on and that are held to names."""
    for peer, pin in active(facts):
        if pin.cross is not None:
            yield peer, pin, pin.cross


@rule(
    "cross-void",
    _ERROR,
    "The cross-certificate that holds a peer's CA to names has ended, was revoked or is distrusted",
    why="the CA is not exported without it; without another pin the peer's mail waits",
    source=_SOURCE,
)
def _void(facts: AuditFacts) -> Seen:
    for peer, pin, _cross in _held(facts):
        for reason in cross_reasons(pin, facts.now):
            yield name_of(peer, pin), reason.text, again(peer)


def _ends(facts: AuditFacts, *, soon: bool) -> Seen:
    for peer, pin, cross in _held(facts):
        left = cross.not_after - facts.now
        # one that ends with the peer's CA itself is the pin's matter
        if left < 0 or cross.not_after >= (pin.certificate.not_after or 0):
            continue
        if left <= 7 * DAY if soon else left > 7 * DAY and is_late(cross, facts.now):
            yield name_of(peer, pin), f"it ends on {format_date(cross.not_after)}", again(peer)


@rule(
    "cross-expires-in-7-days",
    _ERROR,
    "The cross-certificate that holds a peer's CA to names ends within 7 days",
    why="the peer's mail will wait from then on",
    source=_SOURCE,
)
def _expires_soon(facts: AuditFacts) -> Seen:
    return _ends(facts, soon=True)


@rule(
    "cross-expires",
    _WARNING,
    "Two thirds of the life of a cross-certificate are over",
    why="the next one needs the root's passphrase: somebody has to be there",
    source=_SOURCE,
)
def _expires(facts: AuditFacts) -> Seen:
    return _ends(facts, soon=False)


@rule(
    "cross-names-differ",
    _WARNING,
    "A peer's CA is held to other names than the peer's domains and MX hosts",
    why="mail to what is not among them waits; what is among them and no longer the peer's is "
    "still in its CA's hands",
    source=_SOURCE,
)
def _differ(facts: AuditFacts) -> Seen:
    for peer, pin, cross in _held(facts):
        ought = set(wanted(peer, cross.added))
        lacking, more = ought - {*cross.permitted}, {*cross.permitted} - ought
        said = [f"without {' '.join(sorted(lacking))}"] if lacking else []
        said += [f"with {' '.join(sorted(more))}"] if more else []
        if said:
            yield name_of(peer, pin), f"held to names {', '.join(said)}", again(peer)


@rule(
    "cross-missing",
    _WARNING,
    "Of a peer's CAs one is held to names and another is not",
    why="whoever has the other one's key signs for any host's name",
    source=_SOURCE,
)
def _missing(facts: AuditFacts) -> Seen:
    crossed = {peer.name for peer, _pin, _cross in _held(facts)}
    for peer, pin in active(facts):
        if pin.role == "authority" and pin.cross is None and peer.name in crossed:
            yield name_of(peer, pin), "it is not held to names", again(peer)
