"""Plans the next generation in memory: what should be, compared with what lies at the target."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from trustctl import files
from trustctl.facts.compiled import Checkpoint, CompiledPeer
from trustctl.facts.target import FileProblem
from trustctl.publish import draft, manifest
from trustctl.publish.draft import Draft, Last
from trustctl.publish.inspect import scan
from trustctl.publish.manifest import Manifest
from trustctl.publish.place import BUNDLE, CDB, MAP, Place


@dataclass(slots=True)
class Plan:
    """A generation that could be written, and what it is based on.

    Attributes:
        manifest: of the generation that it was compared with; None where there is none that can be
            read. base: the number of the one in force.
        more: the CRLs and staples, by path in the generation's folder.
    """

    place: Place
    draft: Draft
    manifest: Manifest | None
    base: int | None
    problems: list[FileProblem]
    checkpoint: Checkpoint
    as_of: int
    more: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def edited(self) -> list[FileProblem]:
        """Files that somebody else changed since they were written."""
        return [one for one in self.problems if one.kind == "edited"]

    @property
    def nothing_to_do(self) -> bool:
        """Whether what is on disk is what would be written."""
        if self.manifest is None or not self.draft.same or self.problems:
            return False
        return not self.renewed

    @property
    def renewed(self) -> list[str]:
        """The CRLs and staples that are new, have changed, or are gone."""
        before = {} if self.manifest is None else self.manifest.more()
        after = {name: hashlib.sha256(text).hexdigest() for name, text in self.more.items()}
        return sorted(
            name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
        )


def last_generation(place: Place) -> Manifest | None:
    """The manifest of the generation in force; None where there is none.

    Raises:
        TargetError: it is damaged.
    """
    with files.explained(place.root):
        number = place.current_number()
    return None if number is None else manifest.read(place.folder(number))


def look(place: Place, last: Manifest | None, *, whole: bool = False) -> list[FileProblem]:
    """What is not as the generation in force left it; with any such thing the next one has to be
    planned from all peers.

    Args:
        whole: read every file, also those that do not look changed.

    Raises:
        TargetError: a folder there is not safe, or cannot be read.
    """
    with files.explained(place.directory):
        for folder in (place.directory, place.root, place.generations, place.sets):
            if os.path.lexists(folder):
                files.refuse_unsafe(folder)
        return scan(place, last, whole=whole)


def plan(
    place: Place,
    peers: Iterable[CompiledPeer],
    *,
    last: Manifest | None,
    problems: list[FileProblem],
    full: bool,
    checkpoint: Checkpoint,
    as_of: int,
    more: Mapping[str, bytes] | None = None,
) -> Plan:
    """Compare what should be with what is.

    Args:
        last: the manifest that ``peers`` are to be compared with (:func:`last_generation`).
        problems: what :func:`look` found.
        full: ``peers`` are all; else they are those that changed since ``last``, and there are no
            problems. more: CRLs and staples, by path in the generation's folder.

    Raises:
        TargetError: something there cannot be read.
    """
    base = place.current_number() if last is None else last.stored.number
    with files.explained(place.root):
        # what was edited by hand is not read: it is no measure of anything
        whole = not any(one.kind == "edited" for one in problems)
        before = _read(place, last if whole else None)
        drafted = draft.full(peers, before) if full else draft.partial(list(peers), before)
    return Plan(place, drafted, last, base, problems, checkpoint, as_of, more or {})


def _read(place: Place, last: Manifest | None) -> Last:
    only = place.format == "pem"
    if last is None:
        return Last(bundle_only=only)
    folder = place.folder(last.stored.number)

    def content(name: str) -> bytes:
        try:
            return (folder / name).read_bytes()
        except FileNotFoundError:
            return b""

    if only:
        return Last(bundle=content(BUNDLE), peers=last.stored.peers, bundle_only=True)
    return Last(content(MAP), content(CDB), content(BUNDLE), last.sets, last.stored.peers)
