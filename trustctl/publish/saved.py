"""Files rewritten together: each in one step, and all of them brought back where one fails."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from trustctl import files
from trustctl.errors import TargetError


@dataclass(frozen=True, slots=True)
class Saved:
    """A file as it was; ``content`` None: there was none.

    Attributes:
        folder: its folder's mode and group; None: that was not there.
    """

    path: Path
    content: bytes | None
    mode: int = 0
    owner: int = 0
    group: int = 0
    folder: tuple[int, int] | None = None


def save(path: Path) -> Saved:
    """A file as it is now, to be brought back by :func:`restore`.

    Raises:
        TargetError: it is a symbolic link, no file, or cannot be read.
    """
    with files.explained(path):
        try:
            info = os.lstat(path)
        except FileNotFoundError:
            return Saved(path, None, folder=_folder(path.parent))
        if stat.S_ISLNK(info.st_mode):
            raise TargetError(
                f"{path} is a symbolic link to {os.readlink(path)}",
                "put the file itself there: trustctl does not write through symbolic links",
            )
        if not stat.S_ISREG(info.st_mode):
            raise TargetError(f"{path} is not a file", "move it away")
        mode = stat.S_IMODE(info.st_mode)
        folder = _folder(path.parent)
        return Saved(path, path.read_bytes(), mode, info.st_uid, info.st_gid, folder)


def _folder(path: Path) -> tuple[int, int] | None:
    try:
        info = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return (stat.S_IMODE(info.st_mode), info.st_gid) if stat.S_ISDIR(info.st_mode) else None


def restore(saved: tuple[Saved, ...]) -> None:
    """Bring back what was there: content, mode, owner and group.

    Raises:
        TargetError: a file could not be brought back; all the others were.
    """
    failed: TargetError | None = None
    for one in saved:
        try:
            with files.explained(one.path):
                _bring_back(one)
        except TargetError as error:
            failed = failed or error
    if failed is not None:
        raise failed


def _bring_back(one: Saved) -> None:
    if one.content is None:
        _remove(one.path, folder=one.folder is None)
        return
    if one.folder is not None:
        mode, group = one.folder
        files.make_folder(one.path.parent, mode=mode, group=group)
    files.replace(one.path, one.content, mode=one.mode, group=one.group, owner=one.owner)


def pending(wanted: Mapping[Path, bytes | None]) -> dict[Path, bytes | None]:
    """Those of the files that are not as wanted, in the order in which they can be written: at
    each moment between, what is there is a configuration that Exim can read."""
    different = {path: new for path, new in wanted.items() if save(path).content != new}
    coming = {path: new for path, new in different.items() if new is not None}
    return coming | {path: None for path in reversed(different) if path not in coming}


def write(wanted: Mapping[Path, bytes | None], *, group: int | None) -> tuple[Saved, ...]:
    """Write what is not as wanted, each file in one step, and nothing else.

    Returns:
        What was there before, for :func:`restore`, the last one first; empty where nothing changed.

    Raises:
        TargetError: a file cannot be written; those that were are as before then.
    """
    before: list[Saved] = []
    try:
        for path, content in pending(wanted).items():
            before.insert(0, save(path))
            with files.explained(path):
                _sweep(path.parent)
                if content is None:
                    _remove(path, folder=path.parent.name == "snippets")
                    continue
                files.make_folder(path.parent, mode=0o750, group=group)
                files.refuse_unsafe(path.parent)
                _replace(before[0], content, group)
    except BaseException:
        restore(tuple(before))
        raise
    return tuple(before)


def _replace(old: Saved, content: bytes, group: int | None) -> None:
    if old.content is None:
        files.replace(old.path, content, mode=0o640, group=group)
    else:
        files.replace(old.path, content, mode=old.mode, group=old.group, owner=old.owner)


def _remove(path: Path, *, folder: bool) -> None:
    with suppress(FileNotFoundError):
        path.unlink()
        files.sync(path.parent)
    if folder and path.parent.is_dir() and not os.listdir(path.parent):
        path.parent.rmdir()


def _sweep(folder: Path) -> None:
    """Remove what a killed run left half-written; Exim never reads such names."""
    for one in files.leftovers(folder):
        one.unlink(missing_ok=True)
