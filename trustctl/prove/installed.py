"""Where the installed Postfix keeps its configuration, and what of ours that names."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from trustctl.errors import NotEnforcedError
from trustctl.export.postfix import POLICY
from trustctl.publish import postconf
from trustctl.publish.postfix_site import MAPS, tables

_SECONDS = 30
_TABLE = re.compile(r"(?:proxy:)?([a-z0-9]+):(/[A-Za-z0-9/._-]+)/trustctl/live/" + POLICY)


def configuration(program: str) -> Path:
    """The folder of the configuration that an installed Postfix reads.

    Raises:
        NotEnforcedError: it cannot be told.
    """
    ran = subprocess.run(
        [program, "-h", "config_directory"], capture_output=True, check=False, timeout=_SECONDS,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}, cwd="/",
    )  # fmt: skip
    said = ran.stdout.decode("utf-8", "replace").strip()
    if ran.returncode or not said.startswith("/"):
        why = ran.stderr.decode("utf-8", "replace").strip()[-300:]
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
