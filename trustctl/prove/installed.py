"""Where the installed Postfix keeps its configuration, and what of ours that names."""

from __future__ import annotations

import re
from pathlib import Path

from trustctl.errors import NotEnforcedError
from trustctl.export.postfix import POLICY
from trustctl.publish import postconf, programs
from trustctl.publish.postfix_site import MAPS, tables

_TABLE = re.compile(r"(?:proxy:)?([a-z0-9]+):(/[A-Za-z0-9/._-]+)/trustctl/live/" + POLICY)


def configuration(program: str) -> Path:
    """The folder of the configuration that an installed Postfix reads.

    Raises:
        NotEnforcedError: it cannot be told.
    """
    status, out, complaints = programs.attempt(program, "-h", "config_directory", cwd="/")
    said = out.strip()
    if status or not said.startswith("/"):
        why = complaints.strip()[-300:]
        raise NotEnforcedError(f"{program} names no configuration folder: {why}")
    return Path(said)


def data(program: str) -> tuple[Path, str] | None:
    """The folder that trustctl exported to and the kind of its table, as the installed Postfix has
    it; None where its configuration names no table of ours.

    Raises:
        NotEnforcedError: it cannot be asked.
    """
    named = postconf.Postfix(configuration(program)).values(MAPS)[MAPS]
    for one in tables(named):
        if (found := _TABLE.fullmatch(one)) is not None:
            return Path(found[2]), found[1]
    return None
