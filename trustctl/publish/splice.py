"""Replaces a few records of a large sorted text without touching the rest."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path

from trustctl.errors import TargetError

_AT_ONCE = 1 << 20
_WINDOW = 1 << 12


class OnDisk:
    """A file's text, read as it is needed: as little of it as can be is held in memory. It must not
    change meanwhile; where it does, that is an error.

    Raises:
        OSError: it cannot be opened; a link is not followed, and nothing waits for a pipe's writer.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle = -1
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        self._handle = os.open(path, flags)
        self._seen = self._times()
        self._first = 0
        self._size = os.fstat(self._handle).st_size

    def part(self, start: int, end: int) -> OnDisk:
        """The text from ``start`` to ``end``, as one of its own."""
        found = copy(self)
        found._handle = os.dup(self._handle)
        found._first, found._size = self._first + start, end - start
        return found

    def __del__(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)

    def _times(self) -> tuple[int, int]:
        info = os.fstat(self._handle)
        return info.st_mtime_ns, info.st_ctime_ns

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, where: slice) -> bytes:
        start, end, _step = where.indices(self._size)
        return b"".join(self.chunks(start, end))

    def find(self, what: bytes, start: int) -> int:
        """Where it stands at ``start`` or later; -1 where it does not."""
        while start < self._size:
            found = self[start : start + _WINDOW].find(what)
            if found >= 0:
                return start + found
            start += max(1, _WINDOW - len(what) + 1)
        return -1

    def chunks(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from ``start`` to ``end``.

        Raises:
            OSError: they cannot be read.
            TargetError: the file was changed.
        """
        while start < end:
            chunk = os.pread(self._handle, min(_AT_ONCE, end - start), self._first + start)
            if not chunk or self._times() != self._seen:
                raise TargetError(f"{self.path} was changed while it was read", "type it again")
            yield chunk
            start += len(chunk)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a stored text."""

    text: OnDisk
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


Text = bytes | OnDisk
Data = bytes | memoryview | Part
Edit = tuple[int, int, bytes]
"""Replace the bytes from ``start`` to ``end`` by others."""

_SMALL, _LARGE = 1 << 8, 1 << 16
"""Texts are compared by blocks from so many bytes to so many."""


@dataclass(frozen=True, slots=True)
class Records:
    """A text of records that begin at a line's start with ``prefix`` and stand in order of their
    keys: what follows the prefix, up to ``end``."""

    data: Text
    prefix: bytes
    end: bytes

    def at_or_after(self, place: int) -> int:
        """Where the first record at or after ``place`` begins; the text's length where none."""
        if place <= 0:
            return 0
        found = self.data.find(b"\n" + self.prefix, place - 1)
        return len(self.data) if found < 0 or found + 1 == len(self.data) else found + 1

    def key(self, start: int) -> bytes:
        """The key of the record that begins at ``start``."""
        first = start + len(self.prefix)
        return self.data[first : self.data.find(self.end, first)]

    def lower(self, key: bytes) -> int:
        """Where the first record begins whose key is not less than ``key``."""
        low, high = 0, len(self.data)
        while low < high:
            middle = (low + high) // 2
            start = self.at_or_after(middle)
            if start >= high:
                high = middle
            elif self.key(start) < key:
                low = self.at_or_after(start + 1)
            else:
                high = middle
        return self.at_or_after(low)

    def span(self, key: bytes) -> tuple[int, int]:
        """Where the records with this very key begin and end; both the place for one where there
        are none."""
        return self.lower(key), self.lower(key + b"\0")


def pieces(data: Text, edits: Iterable[Edit]) -> list[Data]:
    """The edited text as pieces to be written one after the other; edits must not overlap."""
    at = 0
    kept: list[Data] = []
    # several that go in at one place: in order of their texts, which begin with their keys
    for start, end, new in sorted(edits):
        kept.append(_part(data, at, start))
        kept.append(new)
        at = end
    kept.append(_part(data, at, len(data)))
    return [one for one in kept if len(one)]


def _part(data: Text, start: int, end: int) -> Data:
    if isinstance(data, OnDisk):
        return Part(data, start, end)
    return memoryview(data)[start:end]


def chunks(parts: Iterable[Data]) -> Iterator[bytes | memoryview]:
    """The pieces as bytes, some of a stored one at a time."""
    for one in parts:
        if isinstance(one, Part):
            yield from one.text.chunks(one.start, one.end)
        else:
            yield one


def joined(parts: Iterable[Data]) -> bytes:
    """The pieces as one text."""
    return b"".join(chunks(parts))


def missing(one: Text, other: Text) -> Iterator[bytes]:
    """The lines of ``one`` that are not in ``other``; both are in order of their lines. Where they
    are the same they are compared by blocks, not line by line."""
    here = there = 0
    while here < len(one):
        same = _same(one, here, other, there)
        here, there = _start(one, here, same), _start(other, there, same)
        line, against = one[here : _end(one, here)], other[there : _end(other, there)]
        if against and against < line:
            there += len(against)
            continue
        if line != against:
            yield line
        here += len(line)


def _start(text: Text, at: int, same: int) -> int:
    """Where the last line begins in so many bytes from a line's start on."""
    end = at + same
    for start in (max(at, end - _WINDOW), at):
        if found := text[start:end].rfind(b"\n") + 1:
            return start + found
    return at


def _end(text: Text, at: int) -> int:
    return (text.find(b"\n", at) + 1) or len(text)


def _same(one: Text, here: int, other: Text, there: int) -> int:
    """How many bytes are the same from two places on, but for a block of the smallest size."""
    total, step = 0, _SMALL
    while step >= _SMALL:
        part = one[here + total : here + total + step]
        if part and part == other[there + total : there + total + step]:
            total += len(part)
            step = min(2 * step, _LARGE)
        else:
            step //= 4
    return total
