"""Reads several queries that are ordered alike, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any


class Merge:
    """Walks a query that is ordered by its first column, a key at a time, in step with another."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self._groups = groupby(rows, key=itemgetter(0))
        self._next: tuple[Any, Any] | None = next(self._groups, None)

    def take(self, key: int) -> list[Any]:
        while self._next is not None:
            found, rows = self._next
            if found > key:
                return []
            taken = list(rows) if found == key else []
            self._next = next(self._groups, None)
            if taken:
                return taken
        return []
