"""New files that appear whole, and what a killed run left of them.

Their paths are texts: of two thousand files pathlib would take a tenth of the time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from trustctl import files


def create_whole(path: str, content: bytes, *, mode: int) -> None:
    """Write a file that must not exist; nobody ever sees a part of it. It is not synced.

    Raises:
        OSError: FileExistsError, or it cannot be written.
    """
    scratch = _scratch(path)
    files.create(scratch, [content], mode=mode, group=None)
    try:
        os.link(scratch, path)
    finally:
        os.unlink(scratch)


def create_together(folder: Path, new: Sequence[tuple[str, bytes]], also: Iterable[str]) -> None:
    """Write many files of one folder that must not exist.

    All of them, and those in ``also``, are on the disk before the first one appears. A run that is
    killed after that is finished by :func:`resume`.
    """
    made: list[tuple[str, str]] = []
    try:
        for path, content in new:
            scratch = _scratch(path)
            files.create(scratch, [content], mode=0o644, group=None)
            made.append((scratch, path))
        files.sync_tree(folder, [*(one for one, _path in made), *also, folder])
        for scratch, path in made:
            os.link(scratch, path)
    finally:
        for scratch, _path in made:
            with suppress(OSError):
                os.unlink(scratch)
    files.sync(folder)


def resume(folder: Path) -> set[Path]:
    """Finish what a killed :func:`create_together` had begun to show, and remove all else that
    killed runs left; the files that it was about.

    Where one of its files has appeared, all of them had been written whole.
    """
    runs: dict[str, list[tuple[Path, Path]]] = {}
    for scratch in files.leftovers(folder):
        name, _dash, pid = scratch.name.removeprefix(files.TEMPORARY).rpartition("-")
        if name.endswith((".crt", ".key")):
            runs.setdefault(pid, []).append((scratch, folder / name))
    finished: set[Path] = set()
    for parts in runs.values():
        if any(path.suffix == ".crt" and _same(scratch, path) for scratch, path in parts):
            for scratch, path in parts:
                with suppress(FileExistsError):
                    os.link(scratch, path)
                finished.add(path)
        files.sync(folder)
        for scratch, _path in parts:
            os.unlink(scratch)
    return finished


def _scratch(path: str) -> str:
    folder, name = os.path.split(path)
    return f"{folder}/{files.TEMPORARY}{name}-{os.getpid()}"


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except FileNotFoundError:
        return False
