"""Finds the trust sets that may have been changed, by a look at each of as many inodes as there
are peers; where those are many, in a second process, while this one does what comes next."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path

from trustctl import files
from trustctl.publish.manifest import Manifest

MANY = 5000
"""With so many domains, nearly each with a set of its own, a second process is worth its start."""

_AT_ONCE = 256
_END = b"end\n"
_changed = attrgetter("st_ctime_ns")
_mode = attrgetter("st_mode")


def suspects(folder: Path, found: Manifest, since: int) -> list[bytes]:
    """The names of the manifest's trust sets that have to be read: those whose inode changed at
    ``since`` (nanoseconds since 1970) or later, and those that are no files, or not there at all.

    Raises:
        OSError: the folder cannot be read.
    """
    names = found.set_files()
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return names
    told: list[bytes] = []
    look = partial(os.stat, dir_fd=handle, follow_symlinks=False)
    try:
        for at in range(0, len(names), _AT_ONCE):
            part = names[at : at + _AT_ONCE]
            # nearly always it is none of them: the loops are C's, and a name alone costs too much
            with suppress(FileNotFoundError):
                infos = list(map(look, part))
                # not earlier: a tick of the filesystem's clock is some milliseconds long
                if max(map(_changed, infos)) < since and all(map(stat.S_ISREG, map(_mode, infos))):
                    continue
            for name in part:
                with suppress(FileNotFoundError):
                    info = look(name)
                    if info.st_ctime_ns < since and stat.S_ISREG(info.st_mode):
                        continue
                told.append(name)
    finally:
        os.close(handle)
    return told


@dataclass(frozen=True, slots=True)
class Search:
    """A search for suspects, which another process makes meanwhile."""

    folder: Path
    found: Manifest
    since: int
    process: int
    pipe: int

    def result(self) -> list[bytes]:
        """What :func:`suspects` gives; call it once.

        Raises:
            OSError: the folder cannot be read.
        """
        with open(self.pipe, "rb") as pipe:
            told = pipe.read()
        os.waitpid(self.process, 0)
        if not told.endswith(_END):  # it was killed, or met an error: that is told from here
            return suspects(self.folder, self.found, self.since)
        return told.split(b"\n")[:-2]


def begin(folder: Path, found: Manifest, since: int) -> Search | None:
    """Begin a search in a second process; None where that is not worth it, or there can be none."""
    if found.stored.domains < MANY:
        return None
    reader, writer = os.pipe()
    try:
        process = os.fork()
    except OSError:
        os.close(reader)
        os.close(writer)
        return None
    if process:
        os.close(writer)
        return Search(folder, found, since, process, reader)
    # nothing of the first process may be finished twice: no handler, no buffer, no exception
    try:
        os.close(reader)
        told = suspects(folder, found, since)
        files.write_all(writer, [b"".join([name + b"\n" for name in told]) + _END])
    finally:
        os._exit(0)
