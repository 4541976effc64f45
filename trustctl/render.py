"""Renders answers for people (tables, lines) and for programs (JSON). Hostile text ends here."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from trustctl.facts.text import printable

WIDTH = 80
_PART = 1000


def line(text: str = "") -> None:
    """One line to stdout, with whatever could drive a terminal made visible."""
    sys.stdout.write(printable(text) + "\n")


def note(*lines: str) -> None:
    """Lines to stderr: what a person should know beside the answer."""
    for one in lines:
        sys.stderr.write(printable(one) + "\n")


def fields(pairs: Iterable[tuple[str, str | Sequence[str]]]) -> None:
    """Aligned ``name  value`` lines of at most 80 columns; what does not fit goes on under it.

    Args:
        pairs: names of our own, each with a text, or with several that begin a line each.
    """
    listed = list(pairs)
    width = max((len(name) for name, _ in listed), default=0) + 2
    for name, value in listed:
        texts = [value] if isinstance(value, str) else value
        parts = [part for one in texts for part in _wrapped(printable(one), WIDTH - width)]
        for index, part in enumerate(parts or [""]):
            line(f"{'' if index else name:<{width}}{part}".rstrip())


def _wrapped(text: str, width: int) -> list[str]:
    if len(text) <= width:
        return [text]
    from textwrap import wrap

    return wrap(text, width, break_on_hyphens=False)


def as_json(value: Any) -> None:
    """One JSON document to stdout: ASCII alone, keys in the order that share/doc/json.md gives."""
    sys.stdout.write(json.dumps(value, ensure_ascii=True, indent=2) + "\n")


def as_json_line(value: Any) -> None:
    """One JSON document on a line of its own, ASCII alone, at once: others wait for it."""
    sys.stdout.write(json.dumps(value, ensure_ascii=True) + "\n")
    sys.stdout.flush()


def raw(data: bytes) -> None:
    """Bytes of our own making (PEM, an image) to stdout as they are."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def blocks(lines: Iterable[str]) -> bool:
    """Lines of block characters, the ink of which is dark: on a terminal black on white, whatever
    its own colours are.

    Returns:
        Whether stdout can show them; else nothing was written.
    """
    shown = list(lines)
    try:
        "".join(shown).encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    if sys.stdout.isatty():
        shown = [f"\x1b[38;5;16;48;5;231m{one}\x1b[0m" for one in shown]
    sys.stdout.write("".join(f"{one.rstrip()}\n" for one in shown))
    return True


def as_json_list(values: Iterable[Any]) -> None:
    """As :func:`as_json` of a list, with a part of it in memory at a time."""
    rest = iter(values)
    before = "[\n"
    while part := list(islice(rest, _PART)):
        sys.stdout.write(before + json.dumps(part, ensure_ascii=True, indent=2)[2:-2])
        before = ",\n"
    sys.stdout.write("[]\n" if before.startswith("[") else "\n]\n")


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, flexible: int = 0) -> int:
    """A plain table of at most 80 columns; nothing where there are no rows.

    Args:
        flexible: the column that is cut (with an ellipsis) when the table is too wide.

    Returns:
        The number of rows.
    """
    from trustctl.deferred import answering

    # for its own version it would load a mail parser: a tenth of a command's time
    with answering("importlib.metadata", version=str, PackageNotFoundError=LookupError):
        from tabulate import tabulate

    cells = [[printable(cell) for cell in row] for row in rows]
    count = len(cells)
    if not cells:
        return count
    cells.insert(0, list(headers))
    widths = [max(len(row[i]) for row in cells) for i in range(len(headers))]
    spare = WIDTH - 2 * (len(headers) - 1) - sum(widths)
    if spare < 0:
        limit = max(8, widths[flexible] + spare)
        widths[flexible] = min(widths[flexible], limit)
        for row in cells[1:]:
            row[flexible] = printable(row[flexible], limit)
    # a part at a time: tabulate copies every cell several times over; a first row as wide as the
    # widest cells makes the parts alike
    ruler = ["-" * width for width in widths]
    for start in range(0, len(cells), _PART):
        part = [ruler, *cells[start : start + _PART]]
        text = tabulate(part, tablefmt="plain", disable_numparse=True)
        sys.stdout.write("".join(f"{one.rstrip()}\n" for one in text.splitlines()[1:]))
    return count
