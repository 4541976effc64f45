"""What was last told, by whatever name, so that the same is not told again: volatile."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from trustctl.inventory.schema_wire import notice
from trustctl.inventory.transaction import WriteTransaction


def last(connection: Connection, name: str) -> tuple[str, int] | None:
    """The digest of what was told by this name, and when; None where nothing was."""
    row = connection.execute(
        select(notice.c.digest, notice.c.at).where(notice.c.name == name)
    ).first()
    return None if row is None else (str(row[0]), int(row[1]))


def keep(tx: WriteTransaction, name: str, digest: str) -> None:
    """Keep the digest (200 characters at most) of what has just been told by this name."""
    if last(tx.connection, name) is None:
        tx.insert(notice, name=name, digest=digest, at=tx.now)
        tx.flush()
    else:
        changed = update(notice).where(notice.c.name == name).values(digest=digest, at=tx.now)
        tx.connection.execute(changed)
