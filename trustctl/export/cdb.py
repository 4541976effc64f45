"""D. J. Bernstein's constant database (https://cr.yp.to/cdb/cdb.txt), which Exim reads at once.

A record is looked up by two reads however many there are. Records stand in order of their keys, so
that the same content always gives the same bytes.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from operator import itemgetter

from trustctl.errors import TargetError

_HEADER = 2048
_TABLES = 256
_PAIR = struct.Struct("<II")
_LIMIT = 1 << 32
_WORD = "I"  # of 4 bytes wherever CPython runs
_SWAPPED = struct.pack("=H", 1) != struct.pack("<H", 1)


def cdb_hash(key: bytes) -> int:
    """The hash of a key: 32 bits."""
    value = 5381
    for byte in key:
        value = ((value * 33) & 0xFFFFFFFF) ^ byte
    return value


def build(items: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A cdb of the items; keys must not repeat.

    Raises:
        ValueError: a key repeats, or it would pass the format's 4 GiB.
    """
    ordered = sorted(items)
    records, pairs, position, previous = [], [], _HEADER, None
    for key, value in ordered:
        if key == previous:
            raise ValueError("a key stands twice")
        previous = key
        records.append(_PAIR.pack(len(key), len(value)) + key + value)
        pairs.append((cdb_hash(key), position))
        position += 8 + len(key) + len(value)
    return _assemble(records, pairs, position)


def _assemble(records: list[bytes], pairs: list[tuple[int, int]], position: int) -> bytes:
    if position + 16 * len(pairs) >= _LIMIT:
        raise ValueError("a cdb cannot have more than 4 GiB")
    buckets: list[list[tuple[int, int]]] = [[] for _ in range(_TABLES)]
    for pair in pairs:
        buckets[pair[0] & 255].append(pair)
    header, tables = [], []
    for bucket in buckets:
        header.append(_PAIR.pack(position, 2 * len(bucket)))
        tables.append(struct.pack(f"<{4 * len(bucket)}I", *_table(bucket)))
        position += 16 * len(bucket)
    return b"".join([*header, *records, *tables])


def _table(bucket: list[tuple[int, int]]) -> list[int]:
    """The slots of the records of one table, in order of their places."""
    size = 2 * len(bucket)
    table = [0] * (2 * size)
    for value, place in bucket:
        slot = (value >> 8) % size
        while table[2 * slot + 1]:
            slot = (slot + 1) % size
        table[2 * slot], table[2 * slot + 1] = value, place
    return table


def get(data: bytes, key: bytes) -> bytes | None:
    """The value of ``key``; None where there is none.

    Raises:
        TargetError: ``data`` is no cdb.
    """
    place = _find(data, key)
    if place is None:
        return None
    key_length, value_length = _PAIR.unpack_from(data, place)
    end = place + 8 + key_length + value_length
    if end > len(data):
        raise TargetError("a map on disk is damaged: a record runs over")
    return data[end - value_length : end]


def _find(data: bytes, key: bytes) -> int | None:
    value = cdb_hash(key)
    try:
        start, size = _PAIR.unpack_from(data, 8 * (value & 255))
        slot = (value >> 8) % size if size else 0
        for _ in range(size):
            found, place = _PAIR.unpack_from(data, start + 8 * slot)
            if not place:
                return None
            if found == value:
                length = _PAIR.unpack_from(data, place)[0]
                if data[place + 8 : place + 8 + length] == key:
                    return int(place)
            slot = (slot + 1) % size
    except struct.error:
        raise TargetError("a map on disk is damaged: it is no cdb") from None
    return None


