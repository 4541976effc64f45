"""A new file for what the CA makes: refused before anything is signed where it cannot be."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trustctl import files
from trustctl.errors import TargetError


class Output:
    """The file to be; without a path nothing is written."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.done = False

    def finish(self, content: bytes) -> None:
        """Write all of it, in one step, and force it to the disk."""
        if self._path is not None:
            with files.explained(self._path):
                files.replace(self._path, content, mode=0o644, group=None)
        self.done = True


@contextmanager
def write_new(name: str | None) -> Iterator[Output]:
    """Take the place of a file that must not exist; give it back where what follows fails.

    An empty file is what a killed run leaves: it is taken as the place.

    Raises:
        TargetError: it exists, or cannot be written.
    """
    path = None if name is None else Path(os.path.abspath(name))
    if path is not None:
        with files.explained(path):
            try:
                files.create(path, [], mode=0o644, group=None)
            except FileExistsError:
                if not _left_empty(path):
                    raise TargetError(
                        f"{path} exists already; it was left as it is",
                        "name another file with --out",
                    ) from None
    output = Output(path)
    try:
        yield output
    finally:
        if path is not None and not output.done:
            with suppress(OSError):
                path.unlink()


def _left_empty(path: Path) -> bool:
    info = os.lstat(path)
    return stat.S_ISREG(info.st_mode) and info.st_size == 0 and info.st_uid == os.geteuid()
