"""QR codes as a scanner sees them: zbar reads pictures, and terminals turned into pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tests.tools import output, require

_DARK = {" ": (0, 0), "\u2584": (0, 1), "\u2580": (1, 0), "\u2588": (1, 1)}
_SCALE = 4
_STYLED = re.compile(r"\x1b\[38;5;(\d+);48;5;(\d+)m([^\x1b]*)\x1b\[0m")


def scanned(picture: Path) -> str:
    """What a scanner reads in a picture."""
    require("zbarimg")
    return output("zbarimg", "-q", "--raw", "--nodbus", str(picture)).decode().rstrip("\n")


def scanned_pdf(document: Path) -> str:
    """What it reads on the one page of a PDF."""
    require("pdftoppm")
    output("pdftoppm", "-singlefile", "-png", "-r", "100", str(document), str(document))
    return scanned(document.with_name(f"{document.name}.png"))


def scanned_lines(lines: Iterable[str], folder: Path, *, inverted: bool = False) -> str:
    """What it reads off half blocks: dark ink on light paper, or the other way round."""
    return scanned(_picture([_modules(one) for one in lines], folder, inverted=inverted))


def _modules(line: str) -> tuple[list[int], list[int]]:
    pairs = [_DARK[one] for one in line.ljust(41)]
    return [one for one, _ in pairs], [one for _, one in pairs]


def scanned_terminal(shown: str, folder: Path) -> str:
    """What it reads off a terminal, by the colours that are asked for."""
    lines = []
    for foreground, background, text in _STYLED.findall(shown):
        assert (foreground, background) == ("16", "231")  # xterm's cube: black, white
        lines.append(text)
    return scanned_lines(lines, folder)


def _picture(lines: Iterable[tuple[list[int], list[int]]], folder: Path, *, inverted: bool) -> Path:
    rows = [row for pair in lines for row in pair]
    width, height = len(rows[0]) * _SCALE, len(rows) * _SCALE
    body = "".join(
        ("".join(str(dark ^ inverted) * _SCALE for dark in row) + "\n") * _SCALE for row in rows
    )
    path = folder / "scanned.pbm"
    path.write_text(f"P1\n{width} {height}\n{body}")
    return path
