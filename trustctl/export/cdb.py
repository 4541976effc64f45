"""D. J. Bernstein's constant database (https://cr.yp.to/cdb/cdb.txt), which Exim reads at once.

A record is looked up by two reads however many there are. Records stand in order of their keys, so
that the same content always gives the same bytes.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

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
        size = 2 * len(bucket)
        header.append(_PAIR.pack(position, size))
        table = [0] * (2 * size)
        for value, place in bucket:
            slot = (value >> 8) % size
            while table[2 * slot + 1]:
                slot = (slot + 1) % size
            table[2 * slot], table[2 * slot + 1] = value, place
        tables.append(struct.pack(f"<{len(table)}I", *table))
        position += 8 * size
    return b"".join([*header, *records, *tables])


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
    if (len(data) - end) % 8:
        raise TargetError("a map on disk is damaged: it is no cdb")
    slots = _numbers(data[end:])
    found = {_find(data, key): value for key, value in changes.items()}
    if found and None not in found and None not in found.values():
        return _revalued(data, end, slots, cast(dict[int, bytes], found))
    hashes = dict(zip(slots[1::2], slots[0::2], strict=True))
    hashes.pop(0, None)
    places = sorted(hashes)
    if (places[0] != _HEADER or places[-1] >= end) if places else end != _HEADER:
        raise TargetError("a map on disk is damaged: its tables do not fit its records")
    pieces: list[bytes] = []
    pairs: list[tuple[int, int]] = []
    position, index, copied = _HEADER, 0, _HEADER

    def key_at(place: int) -> bytes:
        length = _PAIR.unpack_from(data, place)[0]
        return data[place + 8 : place + 8 + length]

    def keep(upto: int) -> None:
        """Keep the records from ``index`` to ``upto``."""
        nonlocal position, index, copied
        stop = places[upto] if upto < len(places) else end
        shift = position - copied
        pairs.extend([(hashes[place], place + shift) for place in places[index:upto]])
        pieces.append(data[copied:stop])
        position, index, copied = position + stop - copied, upto, stop

    for key in sorted(changes):
        low, high = index, len(places)
        while low < high:
            middle = (low + high) // 2
            if key_at(places[middle]) < key:
                low = middle + 1
            else:
                high = middle
        keep(low)
        if low < len(places) and key_at(places[low]) == key:
            index = low + 1
            copied = places[index] if index < len(places) else end
        value = changes[key]
        if value is not None:
            pieces.append(_PAIR.pack(len(key), len(value)) + key + value)
            pairs.append((cdb_hash(key), position))
            position += 8 + len(key) + len(value)
    keep(len(places))
    return _assemble(pieces, pairs, position)


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


def _revalued(data: bytes, end: int, slots: array[int], values: dict[int, bytes]) -> bytes:
    """The same keys with other values, by the place of their records: nothing in the tables changes
    but where the records stand."""
    stand = slots[1::2]
    places = [one for one in stand if one]
    if min(places) != _HEADER or max(places) >= end:
        raise TargetError("a map on disk is damaged: its tables do not fit its records")
    moved = sorted(values)
    shifts, pieces, at = [0], [], _HEADER
    for place in moved:
        key_length, value_length = _PAIR.unpack_from(data, place)
        value, stop = values[place], place + 8 + key_length + value_length
        if place < at or stop > end:
            raise TargetError("a map on disk is damaged: a record runs over")
        head = _PAIR.pack(key_length, len(value))
        pieces += [data[at:place], head, data[place + 8 : place + 8 + key_length], value]
        shifts.append(shifts[-1] + len(value) - value_length)
        at = stop
    if len(data) + shifts[-1] >= _LIMIT:
        raise ValueError("a cdb cannot have more than 4 GiB")
    header = list(struct.unpack_from(f"<{2 * _TABLES}I", data))
    header[0::2] = [one + shifts[-1] for one in header[0::2]]
    if len(moved) == 1:  # as most often, and twice as fast
        place, shift = moved[0], shifts[1]
        stand = array(_WORD, [one + shift if one > place else one for one in stand])
    else:
        stand = array(_WORD, [one and one + shifts[bisect_left(moved, one)] for one in stand])
    slots[1::2] = stand
    return b"".join(
        [
            struct.pack(f"<{len(header)}I", *header),
            *pieces,
            data[at:end],
            _bytes(slots),
        ]
    )
