"""What the schema refuses, tried as any other program would that opens the file."""
# ruff: noqa: S608  (the statements are put together from names of the tests alone)

from __future__ import annotations

import sqlite3

import pytest


def refused(raw: sqlite3.Connection, table: str, statement: str, said: str) -> None:
    """The statement fails with these words, and no row of the table is another one afterwards."""
    rows = f'SELECT * FROM "{table}" ORDER BY 1, 2'
    before = raw.execute(rows).fetchall()
    assert before, "there is nothing that could be changed"
    with pytest.raises(sqlite3.IntegrityError, match=said):
        raw.execute(statement)
    assert raw.execute(rows).fetchall() == before


def assert_immutable(raw: sqlite3.Connection, table: str) -> None:
    """No column can be updated, no row deleted, none replaced."""
    columns = [row[1] for row in raw.execute(f'PRAGMA table_info("{table}")')]
    for column in columns:
        refused(raw, table, f'UPDATE "{table}" SET "{column}" = "{column}"', "no update")
    refused(raw, table, f'DELETE FROM "{table}"', "no delete")
    for verb in ("INSERT OR REPLACE", "REPLACE", "INSERT OR IGNORE", "INSERT"):
        refused(raw, table, f'{verb} INTO "{table}" SELECT * FROM "{table}"', "there already")
