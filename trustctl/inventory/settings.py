"""The settings that change who is trusted; each change is in the journal."""

from __future__ import annotations

import re

from sqlalchemy import Connection, insert, select, update

from trustctl.errors import DatabaseError, UsageError
from trustctl.facts.records import Settings
from trustctl.inventory.schema import peer, setting
from trustctl.inventory.transaction import WriteTransaction

NAMES = ("vouches_required",)
_NUMBER = re.compile(r"0*[1-9]", re.ASCII)


def read_settings(connection: Connection) -> Settings:
    """The settings, defaults where nothing was set."""
    rows = connection.execute(select(setting.c.name, setting.c.value))
    stored = {str(name): str(value) for name, value in rows}
    required = stored.get("vouches_required", "1")
    if not _NUMBER.fullmatch(required):
        raise DatabaseError(
            "the setting vouches_required has no meaning: it was written by another program",
            "trustctl journal verify, then restore a backup",
        )
    return Settings(vouches_required=int(required))


def change(tx: WriteTransaction, name: str, value: str) -> bool:
    """Set ``name``; False where it has that value already.

    Raises:
        UsageError: no such setting, or a value that it cannot have.
    """
    if name not in NAMES:
        raise UsageError(f"there is no setting {name}", f"the settings are: {', '.join(NAMES)}")
    if not _NUMBER.fullmatch(value):
        raise UsageError(f"{name}: {value!r} is not a number from 1 to 9", f"trustctl set {name} 2")
    value = value[-1]
    if getattr(read_settings(tx.connection), name) == int(value):
        return False
    known = tx.connection.execute(select(setting.c.name).where(setting.c.name == name)).first()
    statement = (
        insert(setting).values(name=name, value=value)
        if known is None
        else update(setting).where(setting.c.name == name).values(value=value)
    )
    tx.connection.execute(statement)
    tx.flush()
    # it bears on every pin: every peer is judged and exported anew
    everyone = tx.connection.execute(select(peer.c.id)).scalars().all()
    tx.record("setting.set", name, {"value": value}, *everyone)
    return True
