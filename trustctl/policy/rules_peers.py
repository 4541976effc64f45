"""Audit rules about peers and their domains."""

from __future__ import annotations

from trustctl.facts.audit import AuditFacts
from trustctl.facts.finding import Severity
from trustctl.policy.rule import Seen, rule
from trustctl.policy.rules_pins import active, name_of, renew
from trustctl.policy.trust import judge, state


@rule(
    "domain-without-pin",
    Severity.ERROR,
    "A protected domain has no trusted pin",
    why="its mail waits in the queue, and bounces when Exim gives up",
    source="share/doc/adr/0007-policy.md",
)
def _closed(facts: AuditFacts) -> Seen:
    for peer in facts.peers:
        verdicts = [judge(pin, facts.settings, facts.now) for pin in peer.pins]
        if any(one.trusted for one in verdicts):
            continue
        states = sorted({state(one) for one in verdicts})
        what = f"its pins are {', '.join(states)}" if states else "its peer has no pin"
        for domain in peer.domains:
            fix = renew(peer)
            if "pending" in states or "unvouched" in states:
                fix = f"trustctl vouch {peer.name} --fingerprint"
            yield domain, what, fix


@rule(
    "pin-without-domain",
    Severity.NOTICE,
    "A pinned peer has no domain",
    why="its certificate is in the bundle alone; no mail is protected by it",
    source="share/doc/adr/0007-policy.md",
)
def _no_domain(facts: AuditFacts) -> Seen:
    for peer in facts.peers:
        pins = [pin for owner, pin in active(facts) if owner is peer] if not peer.domains else []
        for pin in pins:
            yield (
                name_of(peer, pin),
                "no domain",
                f"trustctl add PEER.pem --peer {peer.name} --domain DOMAIN",
            )


@rule(
    "key-shared",
    Severity.WARNING,
    "Two peers have the same key",
    why="each of them can pass for the other",
    source="RFC 5280, 4.1.2.7",
)
def _shared(facts: AuditFacts) -> Seen:
    owners: dict[str, set[str]] = {}
    for peer, pin in active(facts):
        owners.setdefault(pin.certificate.spki or pin.certificate.fingerprint, set()).add(peer.name)
    for peer, pin in active(facts):
        others = owners[pin.certificate.spki or pin.certificate.fingerprint] - {peer.name}
        if others:
            yield (
                name_of(peer, pin),
                f"{', '.join(sorted(others)[:5])} has it too",
                "ask both whether one host serves them",
            )
