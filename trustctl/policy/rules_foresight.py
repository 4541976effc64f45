"""Audit rules about what is to come: every known chain replayed over the next 30 days."""

from __future__ import annotations

from trustctl.facts.audit import AuditFacts
from trustctl.facts.finding import Severity
from trustctl.facts.moment import format_date
from trustctl.policy.foresight import foresee_hosts, foresee_peer
from trustctl.policy.rule import Seen, rule

DAY = 86400
_SOON_SECONDS = 30 * DAY
_OF_AUTHORITY = ("authority", "root")


def _domains(facts: AuditFacts, *, now: bool) -> Seen:
    until = facts.now + _SOON_SECONDS
    for peer in facts.peers:
        for one in foresee_peer(peer, facts.settings, facts.chains, facts.now, until):
            if one.renewable or (one.at <= facts.now) is not now:
                continue
            if one.at > facts.now:
                yield (
                    one.subject,
                    f"its mail waits from {format_date(one.at)} on: {one.why}",
                    one.fix,
                )
            elif one.kind == "chain":
                yield one.subject, f"its mail waits: {one.why}", one.fix


@rule(
    "will-wait",
    Severity.WARNING,
    "Within 30 days a protected domain has no pin left that is trusted and verifies",
    why="its mail waits from then on; there is time to ask the peer, or a voucher",
    source="share/doc/foresight.md",
)
def _will_wait(facts: AuditFacts) -> Seen:
    return _domains(facts, now=False)


@rule(
    "chain-ended",
    Severity.ERROR,
    "A pinned certificate is good, but the chain that was presented above it is not",
    why="neither GnuTLS nor OpenSSL takes a path through what has ended: the domain's mail waits",
    source="RFC 5280, 6.1.3",
)
def _chain_ended(facts: AuditFacts) -> Seen:
    return _domains(facts, now=True)


def _hosts(facts: AuditFacts, *, now: bool) -> Seen:
    for one in foresee_hosts(facts.chains, facts.now, facts.now + _SOON_SECONDS):
        if one.kind in _OF_AUTHORITY and (one.at <= facts.now) is now:
            when = "" if now else f" from {format_date(one.at)} on"
            yield one.subject, f"refused{when}: {one.why}", one.fix


@rule(
    "host-refused",
    Severity.ERROR,
    "A host of ours presents a chain that no longer leads to a root of ours",
    why="who verifies this host refuses it, though its own certificate has not ended",
    source="RFC 5280, 6.1.3",
)
def _host_refused(facts: AuditFacts) -> Seen:
    return _hosts(facts, now=True)


@rule(
    "host-will-be-refused",
    Severity.WARNING,
    "Within 30 days the chain of a host of ours no longer leads to a root, or not to each",
    why="who verifies this host refuses it from then on, though its own certificate has not ended",
    source="RFC 5280, 6.1.3",
)
def _host_will_be_refused(facts: AuditFacts) -> Seen:
    return _hosts(facts, now=False)
