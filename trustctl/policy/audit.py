"""Runs every rule over the facts, and sorts what they find."""

from __future__ import annotations

from collections.abc import Iterable

from trustctl.facts.audit import AuditFacts
from trustctl.facts.finding import Finding
from trustctl.policy import (
    rules_ca,
    rules_cross,
    rules_dane,
    rules_foresight,
    rules_inbound,
    rules_openssl,
    rules_peers,
    rules_pins,
    rules_rollover,
    rules_store,
    rules_targets,
    rules_vouches,
    rules_wire,
)
from trustctl.policy.rule import RULES, Rule

_LOADED = (
    rules_pins,
    rules_vouches,
    rules_peers,
    rules_targets,
    rules_ca,
    rules_dane,
    rules_cross,
    rules_openssl,
    rules_foresight,
    rules_wire,
    rules_rollover,
    rules_store,
    rules_inbound,
)


def rules() -> tuple[Rule, ...]:
    """All rules, in order of declaration."""
    return tuple(RULES)


def audit(facts: AuditFacts) -> list[Finding]:
    """All findings, the worst first."""
    return _sorted(finding for one in rules() for finding in one.run(facts))


def audit_live(facts: AuditFacts) -> list[Finding]:
    """The findings about what hosts present now, the worst first."""
    return _about(facts, "live-")


def audit_stores(facts: AuditFacts) -> list[Finding]:
    """The findings about the stores that were read back, the worst first."""
    return _about(facts, "store-")


def _about(facts: AuditFacts, prefix: str) -> list[Finding]:
    about = [one for one in rules() if one.id.startswith(prefix)]
    return _sorted(finding for one in about for finding in one.run(facts))


def _sorted(found: Iterable[Finding]) -> list[Finding]:
    return sorted(found, key=lambda one: (-one.severity, one.rule, one.subject, one.what))


def reference() -> str:
    """The rules as a Markdown page (share/doc/audit-rules.md is this, a test holds it)."""
    lines = [
        "# Audit rules",
        "",
        "What `trustctl audit` looks for. `error`: mail waits, or trust is wrong, now or soon.",
        "`warning`: somebody has to do something. `notice`: worth knowing.",
        "",
        "| rule | severity | what it finds | why it matters | source |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{one.id}` | {one.severity.label} | {one.description} | {one.why} | {one.source} |"
        for one in rules()
    ]
    return "\n".join(lines) + "\n"
