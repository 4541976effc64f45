"""Audit rules about the TLSA records of our own hosts."""

from __future__ import annotations

from trustctl.facts.audit import AuditFacts
from trustctl.facts.finding import Severity
from trustctl.facts.moment import format_date
from trustctl.policy.rule import Seen, rule

_DAYS = 30 * 86400


@rule(
    "tlsa-current-unpublished",
    Severity.ERROR,
    "A host of ours has a key that is not among its published TLSA records",
    why="senders that go by DANE deliver nothing to it",
    source="RFC 7672, 2.2",
)
def _unpublished(facts: AuditFacts) -> Seen:
    for one in facts.dane:
        if one.ports and not one.published(one.current.spki):
            yield (
                one.host,
                "the key of its certificate was never said to be published",
                f"trustctl ca tlsa {one.host} --ca {one.hierarchy}",
            )


@rule(
    "tlsa-next-missing",
    Severity.WARNING,
    "A host with TLSA records ends within 30 days, and its next key is not in DNS",
    why="a renewal has to keep the old key: a new one can be used only after it was published",
    source="RFC 7671, 8.1",
)
def _no_next(facts: AuditFacts) -> Seen:
    for one in facts.dane:
        if not one.ports or one.current.not_after - facts.now > _DAYS:
            continue
        ends = f"its certificate ends on {format_date(one.current.not_after)}"
        if one.next is None:
            yield (
                one.host,
                f"{ends}, and no next key was made",
                f"trustctl ca next-key {one.host} --ca {one.hierarchy}",
            )
        elif not one.published(one.next.spki):
            yield (
                one.host,
                f"{ends}, and its next key is not published",
                f"trustctl ca tlsa {one.host} --ca {one.hierarchy}",
            )
