"""A finding: one thing that an audit noticed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Severity(IntEnum):
    """How bad it is. ``error``: mail waits or trust is wrong now. ``warning``: it will be, or
    somebody has to look. ``notice``: worth knowing."""

    NOTICE = 1
    WARNING = 2
    ERROR = 3

    @property
    def label(self) -> str:
        """The name that users see and type."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """``rule``: the rule's id. ``subject``: a peer, domain, file or fingerprint (may be hostile:
    escape it). ``what``: what was seen. ``why``: why it matters. ``fix``: the command to type."""

    rule: str
    severity: Severity
    subject: str
    what: str
    why: str
    fix: str
