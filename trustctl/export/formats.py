"""The formats of target, by name: one line each here, and those that others installed.

Nothing is loaded before it is asked for. Another package adds one as an entry point of the group
``trustctl.formats`` (share/doc/formats.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import import_module

from trustctl.errors import UsageError
from trustctl.export.format import Format, Options
from trustctl.facts.records import PeerTrust

MODULES = {
    "debian": "trustctl.export.debian",
    "dovecot": "trustctl.export.dovecot",
    "fingerprints": "trustctl.export.fingerprints",
    "haproxy": "trustctl.export.haproxy",
    "jks": "trustctl.export.jks",
    "known-pins": "trustctl.export.known_pins",
    "nginx": "trustctl.export.nginx",
    "openssl-dir": "trustctl.export.openssl_dir",
    "opensmtpd": "trustctl.export.opensmtpd",
    "p11-kit": "trustctl.export.p11_kit",
    "pkcs12": "trustctl.export.pkcs12",
    "postfix": "trustctl.export.postfix",
}
SPECIAL = ("exim", "pem")
"""Formats with targets of their own kind (publish/place.py)."""
GROUP = "trustctl.formats"

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*", re.ASCII)


def names() -> list[str]:
    """Every format's name, those that others installed last."""
    return [*SPECIAL, *MODULES, *sorted(_others())]


def load(name: str) -> Format:
    """A format of files by its name.

    Raises:
        UsageError: there is none of this name, or one that another package brings is broken.
    """
    if name in MODULES:
        ours: Format = import_module(MODULES[name]).FORMAT
        return ours
    where = _others().get(name)
    if where is None:
        raise UsageError(f"there is no format {name!r}", f"one of: {', '.join(names())}")
    return _other(name, where)


def _others() -> dict[str, str]:
    """Name -> "module:attribute" of what other packages bring; ours cannot be replaced."""
    from importlib.metadata import entry_points

    found = {one.name: one.value for one in entry_points(group=GROUP)}
    return {
        name: where
        for name, where in found.items()
        if _NAME.fullmatch(name) and name not in MODULES and name not in SPECIAL
    }


def _other(name: str, where: str) -> Format:
    from importlib.metadata import EntryPoint

    try:
        found = EntryPoint(name, where, GROUP).load()
    except Exception as error:  # another's code: it may raise anything
        raise _broken(name, where, f"{type(error).__name__}: {error}") from error
    if not isinstance(found, Format) or found.name != name:
        raise _broken(name, where, f"it is no trustctl.export.format.Format named {name}")
    return found


def files(chosen: Format, trusts: Sequence[PeerTrust], options: Options) -> dict[str, bytes]:
    """What a format makes of the peers, looked at: no path leads out of the target.

    Raises:
        UsageError: a format that another package brings is broken.
    """
    if chosen.name in MODULES:
        made: Mapping[str, bytes] = chosen.files(trusts, options)
    else:
        where = _others().get(chosen.name, chosen.name)
        try:
            made = dict(chosen.files(trusts, options))
        except Exception as error:  # another's code: it may raise anything
            raise _broken(chosen.name, where, f"{type(error).__name__}: {error}") from error
        for path, content in made.items():
            if not isinstance(path, str) or not _PATH.fullmatch(path) or path in _taken(chosen):
                raise _broken(chosen.name, where, f"{path!r} cannot be a file of it")
            if not isinstance(content, bytes):
                raise _broken(chosen.name, where, f"what it makes for {path!r} is not bytes")
    return dict(made)


def index(name: str) -> str:
    """The file of a generation that lists whom it holds: comment lines without certificates."""
    return f"index.{name}"


def _taken(chosen: Format) -> tuple[str, ...]:
    return index(chosen.name), "manifest"


def _broken(name: str, where: str, why: str) -> UsageError:
    return UsageError(
        f"the format {name} ({where}) is broken: {why}", "ask whoever made it; or remove it"
    )
