"""Files and standard input as bytes, bounded, with an error for all that cannot be read."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from trustctl.errors import InputError

LIMIT_BYTES = 4 << 20
"""The largest certificate file that is read: a chain of a hundred is a tenth of that."""


def read_source(name: str, *, limit: int = LIMIT_BYTES) -> bytes:
    """The bytes of the file ``name``, or of standard input where it is ``-``.

    Raises:
        InputError: it cannot be read, or has more than ``limit`` bytes.
    """
    with open_source(name) as (stream, _size):
        try:
            data = stream.read(limit + 1)
        except OSError as error:
            raise InputError(f"{_shown(name)}: {(error.strerror or str(error)).lower()}") from error
    if len(data) > limit:
        raise InputError(
            f"{_shown(name)} has more than {limit >> 20} MiB: this is no certificate file",
            "give the certificate's own file; trustctl import reads many at once",
        )
    return data


@contextmanager
def open_source(name: str) -> Iterator[tuple[BinaryIO, int]]:
    """The file ``name`` (``-``: standard input) as a stream, and its size (0 where unknown).

    Raises:
        InputError: it cannot be opened or read.
    """
    if name == "-":
        if sys.stdin is None or sys.stdin.closed:
            raise InputError("standard input is closed", "name a file, or give it with <")
        yield sys.stdin.buffer, 0
        return
    if not name or "\0" in name:
        raise InputError(f"{name!r} is not a file name", "name a PEM or DER file, or -")
    handle, size = _open(name)
    with os.fdopen(handle, "rb") as stream:
        yield stream, size


def _open(name: str) -> tuple[int, int]:
    try:
        # without O_NONBLOCK a fifo that nobody writes to would wait for ever
        handle = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except UnicodeError as error:  # a lone surrogate, out of an import file's JSON
        raise InputError(f"{name!r} is not a file name", "name a PEM or DER file, or -") from error
    except OSError as error:
        raise InputError(
            f"{name}: {(error.strerror or str(error)).lower()}",
            "name a PEM or DER file that you may read, or - for standard input",
        ) from error
    info = os.fstat(handle)
    what = None
    if stat.S_ISDIR(info.st_mode):
        what = "a directory"
    elif not (stat.S_ISREG(info.st_mode) or stat.S_ISFIFO(info.st_mode)):
        what = "a device or a socket"
    if what is not None:
        os.close(handle)
        raise InputError(f"{name} is {what}", "name a PEM or DER file, or -")
    os.set_blocking(handle, True)
    return handle, info.st_size


def _shown(name: str) -> str:
    return "standard input" if name == "-" else name
