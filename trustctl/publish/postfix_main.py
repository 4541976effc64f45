"""main.cf and master.cf of a Postfix: changed by ``postconf``, and brought back as they were."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from trustctl import files
from trustctl.errors import NotEnforcedError
from trustctl.publish import postfix_receiving
from trustctl.publish.postfix_site import DIGEST, MAPS, Site, tables

STATE, BEFORE, MASTER_BEFORE = "state.json", "main.cf.before", "master.cf.before"
_DIGESTS = (DIGEST, postfix_receiving.SERVER_DIGEST)


def configure(found: Site) -> list[str]:
    """Change main.cf and master.cf where they do not say what is wanted; keep what they said.

    Raises:
        NotEnforcedError: ``postconf`` refuses.
    """
    wanted: dict[str, str | None] = {**found.wanted(), **postfix_receiving.wanted(found)}
    state = _state(found)
    # whoever is asked is there before main.cf asks: killed here, nothing asks
    if postfix_receiving.said(found) and _serve(found, state) and found.postfix.is_running():
        found.postfix.reload()
    before = _before(state)
    given = found.postfix.given(*wanted, *postfix_receiving.PARAMETERS)
    no_more = [one for one in postfix_receiving.PARAMETERS if one in before and one not in wanted]
    wanted |= _undone(found, no_more, given, state)
    changed = {name: value for name, value in wanted.items() if given.get(name) != value}
    remarks = [
        f"{name} was {given[name]}: digests in tables of your own have to be of SHA-256 from now on"
        for name in _DIGESTS
        if changed.get(name) == "sha256" and name in given
    ]
    if changed:
        # what somebody else wrote since is not in the copy that would be brought back
        first = "before" not in state
        whole = first or state.get("after") == digest(found.postfix.main)
        if first:
            was = found.postfix.main.read_bytes()
            files.replace(found.live / BEFORE, was, mode=0o600, group=None)
        ours = {name: given.get(name) for name in wanted if name not in before}
        if postfix_receiving.RELAY in ours and postfix_receiving.RELAY not in given:
            state["relay"] = found.postfix.values(postfix_receiving.RELAY)[postfix_receiving.RELAY]
        state = {k: v for k, v in state.items() if k != "after"} | {"before": {**before, **ours}}
        _keep(found, state)  # killed here, uninstall still knows what was given before
        found.postfix.set(changed)
        left = {name: was for name, was in {**before, **ours}.items() if name not in no_more}
        state["before"] = left
        if whole:
            state["after"] = digest(found.postfix.main)
        _keep(found, state)
    there = found.postfix.service(postfix_receiving.SERVICE)
    if not postfix_receiving.said(found) and postfix_receiving.is_ours(found, there):
        _unserve(found, state)
    return remarks


def _serve(found: Site, state: dict[str, object]) -> bool:
    """Let master.cf have the service that answers who may send; False where it has."""
    name, wanted = postfix_receiving.SERVICE, postfix_receiving.service(found)
    there = found.postfix.service(name)
    if there.split() == wanted.split():
        return False
    if there and not postfix_receiving.is_ours(found, there):
        raise NotEnforcedError(
            f"master.cf has a service {name} that is not trustctl's", "give it another name"
        )
    master = found.postfix.master
    whole = not state.get("master") or state["master"] == digest(master)
    if not state.get("master"):
        files.replace(found.live / MASTER_BEFORE, master.read_bytes(), mode=0o600, group=None)
    _keep(found, {**state, "master": "changed"})
    found.postfix.serve(name, wanted)
    state["master"] = digest(master) if whole else "changed"
    _keep(found, state)
    return True


def _unserve(found: Site, state: dict[str, object]) -> None:
    master = found.postfix.master
    if state.get("master") == digest(master):
        _bring_back(master, found.live / MASTER_BEFORE)
    elif found.postfix.service(postfix_receiving.SERVICE):
        found.postfix.serve(postfix_receiving.SERVICE, None)
    state["master"] = None
    _keep(found, state)


def _bring_back(path: Path, copy: Path) -> None:
    info = os.stat(path)
    mode = stat.S_IMODE(info.st_mode)
    files.replace(path, copy.read_bytes(), mode=mode, group=info.st_gid, owner=info.st_uid)


def _keep(found: Site, state: Mapping[str, object]) -> None:
    text = json.dumps(state, indent=1, sort_keys=True).encode()
    files.replace(found.live / STATE, text, mode=0o600, group=None)


def _state(found: Site) -> dict[str, object]:
    try:
        state = json.loads((found.live / STATE).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _before(state: Mapping[str, object]) -> dict[str, str | None]:
    """What main.cf gave before the first change, by name; None: it did not give it."""
    before = state.get("before")
    return dict(before) if isinstance(before, dict) else {}


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_named(found: Site) -> bool:
    """Whether main.cf names our table, or our program."""
    given = found.postfix.given(MAPS, *postfix_receiving.PARAMETERS)
    if any(map(found.is_ours, tables(given.get(MAPS, "")))):
        return True
    return any(postfix_receiving.without(found, k, v) != v.strip(", ") for k, v in given.items())


def undo(found: Site) -> bool:
    """Let main.cf and master.cf name nothing of ours; False where they do not. They are to the byte
    what they were where nobody else changed them since.

    Raises:
        NotEnforcedError: ``postconf`` refuses.
    """
    if not found.postfix.main.is_file():
        return False
    state = _state(found)
    named = is_named(found)
    if named and state.get("after") == digest(found.postfix.main):
        _bring_back(found.postfix.main, found.live / BEFORE)
    elif named:
        given = found.postfix.given(MAPS, DIGEST, *postfix_receiving.PARAMETERS)
        names = dict.fromkeys((MAPS, *_before(state), *given))
        found.postfix.set(_undone(found, names, given, state))
    # the state may be lost; what runs our program is ours
    served = postfix_receiving.is_ours(found, found.postfix.service(postfix_receiving.SERVICE))
    if served:
        _unserve(found, state)
    return named or served


def _undone(
    found: Site, names: Iterable[str], given: Mapping[str, str], state: Mapping[str, object]
) -> dict[str, str | None]:
    """What main.cf has to say again of these: without what is ours in lists; the value that was
    given before, unless somebody gave another since."""
    wanted: dict[str, str | None] = {}
    before = _before(state)
    for name in names:
        now, was = given.get(name), before.get(name)
        if name == MAPS:
            rest = [one for one in tables(now or "") if not found.is_ours(one)]
            wanted[name] = ", ".join(rest) or None
        elif name in (*_DIGESTS, postfix_receiving.ASKS):
            ours = "yes" if name == postfix_receiving.ASKS else "sha256"
            if name in before and now == ours:
                wanted[name] = was
        elif name == postfix_receiving.NESTED:
            if name in before:
                wanted[name] = was
        elif now is not None:
            left = postfix_receiving.without(found, name, now)
            if name == postfix_receiving.RELAY and was is None and left == state.get("relay"):
                left = ""  # the default, which was not written there
            wanted[name] = left or None
    return wanted
