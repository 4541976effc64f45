"""A card for a partner as one page: laid out once, drawn as PDF or as PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from textwrap import wrap
from typing import TYPE_CHECKING, Literal

from trustctl.errors import UsageError
from trustctl.export.card import EXTRA, NOTE, matrix, steps, validity
from trustctl.facts.card import Card
from trustctl.facts.fingerprint import spoken
from trustctl.facts.moment import format_date
from trustctl.facts.words import to_words

if TYPE_CHECKING:
    from trustctl.export.card import Matrix

Font = Literal["plain", "bold", "mono"]
WIDTH, HEIGHT, MARGIN = 210.0, 297.0, 18.0
_INNER = WIDTH - 2 * MARGIN
_DPI = 150
_POINT = 25.4 / 72
_INK, _GREY = 0, 110


@dataclass(frozen=True, slots=True)
class Text:
    """A line of ASCII. ``x``, ``y``: of its baseline's beginning, in mm. ``size``: in points.
    ``room``: it is made smaller until it is no wider, in mm."""

    x: float
    y: float
    size: float
    text: str
    font: Font = "plain"
    grey: int = _INK
    room: float = _INNER


@dataclass(frozen=True, slots=True)
class Rule:
    """A horizontal line over the page's width."""

    y: float


@dataclass(frozen=True, slots=True)
class Code:
    """A QR code with its quiet zone. ``side``: in mm."""

    x: float
    y: float
    side: float
    rows: Matrix


def layout(card: Card, *, pem: bool) -> list[Text | Rule | Code]:
    """The page. ``pem``: with the certificate itself, where there is room for it."""
    page: list[Text | Rule | Code] = []
    side = 62.0
    left = _INNER - side
    page += [
        Text(MARGIN, 22, 10, "The certificate of a mail server", grey=_GREY),
        Text(MARGIN, 31, 20, card.host, "bold"),
        Rule(36),
        Code(WIDTH - MARGIN - side + 6, 38, side, matrix(card)),
    ]
    y = 44.0
    others = [one for one in card.names if one != card.host]
    shown = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    heads = [("Valid", validity(card))]
    heads += [("Also for", shown)] if others else []
    for name, value in heads:
        page += [
            Text(MARGIN, y, 9, name, grey=_GREY),
            Text(MARGIN + 20, y, 10, value, room=left - 20),
        ]
        y += 6
    y = max(y + 4, 60)
    page.append(Text(MARGIN, y, 9, "SHA-256 fingerprint, the digits", grey=_GREY))
    groups = spoken(card.fingerprint).split()
    for row in range(4):
        y += 7.5
        for column, group in enumerate(groups[4 * row : 4 * row + 4]):
            page.append(Text(MARGIN + 24 * column, y, 15, group, "mono"))
    y = 106.0
    page.append(Text(MARGIN, y, 9, "The same, in 24 words: read across", grey=_GREY))
    for number, word in enumerate(to_words(card.fingerprint)):
        row, column = divmod(number, 4)
        x, below = MARGIN + column * _INNER / 4, y + 8 + 7 * row
        page += [
            Text(x, below, 9, str(number + 1), grey=_GREY),
            Text(x + 7, below, 13, word, "bold"),
        ]
    y += 54
    page += [
        Text(MARGIN, y, 8.5, NOTE, grey=_GREY),
        Rule(y + 4),
    ]
    y += 12
    for number, (told, command) in enumerate(steps(card, 78), 1):
        for index, line in enumerate(wrap(told, 92)):
            if not index:
                page.append(Text(MARGIN, y, 10, f"{number}."))
            page.append(Text(MARGIN + 6, y, 10, line, room=_INNER - 6))
            y += 4.8
        y += 0.6
        for line in command:
            page.append(Text(MARGIN + 6, y, 9, line, "mono", room=_INNER - 6))
            y += 4.4
        y += 2.4
    key = f"Key (SPKI pin): {card.pin}" if card.pin else "The key cannot be read"
    page += [Rule(y - 1), Text(MARGIN, y + 4, 8.5, key, grey=_GREY)]
    y += 10
    lines = card.pem.splitlines()
    half = (len(lines) + 1) // 2
    if pem and y + 2.5 * half < HEIGHT - 16:
        for index, line in enumerate(lines):
            column, row = divmod(index, half)
            page.append(Text(MARGIN + column * 90, y + 2.5 * row, 6, line, "mono"))
    elif pem:
        page.append(Text(MARGIN, y, 8.5, f"The certificate is too long for this page: it comes as "
                         f"{card.file}.", grey=_GREY))  # fmt: skip
    made = f"trustctl, {format_date(card.made_at)}"
    page.append(Text(MARGIN, HEIGHT - 12 if pem else y + 2, 8, made, grey=_GREY))
    return page


