"""Our router and transport in Exim's configuration: where they go, and how they get out again.

Split configuration takes a file in conf.d, the unsplit one (Debian's default) a marked block in the
template. The first line of each carries the hash of the rest: what was edited by hand shows.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from trustctl import files
from trustctl.errors import TargetError
from trustctl.facts.mta import EximSite, Layout
from trustctl.publish.debian import TEMPLATE, settings
from trustctl.publish.saved import Saved, pending, restore, save, write

SECTIONS = {"transport": "transports", "router": "routers"}
"""A router that names a transport has to come after it, or leave before it."""

SERVER = {"acl": "acl", "main": ""}
"""What the server needs: the main section names the lists, and has no line that begins it."""
ALL = SECTIONS | SERVER

NAME = "050_trustctl"
_NAMES = {"main": "00_trustctl"}
"""Before Debian's own, which take macros that are set already."""
_BLOCK = re.compile(
    rb"^# BEGIN trustctl (\w+) sha256=([0-9a-f]{64})[^\n]*\n(.*?)^# END trustctl \1\n",
    re.MULTILINE | re.DOTALL,
)
_MARK = re.compile(rb"^# (?:BEGIN|END) trustctl ", re.MULTILINE)
_HEAD = re.compile(rb"# trustctl sha256=([0-9a-f]{64}): ")
_LIVE = "/etc/exim4"
_README = b"""\
# trustctl wrote its data beside this folder, but did not change Exim's configuration: here it
# cannot be effective by itself. To put it in force by hand:
#
# 1. Put the text of router.conf at the very beginning of the section "begin routers", before every
#    router that delivers to remote domains, and that of transport.conf into "begin transports".
#    (Debian's split configuration: copy them as they are to conf.d/router/050_trustctl and
#    conf.d/transport/050_trustctl; trustctl keeps them up to date from then on.)
# 2. Check with:  exim4 -bV && exim4 -bP router_list     (trustctl's are the first)
# 3. Reload Exim, then run:  trustctl audit
#
# From then on mail to the protected domains goes straight to their own hosts, past any smarthost.
"""

