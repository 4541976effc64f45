"""Recognises a Debian Exim's folder and reads its settings, without running any of it."""

from __future__ import annotations

import grp
import os
import re
from pathlib import Path

_GROUP = "Debian-exim"
SETTINGS = "update-exim4.conf.conf"
TEMPLATE = "exim4.conf.template"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORD_END = " \t\n;&|<>()"


def looks_like_exim(directory: Path) -> bool:
    """Whether the folder is an Exim's: Debian's settings or template, or an ``exim*.conf``."""
    names = (SETTINGS, TEMPLATE, "exim4.conf", "exim.conf", "conf.d/router")
    return any((directory / one).exists() for one in names)


def exim_group() -> int | None:
    """The group that Exim runs as, where there is one and we may give files to it."""
    if os.geteuid() != 0:
        return None
    try:
        return grp.getgrnam(_GROUP).gr_gid
    except KeyError:
        return None


def settings(directory: Path) -> dict[str, str | None] | None:
    """The assignments in Debian's update-exim4.conf.conf; None where there is none.

    A value is None where only running the file could tell it.
    """
    try:
        text = (directory / SETTINGS).read_text("utf-8", "surrogateescape")
    except OSError:
        return None
    return assignments(text)


def assignments(text: str) -> dict[str, str | None]:
    """What a file of shell assignments sets (POSIX.1-2017, XCU 2.9.1), without executing it.

    Quotes, escapes, continued lines, comments, ``export`` and ``$NAME`` of earlier assignments are
    understood. A value that needs more than that, and every value once the file does anything but
    assign (``if``, ``.``, a command), is None: it cannot be told without running it.
    """
    found: dict[str, str | None] = {}
    plain = True
    for words in _statements(text.replace("\\\n", "")):
        names = words[1:] if words[0][0] in ("export", "readonly") else words
        for raw, value in names:
            name, equals, _rest = raw.partition("=")
            if not equals or not _NAME.fullmatch(name):
                plain = plain and words is not names and bool(_NAME.fullmatch(raw))
                continue
            found[name] = None if value is None else value.partition("=")[2]
    return found if plain else dict.fromkeys(found)


def _statements(text: str) -> list[list[tuple[str, str | None]]]:
    """Statements as lists of words: as they are written, and what they come to."""
    statements: list[list[tuple[str, str | None]]] = []
    current: list[tuple[str, str | None]] = []
    seen: dict[str, str | None] = {}
    at = 0
    while at < len(text):
        character = text[at]
        if character in " \t":
            at += 1
        elif character == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif character in _WORD_END:
            if character not in "\n;":
                # a pipe, a list, a redirection, a subshell: more than assignments
                current.append((character, None))
            elif current:
                statements.append(current)
                current = []
            at += 1
        else:
            end, value = _word(text, at, seen)
            raw = text[at:end]
            if "=" in raw and value is not None:
                seen[raw.partition("=")[0]] = value.partition("=")[2]
            current.append((raw, value))
            at = end
    if current:
        statements.append(current)
    return statements


def _word(text: str, at: int, known: dict[str, str | None]) -> tuple[int, str | None]:
    """The end of the word at ``at`` and what it comes to; None where that cannot be told."""
    parts: list[str] = []
    sure = True
    quoted = False
    while at < len(text):
        character = text[at]
        if not quoted and character in _WORD_END:
            break
        if character == '"':
            quoted = not quoted
            at += 1
        elif character == "'" and not quoted:
            end = text.find("'", at + 1)
            if end < 0:
                return len(text), None
            parts.append(text[at + 1 : end])
            at = end + 1
        elif character == "\\" and at + 1 < len(text):
            # between double quotes a backslash escapes these four and is itself before others
            kept = quoted and text[at + 1] not in '$`"\\'
            parts.append(text[at : at + 2] if kept else text[at + 1])
            at += 2
        elif character == "$":
            name = re.match(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))", text[at:], re.ASCII)
            value = known.get(name[1] or name[2]) if name else None
            sure = sure and value is not None
            parts.append(value or "")
            at += name.end() if name else 1
        else:
            sure = sure and character != "`"
            parts.append(character)
            at += 1
    return at, "".join(parts) if sure and not quoted else None
