"""Plans the next generation in memory: what should be, compared with what lies at the target."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from trustctl import files
from trustctl.errors import TargetError
from trustctl.facts.compiled import Checkpoint, CompiledPeer
from trustctl.facts.target import FileProblem
from trustctl.publish import draft, manifest, search
from trustctl.publish.draft import Draft, Last
from trustctl.publish.inspect import read_sets, scan, scan_files, sets_unchanged_since
from trustctl.publish.manifest import Manifest
from trustctl.publish.place import CDB, MAP, Place
from trustctl.publish.search import Search, suspects
from trustctl.publish.splice import OnDisk, Text

_TICK_NS = 20_000_000


class SuspectError(TargetError):
    """A generation was planned from the last one, whose trust sets are not what they were."""


@dataclass(slots=True)
class Plan:
    """A generation that could be written, and what it is based on.

    Attributes:
        manifest: of the generation that it was compared with; None where there is none that can be
            read. base: the number of the one in force.
        more: the CRLs and staples (of a tree: its files), by path in the generation's folder.
        looked_ns: when the look at the trust sets was begun; None where that is not known.
        unfinished: that look, where it goes on while the generation is written.
    """

    place: Place
    draft: Draft
    manifest: Manifest | None
    base: int | None
    problems: list[FileProblem]
    checkpoint: Checkpoint
    as_of: int
    more: Mapping[str, bytes] = field(default_factory=dict)
    looked_ns: int | None = None
    unfinished: Begun | None = None

    def finish(self) -> None:
        """Finish the look at the trust sets; call it before anything is put in force.

        Raises:
            SuspectError: something is not as it was left, and the plan was made without knowing.
            TargetError: they cannot be read.
        """
        look, self.unfinished = self.unfinished, None
        if look is not None and look.sets():
            raise SuspectError(
                f"{self.place.directory}: a trust set was changed meanwhile", "type it again"
            )

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
        """Those of ``more`` that are new, have changed, or are gone."""
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


@dataclass(frozen=True, slots=True)
class Begun:
    """A look at a target, begun: the look at trust sets, where those are many, goes on meanwhile.

    Attributes:
        last: the manifest of the generation in force; None where there is none.
        at_ns: when it was begun.
    """

    place: Place
    last: Manifest | None
    at_ns: int
    search: Search | None = None

    @property
    def outdated(self) -> bool:
        """Whether another generation is in force by now."""
        with files.explained(self.place.root):
            number = self.place.current_number()
        return number != (None if self.last is None else self.last.stored.number)

    def files(self) -> list[FileProblem]:
        """What :func:`look` finds beside the trust sets.

        Raises:
            TargetError: a folder there is not safe, or cannot be read.
        """
        with files.explained(self.place.directory):
            _refuse_unsafe(self.place)
            return scan_files(self.place, self.last)

    def sets(self) -> list[FileProblem]:
        """What :func:`look` finds among the trust sets; call it once.

        Raises:
            TargetError: they cannot be read.
        """
        if self.last is None or not self.place.is_exim:
            return []
        with files.explained(self.place.directory):
            if self.search is None:
                found = suspects(self.place.sets, self.last, sets_unchanged_since(self.last))
            else:
                found = self.search.result()
            return read_sets(self.place, found)


def begin(place: Place) -> Begun:
    """Begin a look at a target, by reading its manifest.

    Raises:
        TargetError: that is damaged.
    """
    at_ns, last = clock_ns(), last_generation(place)
    if last is None or not place.is_exim:
        return Begun(place, last, at_ns)
    return Begun(place, last, at_ns, search.begin(place.sets, last, sets_unchanged_since(last)))


def clock_ns() -> int:
    """The time (nanoseconds since 1970) that a file which is changed from now on surely has: the
    filesystem's clock is a tick behind."""
    return time.time_ns() - _TICK_NS


def look(place: Place, last: Manifest | None, *, whole: bool = False) -> list[FileProblem]:
    """What is not as the generation in force left it; with any such thing the next one has to be
    planned from all peers.

    Args:
        whole: read every file, also those that do not look changed.

    Raises:
        TargetError: a folder there is not safe, or cannot be read.
    """
    with files.explained(place.directory):
        _refuse_unsafe(place)
        return scan(place, last, whole=whole)


def _refuse_unsafe(place: Place) -> None:
    for folder in (place.directory, *place.folders):
        if os.path.lexists(folder):
            files.refuse_unsafe(folder)


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
    looked_ns: int | None = None,
) -> Plan:
    """Compare what should be with what is.

    Args:
        last: the manifest that ``peers`` are to be compared with (:func:`last_generation`).
        problems: what :func:`look` found.
        full: ``peers`` are all; else they are those that changed since ``last``, and there are no
            problems. more: CRLs and staples, by path in the generation's folder.
        looked_ns: when that look was begun (:func:`clock_ns`).

    Raises:
        TargetError: something there cannot be read.
    """
    base = place.current_number() if last is None else last.stored.number
    with files.explained(place.root):
        # what was edited by hand is not read: it is no measure of anything
        whole = not any(one.kind == "edited" for one in problems)
        before = _read(place, last if whole else None)
        drafted = draft.full(peers, before) if full else draft.partial(list(peers), before)
    return Plan(place, drafted, last, base, problems, checkpoint, as_of, more or {}, looked_ns)


def _read(place: Place, last: Manifest | None) -> Last:
    only = not place.is_exim
    if last is None:
        return Last(bundle_only=only)
    folder = place.folder(last.stored.number)

    def content(name: str) -> bytes:
        try:
            return (folder / name).read_bytes()
        except FileNotFoundError:
            return b""

    bundle: Text = b""
    with suppress(FileNotFoundError):
        bundle = OnDisk(folder / place.record)
    if only:
        return Last(bundle=bundle, peers=last.stored.peers, bundle_only=True)
    return Last(content(MAP), content(CDB), bundle, last.sets, last.stored.peers)
