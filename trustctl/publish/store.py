"""Generations on disk: written beside what is there, put in force in one step.

The order of steps is what makes a kill at any of them harmless: trust sets and the generation's
folder are written and synced, the folder gets its name, and then one rename makes it current.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from trustctl import files
from trustctl.errors import TargetError
from trustctl.facts.target import FileProblem, Stored
from trustctl.publish import manifest
from trustctl.publish.aside import LARGE, aside
from trustctl.publish.draft import Draft
from trustctl.publish.folders import prepare
from trustctl.publish.inspect import is_ours
from trustctl.publish.manifest import Manifest
from trustctl.publish.place import CDB, MAP, NOBODY, NOBODY_TEXT, Place
from trustctl.publish.planning import Plan
from trustctl.publish.removal import clean, find_old, remove_generation, remove_old
from trustctl.publish.splice import Data, chunks, joined

_FEW = 200


@dataclass(frozen=True, slots=True)
class Published:
    """What was written. ``repaired``: files that were missing or stale, and are right again."""

    stored: Stored
    written_sets: int
    repaired: tuple[str, ...]


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
        with files.locked(place.lock):
            if place.current_number() != plan.base:
                raise TargetError(
                    f"{place.directory}: another export was made meanwhile", "type it again"
                )
            if place.diverted() and not place.current.is_symlink():
                raise TargetError(f"{place.current} is not a link of trustctl's", "move it away")
            clean(place, sets=False)
            _write_nobody(place)
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


def _write_nobody(place: Place) -> None:
    path = place.root / NOBODY
    if place.is_exim and not _as_written(place, path, NOBODY_TEXT):
        files.replace(path, NOBODY_TEXT, mode=place.file_mode, group=place.group)


def _as_written(place: Place, path: Path, content: bytes) -> bool:
    """Whether it is a file as we would write it now: nobody else's, and not linked elsewhere."""
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        return False
    return (
        stat.S_ISREG(info.st_mode)
        and stat.S_IMODE(info.st_mode) == place.file_mode
        and info.st_uid in (0, os.geteuid())
        and place.group in (None, info.st_gid)
        and info.st_nlink == 1
        and path.read_bytes() == content
    )


def _write(plan: Plan, now: int) -> Published:
    place, drafted = plan.place, plan.draft
    number = place.next_number()
    scratch = place.generations / f"{files.TEMPORARY}{number:08}"
    created: list[Path] = []
    try:
        replaced = _write_sets(plan, created)
        files.make_folder(scratch, mode=place.folder_mode, group=place.group)
        # what is new is read once more the next time, then: where it is much that takes long
        few = plan.manifest is not None and len(created) + replaced <= _FEW
        looked_ns = plan.looked_ns if few else None
        written = _write_folder(plan, scratch, number, now, looked_ns)
        new = [scratch / one for one in (*place.own_files, *plan.more, manifest.NAME)]
        folders = [place.sets, scratch] if created else [scratch]
        folders += [scratch / one for one in manifest.folders(plan.more)]
        known = {number: written}
        if plan.manifest is not None:
            known[plan.manifest.stored.number] = plan.manifest
        # while the disk writes
        old = aside(lambda: find_old(place, number, known), worth=_size(drafted) >= LARGE)
        files.sync_tree(place.root, [*created, *new, *folders, place.generations])
        plan.finish()
        os.rename(scratch, place.folder(number))
        files.sync(place.generations)
        _put_in_force(place, number, drafted.bundle)
    except BaseException:
        if not _is_seen(place, number, drafted.bundle):
            shutil.rmtree(scratch, ignore_errors=True)
            for one in created:
                with suppress(OSError):
                    os.unlink(one)
            with suppress(OSError):
                remove_generation(place, number)
        raise
    with suppress(OSError):  # old generations that stay are no harm; the next export tries again
        remove_old(place, old())
    repaired = tuple(one.path for one in plan.problems if one.kind != "edited")
    return Published(written.stored, len(created) + replaced, repaired)


def _is_seen(place: Place, number: int, bundle: list[Data]) -> bool:
    """Whether readers see anything of a generation that was not put in force whole."""
    if place.current_number() == number:
        return True
    try:
        return place.published is not None and place.published.read_bytes() == joined(bundle)
    except FileNotFoundError:
        return False


