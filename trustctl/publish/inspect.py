"""Looks at a target on disk: quickly before an export, whole for an audit."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from trustctl import files
from trustctl.errors import TargetError
from trustctl.export import cdb
from trustctl.export.exim import GUARD
from trustctl.facts.target import FileProblem, Stored, TargetState
from trustctl.publish import manifest
from trustctl.publish.draft import parse_map
from trustctl.publish.manifest import Manifest
from trustctl.publish.place import BUNDLE, CDB, MAP, NOBODY, NOBODY_TEXT, Place
from trustctl.publish.search import suspects

_PRINT = re.compile(rb"^# peer=\S+ domains=\S+ sha256=([0-9A-F:]{95}) ", re.MULTILINE)


def scan(place: Place, last: Manifest | None, *, whole: bool = False) -> list[FileProblem]:
    """What is missing or was changed since the generation in force was written.

    A file is read where its inode changed (ctime) since the manifest was written, the others are as
    they were. With ``whole`` they are all read, as an audit does (:func:`inspect`): that also finds
    what was changed with the clock set back.
    """
    problems = scan_files(place, last, whole=whole)
    if last is not None and place.is_exim:
        found = suspects(place.sets, last, 0 if whole else sets_unchanged_since(last))
        problems += read_sets(place, found)
    return problems


def scan_files(place: Place, last: Manifest | None, *, whole: bool = False) -> list[FileProblem]:
    """What :func:`scan` finds beside the trust sets."""
    if last is None:
        return diversion(place) or _foreign(place)
    problems = list(_own(place, last, 0 if whole else _unless_ahead(last.written_ns)))
    problems += _published(place, last)
    if place.is_exim:
        problems += _constant(place)
    return problems


def read_sets(place: Place, names: Iterable[bytes]) -> list[FileProblem]:
    """Those of the trust sets with these file names that are not as they were written."""
    return [
        problem
        for name in names
        for problem in _changed(place.sets / name.decode(), name[:64].decode())
    ]


def sets_unchanged_since(last: Manifest) -> int:
    """The time (nanoseconds since 1970) from which on a trust set that changed has to be read."""
    return _unless_ahead(last.looked_ns)


def _unless_ahead(moment_ns: int) -> int:
    # a clock that was ahead at the export has written a time after which nothing can be changed
    return 0 if moment_ns > time.time_ns() else moment_ns


def diversion(place: Place) -> list[FileProblem]:
    """Whether ``current`` leads where trustctl never writes: who reads it reads something else."""
    if not place.diverted():
        return []
    return [FileProblem(str(place.current), "edited", "it is not a link of trustctl's")]


def _own(place: Place, found: Manifest, since: int = 0) -> Iterator[FileProblem]:
    """The generation's own files, as :func:`_changed` looks at them."""
    listed = found.own_files()
    folder = place.folder(found.stored.number)
    for name in place.own_files:
        entry = listed.get(f"generations/{folder.name}/{name}")
        if entry is None:
            yield FileProblem(str(folder / name), "edited", "the manifest does not list it")
        else:
            yield from _changed(folder / name, entry[0], since)
    for name, digest in found.more().items():
        yield from _changed(folder / name, digest, since)


def _changed(path: Path, digest: str, since: int = 0) -> Iterator[FileProblem]:
    """One file, read and compared where its inode changed at ``since`` or later."""
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        yield FileProblem(str(path), "missing", "it is gone")
        return
    if not stat.S_ISREG(info.st_mode):
        yield FileProblem(str(path), "edited", "it is no longer a file")
    elif info.st_ctime_ns >= since and _digest(path) != digest:
        yield FileProblem(str(path), "edited", "its content was changed")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _published(place: Place, last: Manifest) -> Iterator[FileProblem]:
    """The bundle that consumers read, against that of the generation in force."""
    path = place.published
    entry = last.own_files().get(f"generations/{last.stored.number:08}/{BUNDLE}")
    if path is None or entry is None:
        return
    for problem in _changed(path, entry[0]):
        # a killed export or rollback put another generation's there: that is ours, but not in force
        if problem.kind == "edited" and is_ours(place, path):
            yield FileProblem(problem.path, "stale", "it is of a generation that is not in force")
        else:
            yield problem


def is_whole(path: Path, digest: str) -> bool:
    """Whether it is a file with this very content."""
    return not list(_changed(path, digest))


def is_ours(place: Place, path: Path) -> bool:
    """Whether the file is the bundle of one of our generations, to the byte."""
    return path.is_file() and not path.is_symlink() and _digest(path) in _known_bundles(place)


def _known_bundles(place: Place) -> Iterator[str]:
    for number in place.numbers():
        try:
            own = manifest.read(place.folder(number)).own_files()
        except TargetError:
            continue
        yield from (digest for path, (digest, _size) in own.items() if path.endswith(BUNDLE))