def items(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """All records, in order.

    Raises:
        TargetError: ``data`` is no cdb.
    """
    place, end = _HEADER, _records_end(data)
    while place < end:
        try:
            key_length, value_length = _PAIR.unpack_from(data, place)
        except struct.error:
            raise TargetError("a map on disk is damaged: it is no cdb") from None
        place += 8 + key_length + value_length
        if place > end:
            raise TargetError("a map on disk is damaged: a record runs over")
        split = place - value_length
        yield data[split - key_length : split], data[split:place]


def _records_end(data: bytes) -> int:
    if len(data) < _HEADER:
        raise TargetError("a map on disk is damaged: it is no cdb")
    end: int = _PAIR.unpack_from(data, 0)[0]
    if not _HEADER <= end <= len(data):
        raise TargetError("a map on disk is damaged: it is no cdb")
    return end


def update(data: bytes, changes: Mapping[bytes, bytes | None]) -> bytes:
    """What :func:`build` gives for the content of ``data`` with ``changes`` (None removes a key),
    without hashing again what stays.

    Raises:
        TargetError: ``data`` is no cdb.
        ValueError: it would pass the format's 4 GiB.
    """
    try:
        return _update(data, changes)
    except struct.error:
        raise TargetError("a map on disk is damaged: it is no cdb") from None


def _update(data: bytes, changes: Mapping[bytes, bytes | None]) -> bytes:
    end = _records_end(data)
    header = struct.unpack_from(f"<{2 * _TABLES}I", data)
    slots = _table_slots(data, end, header)
    stand = slots[1::2]
    if max(stand, default=0) >= end or (_HEADER in stand) == (end == _HEADER):
        raise TargetError("a map on disk is damaged: its tables do not fit its records")
    edits = list(_edits(data, end, stand, changes))
    if not edits:
        return data
    stops, shifts = [one.stop for one in edits], [0, *accumulate(one.grows for one in edits)]
    if len(data) + shifts[-1] + 16 * len(edits) >= _LIMIT:
        raise ValueError("a cdb cannot have more than 4 GiB")
    if len(edits) == 1:  # as most often, and several times as fast
        stop, shift = stops[0], shifts[1]
        slots[1::2] = array(_WORD, [one + shift if one >= stop else one for one in stand])
    else:
        moved = [one and one + shifts[bisect_right(stops, one)] for one in stand]
        slots[1::2] = array(_WORD, moved)
    # a table has other slots where a key comes or goes; in the others the places alone change
    tables = {one.hash & 255: _bucket(slots, header, one.hash & 255) for one in edits if one.moves}
    for one, shift in zip(edits, shifts, strict=False):
        if one.moves and one.record:
            tables[one.hash & 255].append((one.hash, one.at + shift))
        elif one.moves:
            tables[one.hash & 255].remove((one.hash, one.at + shift))
    return b"".join(_joined(data, end, header, slots, edits, tables))


@dataclass(frozen=True, slots=True)
class _Edit:
    """A record to be put in the place of what stands from ``at`` to ``stop``. ``moves``: its key
    comes or goes."""

    at: int
    stop: int
    record: bytes
    hash: int
    moves: bool

    @property
    def grows(self) -> int:
        return len(self.record) - (self.stop - self.at)


def _edits(
    data: bytes, end: int, stand: array[int], changes: Mapping[bytes, bytes | None]
) -> Iterator[_Edit]:
    """The changes, in order of place; ``stand``: where the records are, and zeros."""

    def key_at(place: int) -> bytes:
        length = _PAIR.unpack_from(data, place)[0]
        return data[place + 8 : place + 8 + length]

    places: list[int] = []
    last = _HEADER
    for key, value in sorted(changes.items(), key=itemgetter(0)):
        record = b"" if value is None else _PAIR.pack(len(key), len(value)) + key + value
        at = _find(data, key)
        if at is not None:
            stop = at + 8 + sum(_PAIR.unpack_from(data, at))
            if at < last or stop > end:
                raise TargetError("a map on disk is damaged: a record runs over")
            yield _Edit(at, stop, record, cdb_hash(key), not record)
            last = stop
        elif record:
            if not places:  # to sort them is what takes longest, and most changes need it not
                places = sorted(stand)
                del places[: bisect_left(places, _HEADER)]
            low = bisect_left(places, key, key=key_at)
            at = places[low] if low < len(places) else end
            if at < last:
                raise TargetError("a map on disk is damaged: its records are in no order")
            yield _Edit(at, at, record, cdb_hash(key), True)
            last = at


def _table_slots(data: bytes, end: int, header: tuple[int, ...]) -> array[int]:
    """The numbers of all tables, one after the other as :func:`build` lays them."""
    position = end
    for start, size in zip(header[0::2], header[1::2], strict=True):
        if start != position:
            raise TargetError("a map on disk is damaged: its tables do not fit its records")
        position += 8 * size
    if position != len(data):
        raise TargetError("a map on disk is damaged: it is no cdb")
    return _numbers(data[end:])


def _bucket(slots: array[int], header: tuple[int, ...], number: int) -> list[tuple[int, int]]:
    """The hash and place of each record of a table."""
    start = (header[2 * number] - header[0]) // 4
    part = slots[start : start + 2 * header[2 * number + 1]]
    return [pair for pair in zip(part[0::2], part[1::2], strict=True) if pair[1]]


def _joined(
    data: bytes,
    end: int,
    header: tuple[int, ...],
    slots: array[int],
    edits: list[_Edit],
    tables: dict[int, list[tuple[int, int]]],
) -> Iterator[bytes | memoryview]:
    """The parts of the new file: header, records, tables; those of ``tables`` are made anew."""
    text = memoryview(data)
    sizes = list(header[1::2])
    for number, bucket in tables.items():
        sizes[number] = 2 * len(bucket)
    position = end + sum(one.grows for one in edits)
    for size in sizes:
        yield _PAIR.pack(position, size)
        position += 8 * size
    copied = _HEADER
    for one in edits:
        yield text[copied : one.at]
        yield one.record
        copied = one.stop
    yield text[copied:end]
    done = 0
    for number in sorted(tables):
        start = (header[2 * number] - header[0]) // 4
        yield _bytes(slots[done:start])
        numbers = _table(sorted(tables[number], key=itemgetter(1)))
        yield struct.pack(f"<{len(numbers)}I", *numbers)
        done = start + 2 * header[2 * number + 1]
    yield _bytes(slots[done:])


def _numbers(data: bytes) -> array[int]:
    """Its numbers of 32 bits, little end first; :func:`_bytes` is the way back."""
    found = array(_WORD, data)
    if _SWAPPED:
        found.byteswap()
    return found


def _bytes(numbers: array[int]) -> bytes:
    if _SWAPPED:
        numbers.byteswap()
    return numbers.tobytes()
