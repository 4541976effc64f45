"""A folder of certificates as people lay them, and what ``adopt`` says of it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from tests import certs
from tests.console import Console, Ran


def lay(console: Console, files: Mapping[str, bytes]) -> str:
    """A folder of these files; its path."""
    for name, content in files.items():
        path = console.folder / "lab" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return "lab"


def commands(ran: Ran) -> list[list[str]]:
    """The commands that it says to type next."""
    return [shlex.split(one) for one in ran.err.splitlines() if one.startswith("  trustctl")]


def left(console: Console, *words: str, code: int = 1) -> list[tuple[str, str, bool]]:
    """What is left out: the file's name, why, and whether a person has to look."""
    found = console("adopt", *words, "--json", code=code).json["left_out"]
    return [(Path(one["file"]).name, one["code"], one["look"]) for one in found]


def spoken(made: certs.Made) -> str:
    """The begin of a fingerprint, as it is shown."""
    digits = made.fingerprint[:16].upper()
    return " ".join(digits[at : at + 4] for at in range(0, 16, 4))
