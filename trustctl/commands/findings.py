"""Findings as people read them and as JSON, and the exit code that they come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from trustctl.facts.finding import Finding

_LEVELS = ["notice", "warning", "error", "never"]


def fail_on(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--fail-on LEVEL``."""
    return click.option(
        "--fail-on",
        type=click.Choice(_LEVELS),
        default="warning",
        metavar="LEVEL",
        help="Exit with 1 at a finding of this severity or a worse one: notice, warning, error, or "
        "never. [default: warning]",
    )(function)


def fails(found: Sequence[Finding], level: str) -> bool:
    """Whether there is one of this level or a worse one."""
    limit = _LEVELS.index(level) + 1
    return any(one.severity >= limit for one in found)


def as_json(one: Finding) -> dict[str, Any]:
    """The documented keys of a finding (share/doc/json.md)."""
    return {
        "rule": one.rule,
        "severity": one.severity.label,
        "subject": one.subject,
        "what": one.what,
        "why": one.why,
        "fix": one.fix,
    }


def show(found: Sequence[Finding]) -> None:
    """Three lines for each."""
    from trustctl import render

    for one in found:
        render.line(f"{one.severity.label.upper()}: {one.subject}: {one.what}  [{one.rule}]")
        render.line(f"  why: {one.why}")
        render.line(f"  fix: {one.fix}")
