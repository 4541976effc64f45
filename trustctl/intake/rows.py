"""Rows of an import file, JSON Lines or CSV, each with its line number, none believed yet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from trustctl.errors import InputError

FIELDS = (
    "peer", "domains", "mx_hosts", "role", "certificate", "fingerprint", "vouched_by", "via",
    "note", "expires",
)  # fmt: skip
DISTRUST_FIELDS = ("distrust", "kind", "reason")
SETTING_FIELDS = ("setting", "value")
INBOUND_FIELDS = ("peer", "inbound", "relay", "allow_from")
LINE_LIMIT = 4 << 20
"""The longest line, in bytes."""


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with one line. ``text`` may quote hostile text: escape it."""

    line: int
    text: str
    hint: str | None = None


Row = tuple[int, dict[str, Any]]


def read_rows(lines: Iterable[bytes], where: str) -> Iterator[Row | RowError]:
    """The rows of a file, told apart by its first character: ``{`` begins JSON Lines, else CSV.

    Args:
        lines: the file's lines, as bytes with their line ends. where: its name, for messages.

    Raises:
        InputError: there is nothing in it, or the CSV header names no known column.
    """
    source = iter(lines)
    first, number = b"", 0
    for first in source:
        number += 1
        if number == 1:
            first = first.removeprefix(b"\xef\xbb\xbf")
        if first.strip():
            break
    if not first.strip():
        raise InputError(f"{where} is empty", "give JSON Lines or CSV: share/doc/import.md")
    if first.lstrip().startswith(b"{"):
        yield from _json_lines(first, source, number)
    else:
        yield from _csv(first, source, number, where)


def _json_lines(first: bytes, rest: Iterator[bytes], number: int) -> Iterator[Row | RowError]:
    line: bytes | None = first
    while line is not None:
        if line.strip():
            yield _json_line(line, number)
        line, number = next(rest, None), number + 1


def _json_line(line: bytes, number: int) -> Row | RowError:
    if len(line) > LINE_LIMIT:
        return RowError(number, f"the line has {len(line)} bytes; {LINE_LIMIT} is the limit")
    try:
        value = json.loads(line.decode("utf-8"), object_pairs_hook=_no_repeats)
    except UnicodeDecodeError:
        return RowError(number, "the line is not UTF-8")
    except RecursionError:
        return RowError(number, "the JSON is nested too deeply")
    except ValueError as error:
        return RowError(number, f"not JSON: {error}")
    if not isinstance(value, dict):
        return RowError(number, "not a JSON object: a line is {...}")
    return _known(number, value)


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice")
        found[key] = value
    return found


def _known(number: int, value: dict[str, Any]) -> Row | RowError:
    allowed: tuple[str, ...] = FIELDS
    if "distrust" in value:
        allowed = DISTRUST_FIELDS
    elif "setting" in value:
        allowed = SETTING_FIELDS
    elif "inbound" in value:
        allowed = INBOUND_FIELDS
    unknown = [key for key in value if key not in allowed]
    if unknown:
        return RowError(number, f"unknown field {unknown[0]!r}", f"known: {', '.join(allowed)}")
    return number, value


def _csv(first: bytes, rest: Iterator[bytes], number: int, where: str) -> Iterator[Row | RowError]:
    csv.field_size_limit(LINE_LIMIT)
    position = [number - 1]

    def text() -> Iterator[str]:
        for raw in [first]:
            position[0] += 1
            yield raw.decode("utf-8")
        for raw in rest:
            position[0] += 1
            yield raw.decode("utf-8")

    delimiter = ";" if first.count(b";") > first.count(b",") else ","
    reader = csv.reader(text(), delimiter=delimiter, strict=True)
    try:
        header = [one.strip().lower() for one in next(reader)]
        unknown = [one for one in header if one not in FIELDS]
        if unknown or "peer" not in header or len(set(header)) != len(header):
            named = f"unknown column {unknown[0]!r}" if unknown else "no or a repeated column peer"
            raise InputError(
                f"{where}: {named} in the first line", f"the columns are: {','.join(FIELDS)}"
            )
        start = position[0] + 1
        for cells in reader:
            if cells and len(cells) != len(header):
                yield RowError(start, f"{len(cells)} columns, the first line has {len(header)}")
            elif cells:
                values = dict(zip(header, cells, strict=True))
                yield start, {key: value for key, value in values.items() if value.strip()}
            start = position[0] + 1
    except UnicodeDecodeError:
        yield RowError(position[0], "the line is not UTF-8")
    except csv.Error as error:
        yield RowError(position[0], f"not CSV: {error}")
