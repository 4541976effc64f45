"""Runs other people's programs: fixed arguments, no shell, a clean environment, a limit on time."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

from trustctl.errors import NotEnforcedError

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_SECONDS = 60
_TOLD = 600

Ended = tuple[int, str, str]
"""A program's exit status, output and complaints."""


def attempt(
    *command: str,
    called: str | None = None,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    user: tuple[int, int] | None = None,
    cwd: str | None = None,
    umask: int = -1,
    seconds: int = _SECONDS,
) -> Ended:
    """Run a program to its end, however that is.

    Args:
        called: how an error names it; by default as it is run. stdin: what it reads.
        environment: beside a path of the system's and the locale C, or in their place.
        user: the user and the group to run it as; none: as we do. umask: -1 for our own.

    Raises:
        NotEnforcedError: it cannot be run, or takes longer than ``seconds``.
    """
    name = called or command[0]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=seconds,
            check=False,
            input=stdin,
            env={"PATH": PATH, "LC_ALL": "C", **(environment or {})},
            cwd=cwd if user is None else "/",
            umask=umask,
            user=None if user is None else user[0],
            group=None if user is None else user[1],
            extra_groups=None if user is None else (),
        )
    except subprocess.TimeoutExpired as error:
        raise NotEnforcedError(f"{name} did not end within {seconds} seconds") from error
    except (OSError, subprocess.SubprocessError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise NotEnforcedError(f"{name} cannot be run: {reason}") from error
    out, complaints = (one.decode("utf-8", "replace") for one in (done.stdout, done.stderr))
    return done.returncode, out, complaints


def output(said: Sequence[str], ended: Ended) -> str:
    """What a program that ended well printed; ``said``: the command line, for the error.

    Raises:
        NotEnforcedError: it failed, with what it said.
    """
    status, out, complaints = ended
    if status:
        told = complaints.strip() or out.strip()
        raise NotEnforcedError(f"{' '.join(said)} failed: {told[-_TOLD:]}")
    return out


def run(*command: str) -> str:
    """A program's output.

    Raises:
        NotEnforcedError: as :func:`attempt` and :func:`output`.
    """
    return output(command, attempt(*command))
