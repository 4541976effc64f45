"""Who is told of what was found, as the settings name them: a command, a mail address."""

from __future__ import annotations

import os.path
import re
import shlex

from trustctl.errors import UsageError
from trustctl.facts.names import parse_host
from trustctl.facts.text import printable

_LONGEST_COMMAND = 2000
_SHOWN = 60
# of RFC 5321's Atom without what programs that take mail read as routes, pipes, files or variables
_ATOM = r"[A-Za-z0-9&'+=_~][A-Za-z0-9&'+=_~-]*"
_LOCAL_PART = re.compile(rf"{_ATOM}(?:\.[A-Za-z0-9&'+=_~-]+)*", re.ASCII)
_COMMAND_HINT = "type it like '/usr/local/sbin/page-me --team mail'"
_ADDRESS_HINT = "type it like postmaster@foo.example, or root for somebody of this machine"


def parse_command(text: str) -> str:
    """The command that is run after a probe that found something, on one line.

    Words are set apart as in a shell, quotes and backslashes work; nothing else of a shell does.

    Raises:
        UsageError: its first word is no absolute path, a quote does not end, it is too long, or
            holds what cannot be seen.
    """
    line = text.strip()
    shown = printable(text, _SHOWN)
    if len(line) > _LONGEST_COMMAND:
        raise UsageError(
            f"a command may have {_LONGEST_COMMAND} characters, this one has {len(line)}",
            "put it into a script, and name that",
        )
    if printable(line) != line:
        raise UsageError(
            f"{shown!r}: a command may not hold control or invisible characters", _COMMAND_HINT
        )
    try:
        words = shlex.split(line)
    except ValueError:
        raise UsageError(f"{shown!r}: a quote or a backslash has no end", _COMMAND_HINT) from None
    if not words:
        raise UsageError("a command may not be empty", _COMMAND_HINT)
    # a relative path would mean another program in another folder
    if not os.path.isabs(words[0]) or words[0].endswith("/"):
        raise UsageError(
            f"{printable(words[0], _SHOWN)!r} is not the absolute path of a program", _COMMAND_HINT
        )
    return line


def command_words(command: str) -> tuple[str, ...]:
    """The program and its arguments.

    Raises:
        UsageError: as :func:`parse_command`.
    """
    return tuple(shlex.split(parse_command(command)))


def parse_mail_address(text: str) -> str:
    """An address that takes mail: ``ann@foo.example``, or a user of this machine, ``root``.

    The domain becomes lower-case A-labels. Quoted local parts (RFC 5321, 4.1.2), source routes and
    names beside the address are refused: this goes into a header.

    Raises:
        UsageError: it is none.
    """
    local, at, domain = text.strip().rpartition("@")
    if not at:
        local, domain = domain, ""
    if not _LOCAL_PART.fullmatch(local) or len(local) > 64:
        raise UsageError(f"{printable(text, _SHOWN)!r} is not a plain mail address", _ADDRESS_HINT)
    return f"{local}@{parse_host(domain)}" if at else local
