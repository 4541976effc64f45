"""What was exported where: targets and their generations, recorded once they are on disk."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from trustctl.facts.target import Stored
from trustctl.inventory.schema import current_generation, generation, target
from trustctl.inventory.transaction import WriteTransaction


@dataclass(frozen=True, slots=True)
class TargetRef:
    """A place that was exported to. ``path`` is absolute; ``format`` an exporter's name."""

    id: int
    path: str
    format: str
    current: int | None


@dataclass(frozen=True, slots=True)
class GenerationRow:
    """One recorded generation. Times are seconds since 1970 UTC."""

    number: int
    created_at: int
    as_of: int
    journal_seq: int
    manifest_sha256: str


def targets(connection: Connection) -> list[TargetRef]:
    """All targets, in order of path."""
    query = (
        select(target.c.id, target.c.path, target.c.format, current_generation.c.number)
        .outerjoin(current_generation, current_generation.c.target_id == target.c.id)
        .order_by(target.c.path, target.c.format)
    )
    return [TargetRef(*row) for row in connection.execute(query)]


def generations(connection: Connection, target_id: int) -> list[GenerationRow]:
    """The recorded generations of a target, oldest first."""
    g = generation.c
    query = (
        select(g.number, g.created_at, g.as_of, g.journal_seq, g.manifest_sha256)
        .where(g.target_id == target_id)
        .order_by(g.number)
    )
    return [GenerationRow(*row) for row in connection.execute(query)]


def row_of(stored: Stored) -> GenerationRow:
    """The row for a generation that lies on disk."""
    return GenerationRow(
        stored.number,
        stored.created_at,
        stored.as_of,
        stored.checkpoint.seq,
        stored.manifest_sha256,
    )


def is_recorded(connection: Connection, path: str, format_name: str, row: GenerationRow) -> bool:
    """Whether the inventory knows that this very generation is in force."""
    return any(
        (ref.path, ref.format, ref.current) == (path, format_name, row.number)
        and row in generations(connection, ref.id)
        for ref in targets(connection)
    )


def record(
    tx: WriteTransaction, path: str, format_name: str, row: GenerationRow, *, action: str
) -> None:
    """Record that generation ``row`` is current on disk. ``action``: ``generation.publish`` or
    ``generation.rollback``. What is recorded already is not recorded twice."""
    if is_recorded(tx.connection, path, format_name, row):
        return
    known = {(one.path, one.format): one for one in targets(tx.connection)}
    ref = known.get((path, format_name))
    if ref is None:
        target_id = tx.new_id(target)
        tx.connection.execute(insert(target).values(id=target_id, path=path, format=format_name))
    else:
        target_id = ref.id
    g = generation.c
    same = (g.target_id == target_id) & (g.number == row.number)
    values = {
        "created_at": row.created_at,
        "as_of": row.as_of,
        "journal_seq": row.journal_seq,
        "manifest_sha256": row.manifest_sha256,
    }
    if tx.connection.execute(select(g.number).where(same)).first() is None:
        numbered = {"target_id": target_id, "number": row.number, **values}
        tx.connection.execute(insert(generation).values(**numbered))
    else:
        tx.connection.execute(update(generation).where(same).values(**values))
    c = current_generation.c
    tx.connection.execute(delete(current_generation).where(c.target_id == target_id))
    tx.connection.execute(insert(current_generation).values(target_id=target_id, number=row.number))
    tx.record(action, path, {"format": format_name, "number": row.number, **values})


def forget(tx: WriteTransaction, path: str, format_name: str) -> bool:
    """Forget a target that was uninstalled; False where it was not known."""
    for ref in targets(tx.connection):
        if (ref.path, ref.format) == (path, format_name):
            for table in (current_generation, generation):
                tx.connection.execute(delete(table).where(table.c.target_id == ref.id))
            tx.connection.execute(delete(target).where(target.c.id == ref.id))
            tx.record("target.forget", path, {"format": format_name})
            return True
    return False
