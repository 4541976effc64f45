"""The settings: who is trusted, what is dialled, who is told; each change is in the journal."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection, insert, select, update

from trustctl.errors import DatabaseError, UsageError
from trustctl.facts.records import Settings
from trustctl.inventory.schema import peer, setting
from trustctl.inventory.transaction import WriteTransaction

if TYPE_CHECKING:
    from trustctl.facts.wire import WireSettings

_NUMBER = re.compile(r"0*[1-9]", re.ASCII)
UNSET = "none"


def _number(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise UsageError(f"{text!r} is not a number from 1 to 9", "trustctl set vouches_required 2")
    return text[-1]


def _ask_or_accept(text: str) -> str:
    if text not in ("ask", "accept"):
        raise UsageError(
            f"{text!r} is neither ask nor accept", "trustctl set same_key_renewal accept"
        )
    return text


# what the parsers need is loaded when there is something to parse: list and check need none of it


def _networks(text: str) -> str:
    from trustctl.facts.network import parse_networks

    return " ".join(parse_networks(text))


def _host(text: str) -> str:
    from trustctl.facts.names import parse_host

    return parse_host(text)


def _resolver(text: str) -> str:
    from trustctl.facts.network import parse_resolver

    address, port = parse_resolver(text)
    shown = f"[{address}]" if ":" in address else address
    return f"{shown}:{port}"


def _command(text: str) -> str:
    from trustctl.facts.notification import parse_command

    return parse_command(text)


def _mail(text: str) -> str:
    from trustctl.facts.notification import parse_mail_address

    return parse_mail_address(text)


class _Setting(NamedTuple):
    """A setting: what it means in a line, and how a value is read: to its one usual form."""

    meaning: str
    parse: Callable[[str], str]
    default: str = ""


_SETTINGS = {
    "vouches_required": _Setting(
        "how many people must vouch before a pin is trusted: 1 to 9", _number, "1"
    ),
    "same_key_renewal": _Setting(
        "a new certificate with a pinned key: ask a person, or accept", _ask_or_accept, "ask"
    ),
    "dial_allow": _Setting("networks dialled beside public addresses: CIDR, ...", _networks),
    "ehlo_name": _Setting("what trustctl calls itself; none: this machine's name", _host),
    "resolver": _Setting("the DNS resolver, ADDRESS[:PORT]; none: resolv.conf's", _resolver),
    "notify_command": _Setting("run after a probe that found something; none: nothing", _command),
    "notify_mail": _Setting("who is mailed what such a probe found; none: nobody", _mail),
}
NAMES = tuple(_SETTINGS)
OF_TRUST = ("vouches_required",)
"""Those that change who is trusted: every peer is exported anew."""
CARRIED = ("vouches_required", "same_key_renewal")
"""Those that a dump carries and an import may set; the others are one machine's own, and a file of
somebody else's is not to name the command that runs here."""


def meaning(name: str) -> str:
    """What a setting means, in a line."""
    return _SETTINGS[name].meaning


def read_texts(connection: Connection) -> dict[str, str]:
    """Every setting's value as a text, defaults where nothing was set; empty: none.

    Raises:
        DatabaseError: a stored value has no meaning.
    """
    stored = _stored(connection)
    found = {}
    for name, one in _SETTINGS.items():
        text = stored.get(name, one.default)
        try:
            whole = text == one.default or one.parse(text) == text
        except UsageError:
            whole = False
        if not whole:
            raise _meaningless(name)
        found[name] = text
    return found


def read_settings(connection: Connection) -> Settings:
    """The settings that change who is trusted, defaults where nothing was set."""
    required = _stored(connection).get("vouches_required", "1")
    if not _NUMBER.fullmatch(required):
        raise _meaningless("vouches_required")
    return Settings(vouches_required=int(required))


def read_wire(connection: Connection) -> WireSettings:
    """The settings of what is dialled and who is told, defaults where nothing was set.

    Raises:
        DatabaseError: a stored value has no meaning.
    """
    from trustctl.facts.wire import WireSettings

    found = read_texts(connection)
    return WireSettings(
        ehlo_name=found["ehlo_name"],
        dial_allow=tuple(found["dial_allow"].split()),
        resolver=found["resolver"],
        same_key_renewal="accept" if found["same_key_renewal"] == "accept" else "ask",
        notify_command=found["notify_command"],
        notify_mail=found["notify_mail"],
    )


def change(tx: WriteTransaction, name: str, value: str) -> bool:
    """Set ``name``; False where it has that value already. ``none`` or nothing unsets what need not
    be set.

    Raises:
        UsageError: no such setting, or a value that it cannot have.
    """
    if name not in NAMES:
        raise UsageError(f"there is no setting {name}", f"the settings are: {', '.join(NAMES)}")
    one = _SETTINGS[name]
    if not one.default and value.strip().lower() in ("", UNSET):
        value = ""
    else:
        try:
            value = one.parse(value)
        except UsageError as error:
            raise UsageError(f"{name}: {error.message}", error.hint) from None
    stored = _stored(tx.connection)
    if stored.get(name, one.default) == value:
        return False
    statement = (
        update(setting).where(setting.c.name == name).values(value=value)
        if name in stored
        else insert(setting).values(name=name, value=value)
    )
    tx.connection.execute(statement)
    tx.flush()
    # what bears on every pin: every peer is judged and exported anew
    everyone = tx.connection.execute(select(peer.c.id)).scalars() if name in OF_TRUST else ()
    tx.record("setting.set", name, {"value": value}, *everyone)
    return True


def _stored(connection: Connection) -> dict[str, str]:
    rows = connection.execute(select(setting.c.name, setting.c.value))
    return {str(name): str(value) for name, value in rows}


def _meaningless(name: str) -> DatabaseError:
    return DatabaseError(
        f"the setting {name} has no meaning: it was written by another program",
        "trustctl journal verify, then restore a backup",
    )