def pdf(card: Card) -> bytes:
    """The card as a PDF of one A4 page, in the fonts that every reader has.

    Raises:
        UsageError: the library is not there.
    """
    try:
        from fpdf import FPDF
    except ImportError:
        raise UsageError("a PDF needs the library fpdf2", EXTRA) from None
    document = FPDF(unit="mm", format="A4")
    document.set_auto_page_break(auto=False)
    document.set_creation_date(datetime.fromtimestamp(card.made_at, UTC))
    document.set_title(card.host)
    document.set_creator("trustctl")
    document.add_page()
    styles: dict[Font, tuple[str, Literal["", "B"]]] = {
        "plain": ("helvetica", ""),
        "bold": ("helvetica", "B"),
        "mono": ("courier", ""),
    }
    for one in layout(card, pem=True):
        match one:
            case Text():
                family, style = styles[one.font]
                document.set_font(family, style, one.size)
                document.set_text_color(one.grey)
                width = document.get_string_width(one.text)
                if width > one.room:
                    document.set_font(family, style, one.size * one.room / width)
                document.text(one.x, one.y, one.text)
            case Rule():
                document.set_draw_color(_GREY)
                document.set_line_width(0.2)
                document.line(MARGIN, one.y, WIDTH - MARGIN, one.y)
            case Code():
                document.set_fill_color(0)
                module = one.side / len(one.rows)
                for row, modules in enumerate(one.rows):
                    for column, length in _runs(modules):
                        document.rect(
                            one.x + column * module, one.y + row * module,
                            length * module, module * 1.01, style="F",
                        )  # fmt: skip
    return bytes(document.output())


def png(card: Card) -> bytes:
    """The card as a PNG, 150 dots an inch, in the one font that the library carries.

    Raises:
        UsageError: the library is not there.
    """
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError:
        raise UsageError("a PNG needs the library Pillow", EXTRA) from None
    scale = _DPI / 25.4
    page = layout(card, pem=False)
    height = max(one.y for one in page) + MARGIN / 2
    image = Image.new("L", (round(WIDTH * scale), round(height * scale)), 255)
    draw = ImageDraw.Draw(image)
    for one in page:
        match one:
            case Text():
                size = one.size * _POINT * scale
                font = ImageFont.load_default(size)
                while (width := draw.textlength(one.text, font)) > one.room * scale:
                    # widths are of whole dots: once is not always enough
                    size *= 0.98 * one.room * scale / width
                    font = ImageFont.load_default(size)
                draw.text((one.x * scale, one.y * scale), one.text, one.grey, font, anchor="ls")
            case Rule():
                ends = [(MARGIN * scale, one.y * scale), ((WIDTH - MARGIN) * scale, one.y * scale)]
                draw.line(ends, fill=_GREY)
            case Code():
                module = int(one.side * scale / len(one.rows))
                x, y = round(one.x * scale), round(one.y * scale)
                for row, modules in enumerate(one.rows):
                    for column, length in _runs(modules):
                        corner = (x + column * module, y + row * module)
                        end = (corner[0] + length * module - 1, corner[1] + module - 1)
                        draw.rectangle((corner, end), fill=0)
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True, dpi=(_DPI, _DPI))
    return stream.getvalue()


def _runs(modules: Sequence[int]) -> list[tuple[int, int]]:
    """Where dark modules begin in a row, and how many there are."""
    found: list[tuple[int, int]] = []
    for column, dark in enumerate(modules):
        if dark and found and sum(found[-1]) == column:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        elif dark:
            found.append((column, 1))
    return found
