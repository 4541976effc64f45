"""Generations on disk: planned in memory, written beside what is there, put in force in one step.

The order of steps is what makes a kill at any of them harmless: trust sets and the generation's
folder are written and synced, the folder gets its name, and then one rename makes it current.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from trustctl import files
from trustctl.errors import TargetError
from trustctl.facts.compiled import Checkpoint, CompiledPeer
from trustctl.facts.target import FileProblem, Stored
from trustctl.publish import draft, manifest
from trustctl.publish.draft import Draft, Last
from trustctl.publish.inspect import scan
from trustctl.publish.manifest import Manifest
from trustctl.publish.place import BUNDLE, CDB, MAP, NOBODY, NOBODY_TEXT, Place
from trustctl.publish.splice import Data

KEPT = 5
"""How many generations stay on disk."""


@dataclass(slots=True)
class Plan:
    """A generation that could be written, and what it is based on."""

    place: Place
    draft: Draft
    manifest: Manifest | None
    problems: list[FileProblem]
    checkpoint: Checkpoint
    as_of: int

    @property
    def edited(self) -> list[FileProblem]:
        """Files that somebody else changed since they were written."""
        return [one for one in self.problems if one.kind != "missing"]

    @property
    def nothing_to_do(self) -> bool:
        """Whether what is on disk is what would be written."""
        return self.draft.same and not self.problems and self.manifest is not None


@dataclass(frozen=True, slots=True)
class Published:
    """What was written. ``repaired``: files that had gone missing, and are there again."""

    stored: Stored
    written_sets: int
    repaired: tuple[str, ...]


def last_generation(place: Place) -> Manifest | None:
    """The manifest of the generation in force; None where there is none.

    Raises:
        TargetError: it is damaged.
    """
    number = place.current_number()
    return None if number is None else manifest.read(place.folder(number))


def plan(
    place: Place,
    peers: Iterable[CompiledPeer],
    *,
    last: Manifest | None,
    full: bool,
    checkpoint: Checkpoint,
    as_of: int,
) -> Plan:
    """Compare what should be with what is.

    Args:
        last: the manifest that ``peers`` are to be compared with (:func:`last_generation`).
        full: ``peers`` are all; else they are those that changed since ``last``.

    Raises:
        TargetError: something there cannot be read.
    """
    problems = scan(place, last)
    with files.explained(place.root):
        # what was edited by hand is not read: it is no measure of anything
        whole = not any(one.kind == "edited" for one in problems)
        before = _read(place, last) if whole else draft.EMPTY
        drafted = draft.full(peers, before) if full else draft.partial(list(peers), before)
    return Plan(place, drafted, last, problems, checkpoint, as_of)


def _read(place: Place, last: Manifest | None) -> Last:
    if last is None:
        return draft.EMPTY
    folder = place.folder(last.stored.number)

    def content(name: str) -> bytes:
        try:
            return (folder / name).read_bytes()
        except FileNotFoundError:
            return b""

    if place.format == "pem":
        return Last(b"", draft.EMPTY.cdb, content(BUNDLE), b"", last.stored.peers)
    return Last(content(MAP), content(CDB), content(BUNDLE), last.sets, last.stored.peers)


def carry_out(plan: Plan, *, now: int, force: bool = False) -> Published:
    """Write the planned generation and put it in force.

    Args:
        now: seconds since 1970 UTC. force: overwrite what was edited by hand.

    Raises:
        TargetError: edited files without ``force``, or a place that cannot be written; what was
            in force still is.
    """
    place = plan.place
    refuse_edited(plan.edited, force=force)
    with files.explained(place.directory):
        prepare(place)
        with files.locked(place.root / "lock"):
            base = None if plan.manifest is None else plan.manifest.stored.number
            if place.current_number() != base:
                raise TargetError(
                    f"{place.directory}: another export was made meanwhile", "type it again"
                )
            clean(place)
            return _write(plan, now)


def refuse_edited(edited: list[FileProblem], *, force: bool) -> None:
    """Refuse to go on over files that somebody else changed.

    Raises:
        TargetError: there are some, and ``force`` was not given.
    """
    if edited and not force:
        more = [f"... and {len(edited) - 20} more"] if len(edited) > 20 else []
        raise TargetError(
            "files were changed since trustctl wrote them; nothing was overwritten",
            "look at them; --force writes them anew",
            details=[*(f"{one.path}: {one.detail}" for one in edited[:20]), *more],
        )


def prepare(place: Place) -> None:
    """Make the target's folders and the constant file; refuse a place that is not safe.

    Raises:
        TargetError: a link, another user's folder, or one that everybody may write.
    """
    if not os.path.lexists(place.directory):
        if not os.path.isdir(place.directory.parent):
            raise TargetError(
                f"{place.directory.parent} is not there", f"mkdir -p {place.directory.parent}"
            )
        files.make_folder(place.directory, mode=0o755, group=None)
    files.refuse_unsafe(place.directory)
    if place.format == "pem":
        place.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    inner = [place.root, place.generations]
    inner += [place.sets] if place.format == "exim" else []
    for folder in inner:
        files.make_folder(folder, mode=place.folder_mode, group=place.group)
        files.refuse_unsafe(folder)
    if place.format == "exim":
        nobody = place.root / NOBODY
        if not nobody.is_file() or nobody.read_bytes() != NOBODY_TEXT:
            files.replace(nobody, NOBODY_TEXT, mode=place.file_mode, group=place.group)


def clean(place: Place) -> None:
    """Remove what killed runs left unfinished; call it under the lock."""
    for one in place.leftovers():
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        else:
            one.unlink(missing_ok=True)


def _write(plan: Plan, now: int) -> Published:
    place, drafted = plan.place, plan.draft
    number = max(place.numbers(), default=0) + 1
    scratch = place.generations / f"{files.TEMPORARY}{number:08}"
    try:
        written = _write_sets(plan)
        files.make_folder(scratch, mode=place.folder_mode, group=place.group)
        stored = _write_folder(plan, scratch, number, now)
        new = [scratch / one for one in (*place.own_files, manifest.NAME)]
        files.sync_tree(place.root, [*written, *new, scratch, place.generations])
        os.rename(scratch, place.folder(number))
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    files.sync(place.generations)
    _put_in_force(place, number, drafted.bundle)
    with suppress(OSError):  # old generations that stay are no harm; the next export tries again
        prune(place)
    repaired = tuple(one.path for one in plan.problems if one.kind == "missing")
    return Published(stored, len([one for one in written if one.suffix]), repaired)


def _write_sets(plan: Plan) -> list[Path]:
    """Write the trust sets that are not there; one that is there under its hash must be whole."""
    place, drafted = plan.place, plan.draft
    known = set() if plan.manifest is None else plan.manifest.set_names()
    bad = {os.path.basename(one.path) for one in plan.problems}
    written: list[Path] = []
    for name, content in drafted.sets.items():
        if name[:64].encode() in known and name not in bad:
            continue
        path = place.sets / name
        try:
            files.create(path, [content], mode=place.file_mode, group=place.group)
        except FileExistsError:
            if not path.is_symlink() and path.read_bytes() == content and name not in bad:
                continue
            files.replace(path, content, mode=place.file_mode, group=place.group)
        written.append(path)
    if written:
        written.append(place.sets)
    return written


def _write_folder(plan: Plan, folder: Path, number: int, now: int) -> Stored:
    place, drafted = plan.place, plan.draft
    contents: dict[str, list[Data]] = {
        BUNDLE: drafted.bundle,
        MAP: [drafted.map],
        CDB: [drafted.cdb],
    }
    lines = b""
    for name in place.own_files:
        digest = hashlib.sha256()
        for part in contents[name]:
            digest.update(part)
        size = files.create(folder / name, contents[name], mode=place.file_mode, group=place.group)
        lines += manifest.line(digest.hexdigest(), size, f"generations/{number:08}/{name}")
    stored = Stored(number, now, plan.as_of, plan.checkpoint, "", drafted.peers, drafted.domains)
    text = manifest.compose(stored, lines, drafted.set_lines)
    files.create(folder / manifest.NAME, [text], mode=place.file_mode, group=place.group)
    return replace(stored, manifest_sha256=hashlib.sha256(text).hexdigest())


def _put_in_force(place: Place, number: int, bundle: list[Data]) -> None:
    published = place.published
    if published is not None:
        if place.current_number() is None and published.is_file() and not place.original.exists():
            files.replace(place.original, published.read_bytes(), mode=0o600, group=None)
        files.replace(published, b"".join(bundle), mode=place.file_mode, group=None)
    files.point(place.current, f"generations/{number:08}")


def prune(place: Place, *, keep: int = KEPT) -> None:
    """Remove generations but the newest ``keep`` and the one in force, and the sets that only they
    had. A file that no manifest of ours lists stays."""
    numbers = place.numbers()
    current = place.current_number()
    old = [one for one in numbers[:-keep] if one != current]
    if not old:
        return
    dropped: set[bytes] = set()
    for number in old:
        with suppress(TargetError):
            dropped |= manifest.read(place.folder(number)).set_names()
        remove_generation(place, number)
    for number in place.numbers():
        dropped -= manifest.read(place.folder(number)).set_names()
    for name in dropped:
        with suppress(FileNotFoundError):
            os.unlink(place.sets / f"{name.decode()}.pem")


def remove_generation(place: Place, number: int) -> None:
    """Remove a generation's own files, and its folder where nothing else is in it."""
    folder = place.folder(number)
    for name in (*place.own_files, manifest.NAME):
        with suppress(FileNotFoundError):
            os.unlink(folder / name)
    with suppress(OSError):
        os.rmdir(folder)
