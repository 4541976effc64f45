"""One read or write transaction on the inventory; a write carries its journal with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Table, bindparam, func, select, update

from trustctl.inventory import database, schema
from trustctl.inventory.journal import JournalWriter
from trustctl.inventory.rows import insert_rows

_CHUNK = 5000


class Transaction:
    """A consistent view of the inventory."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection


class WriteTransaction(Transaction):
    """The one writer's transaction: every change goes with its journal entry, or not at all.

    Attributes:
        actor: who makes the change. now: the moment of all its entries, seconds since 1970 UTC.
    """

    def __init__(self, connection: Connection, actor: str, now: int) -> None:
        super().__init__(connection)
        self.actor = actor
        self.now = now
        self._journal = JournalWriter(connection, actor, now)
        self._touched: dict[int, int] = {}
        self._rows: dict[Table, list[dict[str, object]]] = {}
        self._ids: dict[Table, int] = {}

    def new_id(self, table: Table) -> int:
        """The next free id of ``table``; this transaction is the only writer."""
        if table not in self._ids:
            highest = self.connection.execute(select(func.max(table.c.id))).scalar()
            self._ids[table] = highest or 0
        self._ids[table] += 1
        return self._ids[table]

    def insert(self, table: Table, **row: object) -> None:
        """Insert a row; it may be held back until :meth:`flush`."""
        self.insert_row(table, row)

    def insert_row(self, table: Table, row: dict[str, object]) -> None:
        """:meth:`insert` of a row that is nobody else's."""
        rows = self._rows.setdefault(table, [])
        rows.append(row)
        if len(rows) >= _CHUNK:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are held back, so that queries see them.

        What is referred to comes first. While a reference hangs in the air SQLite looks through
        whole tables at each insert, and a large import takes quadratic time.
        """
        for table in schema.metadata.sorted_tables if self._rows else ():
            if rows := self._rows.get(table):
                insert_rows(self.connection, table, rows)
        self._rows = {}

    def record(
        self, action: str, subject: str, details: dict[str, object] | str, *touched: int
    ) -> int:
        """Add a journal entry; ``touched`` are ids of peers whose export it can alter.

        ``details``: as :func:`~trustctl.inventory.canonical.canonical` has them, where a text.

        Returns:
            The entry's sequence number.
        """
        seq = self._journal.append(action, subject, details)
        for peer_id in touched:
            self._touched[peer_id] = seq
        return seq

    @property
    def changes(self) -> int:
        """How many entries this transaction has made so far."""
        return self._journal.appended

    @property
    def touched(self) -> list[int]:
        """The ids of the peers whose export this transaction can alter, so far."""
        return sorted(self._touched)

    @property
    def next_seq(self) -> int:
        """The sequence number that the next entry will have."""
        return self._journal.next_seq

    def finish(self) -> None:
        """Write out what is held back; called once, just before the commit."""
        self.flush()
        self._journal.flush()
        if self._touched:
            self.connection.execute(
                update(schema.peer)
                .where(schema.peer.c.id == bindparam("peer_id"))
                .values(changed_seq=bindparam("seq")),
                [{"peer_id": peer, "seq": seq} for peer, seq in self._touched.items()],
            )


@contextmanager
def reading(path: Path) -> Iterator[Transaction]:
    """A read transaction on the inventory at ``path``.

    Raises:
        DatabaseError: it is missing, unusable, older or newer.
    """
    engine = database.open_engine(path, write=False)
    with database.mapped(path), engine.connect() as connection, connection.begin():
        database.demand_version(connection, path)
        yield Transaction(connection)


@contextmanager
def writing(
    path: Path, actor: str, now: int, *, create: bool = False
) -> Iterator[WriteTransaction]:
    """A write transaction, begun at once (``BEGIN IMMEDIATE``), committed whole at the end.

    Args:
        create: make an empty inventory first where there is none.

    Raises:
        DatabaseError, ConflictError: nothing has been changed then.
    """
    if create:
        database.remove_unfinished(path)
        if not os.path.exists(path):  # False too where it may not be looked at
            database.create(path)
    engine = database.open_engine(path, write=True)
    with database.mapped(path), engine.connect() as connection:
        database.demand_version(connection, path)
        database.use_wal(connection)
        database.use_memory(connection)
        writer = connection.execution_options(trustctl_write=True)
        with writer.begin():
            transaction = WriteTransaction(writer, actor, now)
            yield transaction
            transaction.finish()
