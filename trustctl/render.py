"""Renders answers for people (tables, lines) and for programs (JSON). Hostile text ends here."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from trustctl.facts.text import printable

WIDTH = 80


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


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, flexible: int = 0) -> None:
    """A plain table of at most 80 columns.

    Args:
        flexible: the column that is cut (with an ellipsis) when the table is too wide.
    """
    from tabulate import tabulate

    cells = [[printable(cell) for cell in row] for row in rows]
    if not cells:
        return
    widths = [max(len(row[i]) for row in [list(headers), *cells]) for i in range(len(headers))]
    spare = WIDTH - 2 * (len(headers) - 1) - sum(widths)
    if spare < 0:
        limit = max(8, widths[flexible] + spare)
        for row in cells:
            row[flexible] = printable(row[flexible], limit)
    text = tabulate([list(headers), *cells], tablefmt="plain", disable_numparse=True)
    sys.stdout.write("\n".join(one.rstrip() for one in text.splitlines()) + "\n")
