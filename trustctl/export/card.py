"""A card for a partner, as text, and its QR code."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from trustctl.errors import UsageError
from trustctl.facts.card import Card, folded
from trustctl.facts.fingerprint import spoken
from trustctl.facts.moment import format_moment
from trustctl.facts.words import grid

if TYPE_CHECKING:
    Matrix = Sequence[Sequence[int]]

QUIET = 4
"""Light modules around a QR code (ISO/IEC 18004, 5.3.8)."""

_BLOCKS = {(0, 0): " ", (0, 1): "\u2584", (1, 0): "\u2580", (1, 1): "\u2588"}
EXTRA = "pip install 'trustctl[card]'"
NOTE = "Fingerprint and words are public: they name the certificate, and open nothing."


def matrix(card: Card) -> Matrix:
    """The card's QR code: rows of modules, 1 for a dark one, with the quiet zone.

    Raises:
        UsageError: the library is not there.
    """
    try:
        import segno
    except ImportError:
        raise UsageError("a QR code needs the library segno", EXTRA) from None
    code = segno.make_qr(card.code, error="m")
    return [tuple(int(one) for one in row) for row in code.matrix_iter(border=QUIET)]


def half_blocks(rows: Matrix) -> list[str]:
    """A QR code as lines of half blocks, two rows of modules a line: dark ones in the ink."""
    padded = [*rows, [0] * len(rows[0])] if len(rows) % 2 else list(rows)
    pairs = zip(padded[::2], padded[1::2], strict=True)
    return ["".join(_BLOCKS[pair] for pair in zip(*both, strict=True)) for both in pairs]


def validity(card: Card) -> str:
    """From when to when."""
    ends = [
        "unreadable" if one is None else format_moment(one)
        for one in (card.not_before, card.not_after)
    ]
    return f"{ends[0]} to {ends[1]}"


def head(card: Card) -> list[tuple[str, Sequence[str]]]:
    """What the certificate is: names of our own, each with its lines."""
    others = [one for one in card.names if one != card.host]
    found: list[tuple[str, Sequence[str]]] = [
        ("host", [card.host]),
        ("valid", [validity(card)]),
        ("fingerprint", spoken(card.fingerprint).splitlines()),
        ("in words", grid(card.fingerprint)),
        ("key (SPKI)", [card.pin or "unreadable"]),
    ]
    if others:
        found.insert(1, ("also", others))
    return found


def steps(card: Card, width: int) -> list[tuple[str, list[str]]]:
    """What the partner does: each step, and the command to type, on lines of so many characters."""
    compared = (
        "Have its fingerprint read out to you, in digits or in words, by somebody whom you know, "
        "over the phone or in person: not out of the message that this came with. Type what you "
        "hear, or scan the code; trustctl compares:"
    )
    return [
        ("Save the certificate in a file, or fetch it from the server:",
         folded(card.fetch, width)),
        (compared, folded(card.add, width)),
        ("Without trustctl, compare with what this says:", folded(card.compare, width)),
    ]  # fmt: skip


def above(card: Card) -> list[str]:
    """The lines above the QR code."""
    lines = [f"{card.host}: the certificate of a mail server", ""]
    for name, values in head(card):
        lines += [f"{'' if at else name:<13}{one}" for at, one in enumerate(values)]
    return lines


def below(card: Card, width: int) -> list[str]:
    """The lines below it: what the partner does, and the certificate."""
    lines = [NOTE, ""]
    for number, (told, command) in enumerate(steps(card, width - 4), 1):
        lines += wrap(told, width, initial_indent=f"{number}. ", subsequent_indent="   ")
        lines += [f"     {one}" for one in command]
    return [*lines, "", *card.pem.splitlines()]


def text(card: Card, width: int) -> str:
    """All of it, for a mail."""
    lines = [*above(card), "", *half_blocks(matrix(card)), *below(card, width)]
    return "".join(f"{one.rstrip()}\n" for one in lines)
