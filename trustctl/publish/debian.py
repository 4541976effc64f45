"""Recognises a Debian Exim's folder and its settings, without running any of it."""

from __future__ import annotations

import grp
import os
import shlex
from pathlib import Path

_GROUP = "Debian-exim"
_SETTINGS = "update-exim4.conf.conf"


def looks_like_exim(directory: Path) -> bool:
    """Whether the folder is an Exim's: Debian's settings or template, or an ``exim*.conf``."""
    names = (_SETTINGS, "exim4.conf.template", "exim4.conf", "exim.conf", "conf.d/router")
    return any((directory / one).exists() for one in names)


def exim_group() -> int | None:
    """The group that Exim runs as, where there is one and we may give files to it."""
    if os.geteuid() != 0:
        return None
    try:
        return grp.getgrnam(_GROUP).gr_gid
    except KeyError:
        return None


def settings(directory: Path) -> dict[str, str] | None:
    """The assignments in Debian's update-exim4.conf.conf; None where there is none.

    It is a file of shell assignments; nothing of it is executed.
    """
    try:
        text = (directory / _SETTINGS).read_text("utf-8", "replace")
    except OSError:
        return None
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if not equals or name.startswith("#") or not name.isidentifier():
            continue
        try:
            words = shlex.split(value, comments=True)
        except ValueError:
            continue
        found[name] = words[0] if words else ""
    return found
