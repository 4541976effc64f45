"""Our router and transport in Exim's configuration: where they go, and how they get out again.

Split configuration takes a file in conf.d, the unsplit one (Debian's default) a marked block in the
template. The first line of each carries the hash of the rest: what was edited by hand shows.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from trustctl import files
from trustctl.errors import TargetError
from trustctl.facts.mta import EximSite
from trustctl.publish.debian import settings

SECTIONS = {"router": "routers", "transport": "transports"}
_NAME = "050_trustctl"
_TEMPLATE = "exim4.conf.template"
_BLOCK = re.compile(
    rb"^# BEGIN trustctl (\w+) sha256=([0-9a-f]{64})[^\n]*\n(.*?)^# END trustctl \1\n",
    re.MULTILINE | re.DOTALL,
)
_LIVE = "/etc/exim4"
_README = b"""\
# trustctl wrote its data beside this folder, but did not change Exim's configuration: here it
# cannot be effective by itself. To put it in force by hand:
#
# 1. Put the text of router.conf at the very beginning of the section "begin routers", before every
#    router that delivers to remote domains, and that of transport.conf into "begin transports".
# 2. Check with:  exim4 -bV && exim4 -bP router_list     (trustctl has to be the first)
# 3. Reload Exim, then run:  trustctl audit
"""


def site(directory: Path) -> EximSite:
    """What kind of configuration the folder holds, and whether ours can be effective in it."""
    live = os.path.realpath(directory) == _LIVE
    found = settings(directory)
    if (directory / "exim4.conf").exists() or (found is None and _by_hand(directory)):
        why = "exim4.conf is written by hand: Exim reads it and nothing that is generated"
        return EximSite(str(directory), "handwritten", "", why, live)
    if found is None:
        why = "there is no Debian configuration of Exim in this folder"
        return EximSite(str(directory), "unknown", "", why, live)
    split = found.get("dc_use_split_config", "false").lower() == "true"
    configtype = found.get("dc_eximconfig_configtype", "").lower()
    return EximSite(
        str(directory),
        "split" if split else "unsplit",
        configtype,
        _obstacle(directory, configtype, split=split),
        live,
    )


def _by_hand(directory: Path) -> bool:
    return (directory / "exim.conf").exists()


def _obstacle(directory: Path, configtype: str, *, split: bool) -> str | None:
    if configtype in ("smarthost", "satellite"):
        return (
            f"Exim is set up as {configtype}: all mail goes to another host, which would have to "
            "verify the peers"
        )
    if configtype == "local":
        return "Exim is set up for local delivery only: it sends no mail to peers"
    if configtype != "internet":
        return f"Exim's dc_eximconfig_configtype is {configtype or 'not set'}, not internet"
    if split and not (directory / "conf.d" / "router").is_dir():
        return "the configuration is split, but there is no conf.d/router"
    if not split and not (directory / _TEMPLATE).is_file():
        return f"the configuration is unsplit, but there is no {_TEMPLATE}"
    return None


def planned(found: EximSite, texts: Mapping[str, str] | None) -> dict[Path, bytes | None]:
    """What each file of the configuration has to hold; None: it has to go.

    Args:
        texts: our texts by section (``router``, ``transport``); None to take ours out.

    Raises:
        TargetError: the template has no such section.
    """
    directory = Path(found.directory)
    effective = texts is not None and found.obstacle is None
    wanted: dict[Path, bytes | None] = {}
    for name in SECTIONS:
        place = directory / "conf.d" / name / _NAME
        use = effective and found.layout == "split"
        wanted[place] = _file(texts[name]) if use and texts is not None else None
    template = directory / _TEMPLATE
    if template.is_file():
        content = _BLOCK.sub(b"", template.read_bytes())
        if effective and texts is not None and found.layout == "unsplit":
            for name, section in SECTIONS.items():
                content = _insert(content, name, section, texts[name])
        wanted[template] = content
    snippets = directory / "trustctl" / "snippets"
    for name in SECTIONS:
        use = texts is not None and not effective
        wanted[snippets / f"{name}.conf"] = _file(texts[name]) if use and texts else None
    wanted[snippets / "README"] = _README if texts is not None and not effective else None
    return wanted


def _file(text: str) -> bytes:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"# trustctl sha256={digest}: do not edit, it is checked\n{text}".encode()


def _insert(content: bytes, name: str, section: str, text: str) -> bytes:
    begin = re.search(rb"^begin[ \t]+%s[ \t]*\n" % section.encode(), content, re.MULTILINE)
    if begin is None:
        raise TargetError(
            f"{_TEMPLATE} has no line 'begin {section}'", "reinstall exim4-config's template"
        )
    digest = hashlib.sha256(text.encode()).hexdigest()
    block = (
        f"# BEGIN trustctl {name} sha256={digest}: do not edit, it is checked\n"
        f"{text}# END trustctl {name}\n"
    ).encode()
    return content[: begin.end()] + block + content[begin.end() :]


def edited(found: EximSite) -> list[str]:
    """Files with a text of ours that somebody changed by hand."""
    directory = Path(found.directory)
    bad = []
    for name in SECTIONS:
        place = directory / "conf.d" / name / _NAME
        if place.is_file():
            head, _newline, rest = place.read_bytes().partition(b"\n")
            if hashlib.sha256(rest).hexdigest().encode() not in head:
                bad.append(str(place))
    template = directory / _TEMPLATE
    if template.is_file():
        content = template.read_bytes()
        blocks = list(_BLOCK.finditer(content))
        whole = all(hashlib.sha256(one[3]).hexdigest().encode() == one[2] for one in blocks)
        if not whole or content.count(b"# BEGIN trustctl ") != len(blocks):
            bad.append(str(template))
    return bad


def pending(wanted: Mapping[Path, bytes | None]) -> dict[Path, bytes | None]:
    """Those of the files that are not as wanted."""
    return {
        path: content
        for path, content in wanted.items()
        if (path.read_bytes() if path.is_file() else None) != content
    }


def write(wanted: Mapping[Path, bytes | None], *, group: int | None) -> dict[Path, bytes | None]:
    """Write what is not as wanted, each file in one step.

    Returns:
        What was there before: given to this function again, it brings that back.

    Raises:
        TargetError: a file cannot be written.
    """
    changed = pending(wanted)
    before = {path: path.read_bytes() if path.is_file() else None for path in changed}
    for path, content in changed.items():
        with files.explained(path):
            if content is None:
                path.unlink(missing_ok=True)
                if path.parent.name == "snippets" and not os.listdir(path.parent):
                    path.parent.rmdir()
                continue
            files.make_folder(path.parent, mode=0o750, group=group)
            if path.is_file():
                info = path.stat()
                files.replace(
                    path, content, mode=info.st_mode & 0o7777, group=info.st_gid, owner=info.st_uid
                )
            else:
                files.replace(path, content, mode=0o640, group=group)
    return before
