"""New files that appear whole, and what a killed run left of them.

Their paths are texts: of two thousand files pathlib would take a tenth of the time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from trustctl import files
from trustctl.errors import InputError, TargetError


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


def create_together(folder: Path, new: Iterable[tuple[str, bytes]], also: Iterable[str]) -> None:
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
            try:
                os.unlink(scratch)
            except OSError:  # the first error is the one to tell
                continue
    files.sync(folder)


class NewFolder:
    """A folder that appears whole, with all that is in it: each file is written once, under its
    own name, while nobody looks there.

    Attributes:
        scratch: where it is made. taken_up: it has keys that a killed run left.
    """

    def __init__(self, folder: Path) -> None:
        """Begin it, or take up the keys that a killed run had made for it.

        Raises:
            OSError: it cannot be made.
        """
        self._folder = folder
        self.scratch = Path(_scratch(str(folder)))
        self.taken_up = self._take_up()
        if not self.taken_up:
            try:
                os.mkdir(self.scratch, 0o700)
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(folder)) from error
        os.chmod(self.scratch, 0o700)

    def _take_up(self) -> bool:
        name = self.scratch.name.rpartition("-")[0]
        # a container's processes have the same few numbers every time: one that ended had ours
        own = [self.scratch] if os.path.lexists(self.scratch) else []
        for left in [*files.leftovers(self._folder.parent), *own]:
            if left.name.rpartition("-")[0] != name:
                continue
            try:
                os.rmdir(left)  # of what is to be kept there is none
            except OSError:
                try:
                    files.refuse_unsafe(left)
                    os.rename(left, self.scratch)
                except (OSError, TargetError):
                    continue  # nobody's of whom keys are taken
                self._tidy()
                return True
        return False

    def _tidy(self) -> None:
        """Remove what may be half a file: a certificate, or a key that none was made for yet."""
        from trustctl.ca.keyfile import load_plain

        for path in self.scratch.iterdir():
            try:
                if path.suffix == ".key":
                    load_plain(path)
                    continue
            except InputError:
                pass
            os.unlink(path)

    def give_up(self) -> None:
        """Remove it again, where nothing is in it."""
        with suppress(OSError):
            os.rmdir(self.scratch)

    def appear(self, new: Iterable[tuple[str, bytes]], also: Iterable[str]) -> None:
        """Write the last files, force all to the disk, and let it be seen.

        Where that fails it appears with ``also`` alone: those are to be kept.

        Raises:
            OSError: it cannot be written. TargetError: another folder has its place, in which is
                no place for these files.
        """
        made: list[str] = []
        try:
            for path, content in new:
                files.create(path, [content], mode=0o644, group=None)
                made.append(path)
            files.sync_tree(self.scratch, [*made, *also, self.scratch])
        except Exception:  # whatever it was: what was signed is not lost, and it is raised again
            with suppress(OSError):
                for path in made:
                    os.unlink(path)
                os.rename(self.scratch, self._folder)
            raise
        try:
            os.rename(self.scratch, self._folder)
        except OSError as error:
            if error.errno not in files.TAKEN:
                raise
            self._join()
        files.sync(self._folder.parent)

    def _join(self) -> None:
        """Put the files into the folder that another run has made meanwhile; keys come first."""
        files.refuse_unsafe(self._folder)
        names = sorted(os.listdir(self.scratch), key=lambda name: name.endswith(".crt"))
        for name in names:
            os.link(self.scratch / name, self._folder / name)
        files.sync(self._folder)
        for name in names:
            os.unlink(self.scratch / name)
        os.rmdir(self.scratch)


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
    folder, _slash, name = path.rpartition("/")
    return f"{folder}/{files.TEMPORARY}{name}-{os.getpid()}"


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except FileNotFoundError:
        return False
