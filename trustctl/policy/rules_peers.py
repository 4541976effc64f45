"""Audit rules about peers and their domains."""

from __future__ import annotations

from trustctl.facts.audit import AuditFacts
from trustctl.facts.finding import Severity
from trustctl.policy.pins import active, name_of, renew, retire
from trustctl.policy.rule import Seen, rule
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
    for peer, pin in active(facts):
        if not peer.domains:
            yield (
                name_of(peer, pin),
                "no domain",
                f"trustctl add PEER.pem --peer {peer.name} --domain DOMAIN",
            )


@rule(
    "key-shared",
    Severity.WARNING,
    "Two peers have the same key",
    why="each of them can pass for the other; one host that serves both would explain it",
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
                retire(peer, pin),
            )


@rule(
    "host-left-out",
    Severity.WARNING,
    "A trusted host certificate that may sign is left out, since its peer has an authority",
    why="it would be a second CA for the peer's domains; mail to its host waits",
    source="RFC 5280, 4.2.1.9; share/doc/exim.md",
)
def _left_out(facts: AuditFacts) -> Seen:
    for peer in facts.peers:
        trusted = [pin for pin in peer.pins if judge(pin, facts.settings, facts.now).trusted]
        signers = {pin.certificate.subject for pin in trusted if pin.role == "authority"}
        if not peer.domains or not signers:
            continue
        for pin in trusted:
            # what the authority issued is taken for its sake
            if pin.certificate.issuer in signers or pin.role == "authority":
                continue
            if pin.certificate.is_ca is not False:
                yield name_of(peer, pin), "it may sign; CA:FALSE is wanted", renew(peer)
