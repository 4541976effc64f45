"""Replaces a few records of a large sorted text without touching the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

Data = bytes | memoryview
Edit = tuple[int, int, bytes]
"""Replace the bytes from ``start`` to ``end`` by others."""


@dataclass(frozen=True, slots=True)
class Records:
    """A text of records that begin at a line's start with ``prefix`` and stand in order of their
    keys: what follows the prefix, up to ``end``."""

    data: bytes
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


def pieces(data: bytes, edits: Iterable[Edit]) -> list[Data]:
    """The edited text as pieces to be written one after the other; edits must not overlap."""
    view, at = memoryview(data), 0
    kept: list[Data] = []
    # several that go in at one place: in order of their texts, which begin with their keys
    for start, end, new in sorted(edits):
        kept.append(view[at:start])
        kept.append(new)
        at = end
    kept.append(view[at:])
    return [one for one in kept if len(one)]


def joined(parts: Sequence[Data]) -> bytes:
    """The pieces as one text."""
    return b"".join(parts)


def differing(one: bytes, other: bytes) -> bytes:
    """The lines of ``one`` between what both begin with and what both end with."""
    shorter = min(len(one), len(other))
    start = _common(shorter, lambda low, high: one[low:high] == other[low:high])
    start = one.rfind(b"\n", 0, start) + 1
    same = _common(
        shorter,
        lambda low, high: (
            one[len(one) - high : len(one) - low] == other[len(other) - high : len(other) - low]
        ),
    )
    end = one.find(b"\n", max(start, len(one) - same)) + 1
    return one[start : end or len(one)]


def _common(length: int, same: Callable[[int, int], bool]) -> int:
    """How far two texts are the same, by halves; ``same`` compares the bytes between two places."""
    low, high = 0, length
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if same(low, middle) else (low, middle - 1)
    return low
