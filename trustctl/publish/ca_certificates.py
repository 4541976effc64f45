"""Runs the programs of Debian's ca-certificates: fixed arguments, no shell, a limit on time.

Nothing here knows what the store ought to hold.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from trustctl.errors import NotEnforcedError
from trustctl.publish import programs

CONF = Path("/etc/ca-certificates.conf")
SHIPPED = Path("/usr/share/ca-certificates")
LOCAL = Path("/usr/local/share/ca-certificates")
STORE = Path("/etc/ssl/certs")
BUNDLE = STORE / "ca-certificates.crt"
BEGUN = STORE / "ca-certificates.crt.new"
"""What the program appends to, and then renames: what a killed run left there gets into the next
bundle."""
HOOKS = Path("/etc/ca-certificates/update.d")
QUESTION = "ca-certificates/trust_new_crts"
"""Debconf's: whether an upgrade selects what is new in it; ``yes`` by default."""

_PROGRAM = "update-ca-certificates"
_SECONDS = 900
_FAILED = re.compile(r"^E: (.+) exited with code", re.MULTILINE)


def installed() -> bool:
    """Whether there is such a store on this machine."""
    return shutil.which(_PROGRAM, path=programs.PATH) is not None


def update(*, fresh: bool) -> list[str]:
    """Let the program make the store anew from its configuration and files.

    Args:
        fresh: remove all its links first; else one that leads nowhere stays where nothing else
            changes.

    Returns:
        The hooks that failed: the program ends well in spite of them.

    Raises:
        NotEnforcedError: it fails.
    """
    status, out, complaints = _attempt(_PROGRAM, *(["--fresh"] if fresh else []))
    if status:
        said = complaints.strip() or out.strip()
        raise NotEnforcedError(
            f"{_PROGRAM} failed, and the system's store is not what was asked for: {said[-600:]}",
            f"run {_PROGRAM}, and mend what it says; then type it again",
        )
    return _FAILED.findall(out)


def tell_hooks(gone: Sequence[Path]) -> list[str]:
    """Tell the hooks what has gone out of the store: with ``--fresh``, and of what was local, the
    program does not, and Java's copy would keep it. Returns those that failed."""
    if not gone or not HOOKS.is_dir():
        return []
    _status, out, _complaints = _attempt("run-parts", "--test", "--", str(HOOKS))
    lines = b"".join(b"-%s\n" % os.fsencode(one) for one in gone)
    return [one for one in out.splitlines() if _attempt(one, stdin=lines)[0]]


def trusts_new() -> tuple[str, str] | None:
    """What debconf was answered to :data:`QUESTION`, and whether it was asked (``true``); None
    where it cannot tell."""
    try:
        asked = f"GET {QUESTION}\nFGET {QUESTION} seen\n"
        status, out, _complaints = _debconf(asked)
    except NotEnforcedError:
        return None
    found = re.fullmatch(r"0 (\w+)\n0 (\w+)\n", out)
    return (found[1], found[2]) if status == 0 and found else None


def set_trusts_new(answer: str, seen: str) -> bool:
    """Answer it; False where debconf does not take it (another program holds its database)."""
    try:
        status, out, _complaints = _debconf(
            f"SET {QUESTION} {answer}\nFSET {QUESTION} seen {seen}\n"
        )
    except NotEnforcedError:
        return False
    return status == 0 and [one[:2] for one in out.splitlines()] == ["0 ", "0 "]


def _debconf(asked: str) -> tuple[int, str, str]:
    return _attempt(
        "debconf-communicate", "-fnoninteractive", "ca-certificates", stdin=asked.encode()
    )


def is_selected(line: bytes) -> bool:
    """Whether the program takes a line of its configuration for a CA to be trusted."""
    return bool(line.strip()) and not line.startswith((b"#", b"!"))


def shipped_files() -> list[Path]:
    """The files of the CAs that are selected, in order."""
    try:
        lines = CONF.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    found = [Path(os.fsdecode(os.fsencode(SHIPPED) + b"/" + one.strip()))
             for one in lines if is_selected(one)]  # fmt: skip
    return [one for one in found if one.is_file()]


def local_files() -> Iterator[tuple[Path, bool]]:
    """The local files that the program takes, and whether each lies below a link to a folder."""
    seen: set[str] = set()
    for linked in (False, True):
        for folder, folders, names in os.walk(LOCAL, followlinks=linked):
            real = os.path.realpath(folder)
            if real in seen:
                # what is here was found; on a second walk there may be links below
                if not linked or os.path.islink(folder):
                    folders.clear()
                continue
            seen.add(real)
            for name in sorted(names):
                path = Path(folder, name)
                if name.endswith(".crt") and path.is_file():
                    yield path, linked


def _attempt(program: str, *words: str, stdin: bytes = b"") -> programs.Ended:
    # umask: what hooks write is for everybody to read
    return programs.attempt(program, *words, stdin=stdin, cwd="/", umask=0o022, seconds=_SECONDS)
