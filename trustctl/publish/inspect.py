"""Looks at a target on disk: quickly before an export, whole for an audit."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from trustctl.errors import TargetError
from trustctl.facts.target import FileProblem, Stored, TargetState
from trustctl.publish import manifest
from trustctl.publish.draft import parse_map
from trustctl.publish.manifest import Manifest
from trustctl.publish.place import BUNDLE, MAP, NOBODY, NOBODY_TEXT, Place

_PRINT = re.compile(rb"^# peer=\S+ domains=\S+ sha256=([0-9A-F:]{95}) ", re.MULTILINE)


def scan(place: Place, last: Manifest | None) -> list[FileProblem]:
    """What is missing or was changed since the generation in force was written.

    A file whose inode changed (ctime) after the manifest was written is read and compared; the
    others are as they were. An audit reads them all: :func:`inspect`.
    """
    if last is None:
        return _foreign(place)
    problems: list[FileProblem] = []
    own = last.own_files()
    for path, (digest, _size) in own.items():
        problems += _changed(place.root / path, digest, last.ctime_ns)
    if place.published is not None:
        digest = own[f"generations/{last.stored.number:08}/{BUNDLE}"][0]
        problems += _published(place, place.published, digest)
    if last.sets:
        problems += _scan_sets(place, last)
    return problems


def _scan_sets(place: Place, last: Manifest) -> Iterator[FileProblem]:
    names = last.set_names()
    seen: set[bytes] = set()
    recent = last.ctime_ns
    try:
        with os.scandir(place.sets) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                if name[64:] != b".pem":
                    continue
                if entry.stat(follow_symlinks=False).st_ctime_ns > recent and name[:64] in names:
                    yield from _changed(Path(entry.path), entry.name[:64], recent)
                seen.add(name[:64])
    except FileNotFoundError:
        pass
    for name in sorted(names - seen):
        yield FileProblem(f"{place.sets}/{name.decode()}.pem", "missing", "it is gone")


def _changed(path: Path, digest: str, recent_ns: int) -> Iterator[FileProblem]:
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        yield FileProblem(str(path), "missing", "it is gone")
        return
    if not stat.S_ISREG(info.st_mode):
        yield FileProblem(str(path), "edited", "it is no longer a file")
    elif info.st_ctime_ns > recent_ns and _digest(path) != digest:
        yield FileProblem(str(path), "edited", "its content was changed")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _published(place: Place, path: Path, digest: str) -> Iterator[FileProblem]:
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        yield FileProblem(str(path), "missing", "it is gone")
        return
    if not stat.S_ISREG(info.st_mode):
        yield FileProblem(str(path), "edited", "it is no longer a file")
        return
    found = _digest(path)
    # a killed export may have put a newer generation's bundle there already: that is ours too
    if found != digest and found not in _known_bundles(place):
        yield FileProblem(str(path), "edited", "its content was changed")


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
    if path.is_file() and not path.is_symlink() and _digest(path) in _known_bundles(place):
        return []
    return [FileProblem(str(path), "edited", "it was not written by trustctl")]


def inspect(place: Place) -> TargetState:
    """Everything at the target, each file of the generation in force read and compared."""
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
    base = TargetState(str(place.directory), place.format, place.root.is_dir(), None, tuple(stored))
    if current is None:
        return _with(base, problems=problems)
    folder = place.folder(current.stored.number)
    problems += _verify(place, current)
    problems += _modes(place, current)
    entries: dict[str, str] = {}
    if place.format == "exim":
        with suppress(ValueError):  # edited by hand: it is among the problems already
            entries = {one: value for one, (_, value) in parse_map(_read(folder / MAP)).items()}
        problems += _constant(place)
    bundle = _read(place.published or folder / BUNDLE)
    prints = frozenset(one.decode().replace(":", "").lower() for one in _PRINT.findall(bundle))
    return TargetState(
        base.path, base.format, base.exists, current.stored, base.stored, entries, prints,
        tuple(problems),
    )  # fmt: skip


def _with(state: TargetState, *, problems: list[FileProblem]) -> TargetState:
    return TargetState(
        state.path, state.format, state.exists, None, state.stored, problems=tuple(problems)
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # it is among the problems already


def verify(place: Place, found: Manifest) -> list[FileProblem]:
    """Every file of a generation, read and compared with its manifest."""
    return list(_verify(place, found))


def _verify(place: Place, found: Manifest) -> Iterator[FileProblem]:
    for path, (digest, _size) in manifest.parse_lines(found.files + found.sets).items():
        yield from _changed(place.root / path, digest, -1)
    if place.published is not None and place.current_number() == found.stored.number:
        digest = found.own_files()[f"generations/{found.stored.number:08}/{BUNDLE}"][0]
        yield from _changed(place.published, digest, -1)


def _constant(place: Place) -> Iterator[FileProblem]:
    path = place.root / NOBODY
    if _read(path) != NOBODY_TEXT:
        yield FileProblem(str(path), "edited", "its content was changed")


def _modes(place: Place, found: Manifest) -> Iterator[FileProblem]:
    folder = place.folder(found.stored.number)
    paths = [place.root, place.generations, folder]
    paths += [folder / one for one in (*place.own_files, manifest.NAME)]
    if place.format == "exim":
        paths += [place.sets, *(place.sets / f"{n.decode()}.pem" for n in found.set_names())]
    elif place.published is not None:
        paths.append(place.published)
    for path in paths:
        try:
            info = os.lstat(path)
        except FileNotFoundError:
            continue
        mode = stat.S_IMODE(info.st_mode)
        if mode & 0o022:
            yield FileProblem(str(path), "mode", f"mode {mode:04o}: others may write it")
        if info.st_uid not in (0, os.geteuid()):
            yield FileProblem(str(path), "owner", f"it belongs to user {info.st_uid}")
        if place.group is not None and not mode & 0o004 and info.st_gid != place.group:
            yield FileProblem(str(path), "mode", "Exim's group cannot read it")