_README_SERVER = """\
#
# For who may send as a domain whose inbound is not off (share/doc/receiving.md):
#
# 4. acl.conf goes into the section "begin acl". The main section says, in the place of main.conf,
#    which is for Debian's (conf.d/main/00_trustctl, conf.d/acl/050_trustctl):
#      acl_smtp_mail = trustctl_check_mail
#      acl_smtp_rcpt = trustctl_check_rcpt
#      TRUSTCTL_NEXT_MAIL = the list that acl_smtp_mail named; leave it out if it named none
#      TRUSTCTL_NEXT_RCPT = the list that acl_smtp_rcpt named
#      tls_try_verify_hosts = *
#      tls_verify_certificates = {directory}/trustctl/current/inbound/anchors
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
    split = (found.get("dc_use_split_config", "") or "false").lower()
    configtype = (found.get("dc_eximconfig_configtype", "") or "").lower()
    if None in (found.get("dc_use_split_config", ""), found.get("dc_eximconfig_configtype", "")):
        why = "update-exim4.conf.conf does more than assign values: trustctl does not run it"
        return EximSite(str(directory), "unknown", "", why, live)
    if split not in ("true", "false"):
        why = "dc_use_split_config is neither true nor false"
        return EximSite(str(directory), "unknown", configtype, why, live)
    layout: Layout = "split" if split == "true" else "unsplit"
    present = _present(directory, layout)
    # what stands there already keeps protecting, whatever the type has become
    why_not = None if present else _obstacle(directory, configtype, split=split == "true")
    return EximSite(str(directory), layout, configtype, why_not, live, present)


def _by_hand(directory: Path) -> bool:
    return (directory / "exim.conf").exists()


def _present(directory: Path, layout: Layout) -> bool:
    if layout == "split":
        return all((directory / "conf.d" / one / NAME).is_file() for one in SECTIONS)
    with suppress(OSError):
        blocks = _BLOCK.findall((directory / TEMPLATE).read_bytes())
        return {name for name, _digest, _text in blocks} >= {one.encode() for one in SECTIONS}
    return False


def _obstacle(directory: Path, configtype: str, *, split: bool) -> str | None:
    if configtype in ("smarthost", "satellite"):
        return (
            f"Exim is set up as {configtype}: all mail goes to another host, which would have to "
            "verify the peers"
        )
    if configtype == "local":
        return "Exim is set up for local delivery only: it sends no mail to peers"
    if configtype != "internet":
        # it comes from a file that anybody with root may write, and goes into a sentence of ours
        shown = configtype if re.fullmatch(r"[a-z0-9_]{1,20}", configtype) else "something else"
        return f"Exim's dc_eximconfig_configtype is {shown or 'not set'}, not internet"
    if split:
        for name in SECTIONS:
            if not (directory / "conf.d" / name).is_dir():
                return f"the configuration is split, but there is no conf.d/{name}"
    elif not (directory / TEMPLATE).is_file():
        return f"the configuration is unsplit, but there is no {TEMPLATE}"
    return None


def planned(found: EximSite, texts: Mapping[str, str] | None) -> dict[Path, bytes | None]:
    """What each file of the configuration has to hold; None: it has to go.

    Args:
        texts: our texts by section (``router``, ``transport``); None to take ours out.

    Raises:
        TargetError: the template has no such section, or ours cannot be told from the rest.
    """
    directory = Path(found.directory)
    # where there is an obstacle the texts become snippets, and stand nowhere else
    ours = texts if found.obstacle is None else None
    asides = texts if found.obstacle is not None else None
    wanted: dict[Path, bytes | None] = {}
    if texts is None or found.layout not in ("handwritten", "unknown"):
        in_files = ours if found.layout == "split" else None
        for name in ALL:
            place, given = _split(directory, name), in_files
            if asides is not None and name in SERVER and place.is_file():
                given = asides  # put there by hand: it receives, whoever sends for it
            wanted[place] = _file(given, name)
        template = directory / TEMPLATE
        if template.is_file():
            content = _template(template, ours if found.layout == "unsplit" else None)
            if content is not None:
                wanted[template] = content
    snippets = directory / "trustctl" / "snippets"
    for name in ALL:
        wanted[snippets / f"{name}.conf"] = _file(asides, name)
    readme = None
    if asides is not None:
        readme = _README
        if "acl" in asides:
            readme += _README_SERVER.format(directory=directory).encode()
    wanted[snippets / "README"] = readme
    return wanted


def _split(directory: Path, name: str) -> Path:
    return directory / "conf.d" / name / _NAMES.get(name, NAME)


def _file(texts: Mapping[str, str] | None, name: str) -> bytes | None:
    if texts is None or name not in texts:
        return None
    digest = hashlib.sha256(texts[name].encode()).hexdigest()
    return f"# trustctl sha256={digest}: do not edit, it is checked\n{texts[name]}".encode()


def _template(path: Path, texts: Mapping[str, str] | None) -> bytes | None:
    """What the template has to hold; None where it holds that already."""
    with files.explained(path):
        before = path.read_bytes()
    content = _BLOCK.sub(b"", before)
    if _MARK.search(content):
        raise TargetError(
            f"{path}: it cannot be told where trustctl's part begins and ends",
            "take the lines from '# BEGIN trustctl' to '# END trustctl' out by hand",
        )
    for name, text in texts.items() if texts is not None else ():
        begin = re.compile(rb"^[ \t]*begin[ \t]+%s[ \t]*\n" % ALL[name].encode(), re.M | re.I)
        places = [one.end() for one in begin.finditer(content)] if ALL[name] else [0]
        if len(places) != 1:
            raise TargetError(
                f"{path} has {'more than one' if places else 'no'} line 'begin {ALL[name]}'",
                "compare it with the template of the package exim4-config",
            )
        digest = hashlib.sha256(text.encode()).hexdigest()
        block = (
            f"# BEGIN trustctl {name} sha256={digest}: do not edit, it is checked\n"
            f"{text}# END trustctl {name}\n"
        ).encode()
        content = content[: places[0]] + block + content[places[0] :]
    return None if content == before else content


def serves(directory: Path) -> bool:
    """Whether Exim's configuration in the folder asks the generation in force who may send."""
    if _split(directory, "acl").is_file():
        return True
    with suppress(OSError):
        return b"# BEGIN trustctl acl " in (directory / TEMPLATE).read_bytes()
    return False


def edited(found: EximSite) -> list[str]:
    """Files with a text of ours that somebody changed by hand, or that are not ours at all."""
    directory = Path(found.directory)
    places = [_split(directory, name) for name in ALL]
    places += [directory / "trustctl" / "snippets" / f"{name}.conf" for name in ALL]
    bad = []
    for place in places:
        if os.path.lexists(place) and not _whole(place):
            bad.append(str(place))
    template = directory / TEMPLATE
    if template.is_file():
        with files.explained(template):
            content = template.read_bytes()
        blocks = list(_BLOCK.finditer(content))
        whole = all(hashlib.sha256(one[3]).hexdigest().encode() == one[2] for one in blocks)
        if not whole or len(_MARK.findall(content)) != 2 * len(blocks):
            bad.append(str(template))
    return bad


def _whole(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with files.explained(path):
        head, _newline, rest = path.read_bytes().partition(b"\n")
    digest = _HEAD.match(head)
    return digest is not None and hashlib.sha256(rest).hexdigest().encode() == digest[1]


def overruled(found: EximSite) -> list[str]:
    """Files that make update-exim4.conf read something else in the place of ours (``*.rul``)."""
    if found.layout != "split":
        return []
    places = [_split(Path(found.directory), one) for one in ALL]
    places = [one.with_name(f"{one.name}.rul") for one in places]
    return [str(one) for one in places if os.path.lexists(one)]


def unread(found: EximSite) -> list[str]:
    """Files of ours that lie where this layout does not read them."""
    if found.layout == "split":
        with suppress(OSError):
            template = Path(found.directory) / TEMPLATE
            return [str(template)] if _MARK.search(template.read_bytes()) else []
        return []
    places = [_split(Path(found.directory), one) for one in ALL]
    return [str(one) for one in places if os.path.lexists(one)]


__all__ = [
    "Saved",
    "edited",
    "overruled",
    "pending",
    "planned",
    "restore",
    "save",
    "site",
    "unread",
    "write",
]