def _write_sets(plan: Plan, created: list[Path]) -> int:
    """Write the trust sets that are not there, and note them in ``created``; one that is there
    under its hash must be as we would write it. Returns how many were not."""
    place, drafted = plan.place, plan.draft
    names = {name[:64].encode() for name in drafted.sets}
    known = set() if plan.manifest is None else plan.manifest.listed(names)
    bad = {os.path.basename(one.path) for one in plan.problems}
    replaced = 0
    for name, content in drafted.sets.items():
        if name[:64].encode() in known and name not in bad:
            continue
        path = place.sets / name
        try:
            files.create(path, [content], mode=place.file_mode, group=place.group)
            created.append(path)
        except FileExistsError:
            if not _as_written(place, path, content):
                # not begun in their own folder: a look for what was left there would take long
                files.replace(path, content, mode=place.file_mode, group=place.group, by=place.root)
                replaced += 1
    return replaced


def _write_folder(
    plan: Plan, folder: Path, number: int, now: int, looked_ns: int | None
) -> Manifest:
    place, drafted = plan.place, plan.draft
    contents: dict[str, list[Data]] = {
        place.record: drafted.bundle,
        MAP: [drafted.map],
        CDB: [drafted.cdb],
    }
    # to hash takes as long as to write, and so does the disk: all three at once
    large = _size(drafted) >= LARGE
    record = aside(lambda: _digest(chunks(contents[place.record])), worth=large)
    sizes: dict[str, int] = {}
    syncs: list[Callable[[], None]] = []
    for name in place.own_files:  # the record is the first, and the largest
        sizes[name] = files.create(
            folder / name, chunks(contents[name]), mode=place.file_mode, group=place.group
        )
        if large:
            syncs.append(aside(partial(files.sync, folder / name), worth=True))
    digests = {
        name: _digest(chunks(contents[name])) for name in place.own_files if name != place.record
    }
    digests[place.record] = record()
    lines = b"".join(
        [
            manifest.line(digests[name], sizes[name], f"generations/{number:08}/{name}")
            for name in place.own_files
        ]
    )
    for name in manifest.folders(plan.more):
        files.make_folder(folder / name, mode=place.folder_mode, group=place.group)
    for name, text in sorted(plan.more.items()):
        size = files.create(folder / name, [text], mode=place.file_mode, group=place.group)
        digest_of = hashlib.sha256(text).hexdigest()
        lines += manifest.line(digest_of, size, f"generations/{number:08}/{name}")
    stored = Stored(number, now, plan.as_of, plan.checkpoint, "", drafted.peers, drafted.domains)
    parts, digest = manifest.parts(stored, lines, drafted.set_lines, looked_ns)
    files.create(folder / manifest.NAME, parts, mode=place.file_mode, group=place.group)
    stored = replace(stored, manifest_sha256=digest)
    for synced in syncs:
        synced()
    return Manifest(lines, drafted.set_lines, stored, written_ns=0, looked_ns=0)


def _size(drafted: Draft) -> int:
    return sum(map(len, (drafted.map, drafted.cdb, drafted.set_lines, *drafted.bundle)))


def _digest(parts: Iterable[bytes | memoryview]) -> str:
    digest = hashlib.sha256()
    for part in files.gathered(parts):
        digest.update(part)
    return digest.hexdigest()


def _put_in_force(place: Place, number: int, bundle: list[Data]) -> None:
    published = place.published
    if published is not None:
        if place.current_number() is None and not is_ours(place, published):
            _keep_original(place, published)
        files.replace(published, joined(bundle), mode=place.file_mode, group=None)
    files.point(place.current, f"generations/{number:08}")


def _keep_original(place: Place, published: Path) -> None:
    """Keep what somebody else had in the bundle's place, for uninstall."""
    if not published.is_file() or place.original.exists():
        return
    info, mine = published.stat(), os.geteuid() == 0
    files.replace(
        place.original,
        published.read_bytes(),
        mode=stat.S_IMODE(info.st_mode),
        group=info.st_gid if mine else None,
        owner=info.st_uid if mine else None,
    )
