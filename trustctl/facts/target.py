"""A target on disk as facts: what a generation holds, and what was found amiss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from trustctl.facts.compiled import Checkpoint

ProblemKind = Literal["missing", "edited", "stale", "mode", "owner", "group", "manifest"]


@dataclass(frozen=True, slots=True)
class FileProblem:
    """Something about one file; ``detail`` is of our own words. ``stale``: it is ours, but of a
    generation that is not in force."""

    path: str
    kind: ProblemKind
    detail: str


@dataclass(frozen=True, slots=True)
class Stored:
    """One generation on disk. Times are seconds since 1970 UTC; ``manifest_sha256`` names it."""

    number: int
    created_at: int
    as_of: int
    checkpoint: Checkpoint
    manifest_sha256: str
    peers: int
    domains: int


@dataclass(frozen=True, slots=True)
class TargetState:
    """What lies at a target.

    Attributes:
        current: the generation in force; None where there is none.
        stored: all generations on disk, oldest first.
        entries: domain -> value in the current map (Exim).
        fingerprints: of the certificates in the current bundle.
        more: path -> SHA-256 of the CRLs and staples of the current generation.
        problems: files that are not as they were written.
    """

    path: str
    format: str
    exists: bool
    current: Stored | None = None
    stored: tuple[Stored, ...] = ()
    entries: Mapping[str, str] = field(default_factory=dict)
    fingerprints: frozenset[str] = frozenset()
    more: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[FileProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class SystemStore:
    """What the system's own store really holds, compared with what was exported.

    Attributes:
        differences: sentences of our own words, but for names that were made printable.
        notices: what is so for now, and may not last, or is somebody else's.
    """

    differences: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """What a new generation changes, domain by domain (or peer by peer in a bundle).

    ``closed``: protected domains that lose their last trusted pin by it.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    peers_before: int = 0
    peers_after: int = 0
    peers_removed: tuple[str, ...] = ()
