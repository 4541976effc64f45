"""main.cf of a Postfix: changed by ``postconf -e`` alone, and brought back as it was."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from trustctl import files
from trustctl.publish.postfix_site import DIGEST, MAPS, Site, tables

STATE, BEFORE = "state.json", "main.cf.before"


def configure(found: Site) -> list[str]:
    """Change main.cf where it does not say what is wanted; keep what it said before.

    Raises:
        NotEnforcedError: ``postconf`` refuses.
    """
    wanted = found.wanted()
    given = found.postfix.given(*wanted)
    changed = {name: value for name, value in wanted.items() if given.get(name) != value}
    if not changed:
        return []
    remarks = []
    if given.get(DIGEST, "sha256") != "sha256":
        remarks.append(
            f"{DIGEST} was {given[DIGEST]}: digests in tables of your own have to be of SHA-256 "
            "from now on"
        )
    state = _state(found)
    if state:
        # what somebody else wrote since is not in the copy that would be brought back
        whole = state.pop("after", None) == digest(found.postfix.main)
    else:
        was, whole = found.postfix.main.read_bytes(), True
        files.replace(found.live / BEFORE, was, mode=0o600, group=None)
        state = {"before": {name: given.get(name) for name in wanted}}
    _keep(found, state)  # killed here, uninstall still knows what was given before
    found.postfix.set(changed)
    if whole:
        _keep(found, {**state, "after": digest(found.postfix.main)})
    return remarks


def _keep(found: Site, state: Mapping[str, object]) -> None:
    text = json.dumps(state, indent=1, sort_keys=True).encode()
    files.replace(found.live / STATE, text, mode=0o600, group=None)


def _state(found: Site) -> dict[str, object]:
    try:
        state = json.loads((found.live / STATE).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_named(found: Site) -> bool:
    """Whether main.cf names our table."""
    return any(map(found.is_ours, tables(found.postfix.given(MAPS).get(MAPS, ""))))


def undo(found: Site) -> bool:
    """Let main.cf name no table of ours; False where it does not. It is to the byte what it was
    where nobody else changed it since.

    Raises:
        NotEnforcedError: ``postconf`` refuses.
    """
    if not found.postfix.main.is_file() or not is_named(found):
        return False
    state = _state(found)
    if state.get("after") != digest(found.postfix.main):
        found.postfix.set(_undone(found, state))
        return True
    info = os.stat(found.postfix.main)
    files.replace(
        found.postfix.main,
        (found.live / BEFORE).read_bytes(),
        mode=stat.S_IMODE(info.st_mode),
        group=info.st_gid,
        owner=info.st_uid,
    )
    return True


def _undone(found: Site, state: Mapping[str, object]) -> dict[str, str | None]:
    """What main.cf has to say again, where it was changed since: our table out of the list, and the
    digest that was given before, unless somebody gave another since."""
    given = found.postfix.given(MAPS, DIGEST)
    rest = [one for one in tables(given[MAPS]) if not found.is_ours(one)]
    wanted: dict[str, str | None] = {MAPS: ", ".join(rest) or None}
    before = state.get("before")
    if isinstance(before, dict) and given.get(DIGEST) == "sha256" and DIGEST in before:
        wanted[DIGEST] = before[DIGEST]
    return wanted