def _foreign(place: Place) -> list[FileProblem]:
    """Before the first export: what already stands where the bundle goes is somebody else's."""
    path = place.published
    if path is None or not os.path.lexists(path):
        return []
    if is_ours(place, path):
        return []
    return [FileProblem(str(path), "edited", "it was not written by trustctl")]


def inspect(place: Place) -> TargetState:
    """Everything at the target, each file of the generation in force read and compared.

    Raises:
        TargetError: it cannot be read.
    """
    with files.explained(place.root):
        return _inspect(place)


def _inspect(place: Place) -> TargetState:
    stored: list[Stored] = []
    problems: list[FileProblem] = []
    number, current = place.current_number(), None
    for one in place.numbers():
        try:
            found = manifest.read(place.folder(one))
        except TargetError as error:
            problems.append(
                FileProblem(str(place.folder(one) / manifest.NAME), "manifest", error.message)
            )
            continue
        stored.append(found.stored)
        current = found if one == number else current
    base = TargetState(str(place.directory), place.format, place.exists, None, tuple(stored))
    if current is None:
        problems += diversion(place)
        if number is not None and number not in place.numbers():
            problems.append(FileProblem(str(place.current), "edited", "it leads nowhere"))
        return replace(base, problems=tuple(problems))
    folder = place.folder(current.stored.number)
    problems += _verify(place, current)
    problems += _modes(place, current)
    entries: dict[str, str] = {}
    if place.is_exim:
        problems += _constant(place)
        entries, whole = _entries(folder)
        if not whole and not problems:
            problems.append(FileProblem(str(folder / CDB), "edited", "it is not the map's text"))
    bundle = _read(place.published or folder / place.record)
    prints = frozenset(one.decode().replace(":", "").lower() for one in _PRINT.findall(bundle))
    return replace(
        base,
        current=current.stored,
        entries=entries,
        fingerprints=prints,
        more=current.more(),
        problems=tuple(problems),
    )


def _entries(folder: Path) -> tuple[dict[str, str], bool]:
    """What Exim finds in the map, and whether that is what its text says."""
    data = _read(folder / CDB)
    with suppress(TargetError, ValueError):
        found = {key.decode("ascii"): value.decode("ascii") for key, value in cdb.items(data)}
        found.pop(GUARD[0].decode(), None)
        text = {domain: value for domain, (_, value) in parse_map(_read(folder / MAP)).items()}
        pairs = [(domain.encode(), value.encode()) for domain, value in text.items()]
        return found, cdb.build([GUARD, *pairs]) == data
    return {}, False


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # it is among the problems already


def verify(place: Place, found: Manifest) -> list[FileProblem]:
    """Every file of a generation, read and compared with its manifest."""
    return list(_verify(place, found))


def _verify(place: Place, found: Manifest) -> Iterator[FileProblem]:
    yield from _own(place, found)
    for name in sorted(found.set_names()):
        yield from _changed(place.sets / f"{name.decode()}.pem", name.decode())
    if place.current_number() == found.stored.number:
        yield from _published(place, found)


def _constant(place: Place) -> Iterator[FileProblem]:
    yield from _changed(place.root / NOBODY, hashlib.sha256(NOBODY_TEXT).hexdigest())


def _modes(place: Place, found: Manifest) -> Iterator[FileProblem]:
    folder = place.folder(found.stored.number)
    folders = [place.directory, *place.folders, folder]
    folders += [folder / one for one in manifest.folders(found.more())]
    paths = [folder / one for one in (*place.own_files, *found.more(), manifest.NAME)]
    if place.is_exim:
        paths += [place.root / NOBODY]
        paths += [place.sets / f"{name.decode()}.pem" for name in sorted(found.set_names())]
    elif place.published is not None:
        paths.append(place.published)
    for path in (*folders, *paths):
        try:
            info = os.lstat(path)
        except FileNotFoundError:
            continue
        if stat.S_ISLNK(info.st_mode):
            if path in folders:
                yield FileProblem(str(path), "edited", "it is a symbolic link")
            continue
        mode = stat.S_IMODE(info.st_mode)
        # the target's own folder may be a group's; what is in it may not
        if mode & (0o002 if path == place.directory else 0o022):
            yield FileProblem(str(path), "mode", f"mode {mode:04o}: others may write it")
        if info.st_uid not in (0, os.geteuid()):
            yield FileProblem(str(path), "owner", f"it belongs to user {info.st_uid}")
        readable = mode & 0o004 or (mode & 0o040 and info.st_gid == place.group)
        if place.group is not None and not readable:
            yield FileProblem(str(path), "group", "Exim's group cannot read it")
