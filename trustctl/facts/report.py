"""What a probe found, as it is told to a person who is not there; and whether to tell it again."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from trustctl.facts.finding import Finding, Severity
from trustctl.facts.moment import format_moment
from trustctl.facts.text import printable

WELL = "all is well"
_AGAIN_SECONDS = 23 * 3600  # a day, less the hour by which a timer's next run may be early
_SUBJECTS = 3
_SUBJECT_LENGTH = 60
_FIELD_LENGTH = 1000
_MOST_FINDINGS = 1000
# lengths of time and counts grow from one probe to the next; addresses, ports, dates, fingerprints
# and whatever else has digits tell something new when they change
_VOLATILE = re.compile(
    r"(?<![\w.:-])\d+(?:\.\d+)? ?(ms|s|second|minute|hour|day|week|time|attempt|byte|line)s?\b",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Report:
    """What one probe found.

    Attributes:
        host: the name of the machine that looked. at: when, seconds since 1970 UTC.
        findings: may quote hostile text: escape it. None: all is well.
    """

    host: str
    at: int
    findings: tuple[Finding, ...]

    @property
    def summary(self) -> str:
        """One line: how many findings of which severity, about whom. Nothing in it is hostile."""
        if not self.findings:
            return WELL
        counts = []
        for severity in sorted(Severity, reverse=True):
            number = sum(one.severity is severity for one in self.findings)
            if number:
                counts.append(f"{number} {severity.label}{'s' if number > 1 else ''}")
        worst = sorted(self.findings, key=lambda one: -one.severity)
        subjects = list(dict.fromkeys(printable(one.subject, _SUBJECT_LENGTH) for one in worst))
        more = f" and {len(subjects) - _SUBJECTS} more" if len(subjects) > _SUBJECTS else ""
        return f"{', '.join(counts)}: {', '.join(subjects[:_SUBJECTS])}{more}"


def digest(report: Report) -> str:
    """What the findings come to (SHA-256, hexadecimal): the same for the same set of them, in any
    order, however long each has lasted."""
    told = {
        (one.rule, one.severity.label, one.subject, _VOLATILE.sub(r"N \1", one.what))
        for one in report.findings
    }
    return hashlib.sha256(json.dumps(sorted(told)).encode()).hexdigest()


def due(report: Report, last_digest: str | None, last_at: int | None, now: int) -> bool:
    """Whether a person is to be told.

    They are when the findings are others than those told last, again each day for as long as there
    are any, and once when there are none any more.

    Args:
        last_digest: :func:`digest` of what was told last; None where nothing ever was.
        last_at: when that was; seconds since 1970 UTC, as ``now`` is.
    """
    if last_digest is None or last_at is None:
        return bool(report.findings)
    if digest(report) != last_digest:
        return True
    # a clock that was set back must not silence anybody
    return bool(report.findings) and not 0 <= now - last_at < _AGAIN_SECONDS


def as_lines(report: Report, most: int) -> list[str]:
    """The report for people, of up to ``most`` findings, the worst first; escaped and cut."""
    worst = sorted(report.findings, key=lambda one: -one.severity)
    lines = []
    for one in worst[:most]:
        subject, what = printable(one.subject, 300), printable(one.what, 600)
        rule = printable(one.rule, _SUBJECT_LENGTH)
        lines.append(f"{one.severity.label.upper()}: {subject}: {what}  [{rule}]")
        lines.append(f"  why: {printable(one.why, 900)}")
        lines.append(f"  fix: {printable(one.fix, 900)}")
    if len(worst) > most:
        lines.append(f"and {len(worst) - most} more")
    return lines


def as_json(report: Report) -> str:
    """The report for programs: one JSON object on one line of ASCII. Long values are cut, and
    beyond a thousand findings only ``count`` goes on."""
    findings = [
        {
            "rule": _cut(one.rule),
            "severity": one.severity.label,
            "subject": _cut(one.subject),
            "what": _cut(one.what),
            "why": _cut(one.why),
            "fix": _cut(one.fix),
        }
        for one in report.findings[:_MOST_FINDINGS]
    ]
    return json.dumps(
        {
            "host": report.host,
            "at": format_moment(report.at),
            "summary": report.summary,
            "count": len(report.findings),
            "findings": findings,
        }
    )


def _cut(text: str) -> str:
    return printable(text, _FIELD_LENGTH)
