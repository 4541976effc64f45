"""``trustctl`` as it is typed, under limits, as another user, or with something mounted first."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.console import Console, Ran, inspect

_SECONDS = 60
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def typed(
    console: Console,
    *words: str,
    before: Sequence[str] = (),
    limit: Callable[[], None] | None = None,
    stdin: int = subprocess.DEVNULL,
) -> Ran:
    """Run ``BEFORE trustctl WORDS`` in the console's folder, on its inventory."""
    done = subprocess.run(
        [*before, sys.executable, "-m", "trustctl", "--db", str(console.db), *words],
        stdin=stdin,
        capture_output=True,
        cwd=console.folder,
        timeout=_SECONDS,
        check=False,
        preexec_fn=limit,
    )
    ran = Ran(
        done.returncode,
        *(one.decode("utf-8", "backslashreplace") for one in (done.stdout, done.stderr)),
    )
    inspect(ran, words)
    return ran


def mounted(*mounts: str) -> tuple[str, ...]:
    """A prefix that runs a command in a mount namespace of its own, after these mounts."""
    commands = " && ".join([*(f"mount {one}" for one in mounts), 'exec "$@"'])
    return ("unshare", "-m", "sh", "-c", commands, "sh")


def refused(ran: Ran, code: int, *said: str) -> None:
    """It ended with this code, one error that says this, and a hint."""
    assert ran.code == code, ran
    lines = ran.err.splitlines()
    assert lines[-1].startswith("hint: "), ran
    for one in said:
        assert one in ran.err, ran


def at_most(kind: int, size: int) -> Callable[[], None]:
    """A limit to set between fork and exec."""
    return lambda: resource.setrlimit(kind, (size, size))


def world_can_reach(folder: Path) -> None:
    """Let other users pass through the test's own folders."""
    for one in (folder, *folder.parents):
        if one.stat().st_uid == os.geteuid() and one != Path("/"):
            one.chmod(one.stat().st_mode | 0o011)
