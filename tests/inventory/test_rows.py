"""Tests of trustctl.inventory.rows: many rows in few statements, all of them or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from trustctl.inventory import database, schema
from trustctl.inventory.rows import insert_rows


def rows(count: int) -> list[dict[str, object]]:
    """So many entries of a journal, whose names and columns need quotes."""
    return [
        {
            "seq": number, "at": "2026-01-01T00:00:00Z", "actor": "Ann \"'; DROP TABLE journal; --",
            "action": "a", "subject": f"s{number}", "details": "{}", "hash": f"{number:064x}",
        }
        for number in range(1, count + 1)
    ]  # fmt: skip


@pytest.mark.parametrize("count", [1, 249, 250, 251, 1000])
def test_every_row_is_there_as_it_was(tmp_path: Path, count: int) -> None:
    """Whatever their number, and whatever their text."""
    database.create(tmp_path / "t.db")
    engine = database.open_engine(tmp_path / "t.db", write=True)
    with engine.connect() as connection, connection.begin():
        insert_rows(connection, schema.journal, rows(count))
        found = connection.execute(select(schema.journal).order_by(schema.journal.c.seq))
        assert [dict(one) for one in found.mappings()] == rows(count)


def test_one_row_that_cannot_be_is_refused_with_its_statement(tmp_path: Path) -> None:
    """A row that is there already, in the same statement or before it, is seen by the triggers."""
    database.create(tmp_path / "t.db")
    engine = database.open_engine(tmp_path / "t.db", write=True)
    with engine.connect() as connection, connection.begin():
        twice = rows(100)
        with pytest.raises(IntegrityError, match="it is there already"):
            insert_rows(connection, schema.journal, [*twice, twice[7]])
        assert not connection.execute(select(schema.journal)).all()
        insert_rows(connection, schema.journal, twice)
        with pytest.raises(IntegrityError, match="it is there already"):
            insert_rows(connection, schema.journal, twice[5:6])


def test_rows_name_the_same_columns(tmp_path: Path) -> None:
    """A row that lacks one is an error, not a row with a NULL."""
    database.create(tmp_path / "t.db")
    engine = database.open_engine(tmp_path / "t.db", write=True)
    first, second = rows(2)
    del second["details"]
    with engine.connect() as connection, connection.begin(), pytest.raises(KeyError):
        insert_rows(connection, schema.journal, [first, second])
