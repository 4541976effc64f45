"""What an audit rule is: a name, a description, its source, a severity, and the check itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from trustctl.facts.audit import AuditFacts
from trustctl.facts.finding import Finding, Severity

Seen = Iterator[tuple[str, str, str]]
"""What a check yields: the subject, what was seen, the command that mends it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``why``: why it matters; ``source``: the RFC section or document it rests on."""

    id: str
    severity: Severity
    description: str
    why: str
    source: str
    check: Callable[[AuditFacts], Seen]

    def run(self, facts: AuditFacts) -> Iterator[Finding]:
        """The findings of this rule."""
        for subject, what, fix in self.check(facts):
            yield Finding(self.id, self.severity, subject, what, self.why, fix)


RULES: list[Rule] = []
"""All rules, in order of declaration."""


def rule(
    identifier: str, severity: Severity, description: str, *, why: str, source: str
) -> Callable[[Callable[[AuditFacts], Seen]], Callable[[AuditFacts], Seen]]:
    """Declare the function below as the check of a rule."""

    def declare(check: Callable[[AuditFacts], Seen]) -> Callable[[AuditFacts], Seen]:
        RULES.append(Rule(identifier, severity, description, why, source, check))
        return check

    return declare
