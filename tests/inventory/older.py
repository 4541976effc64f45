"""An inventory as an earlier trustctl left it."""

from __future__ import annotations

import importlib.util
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.inventory.store import NOW, Store, addition, strong
from trustctl.inventory import database, schema, schema_wire
from trustctl.resources import resource


def _migration(revision: str) -> Any:
    """A migration, as a module."""
    (path,) = (resource("migrations") / "versions").glob(f"{revision}_*.py")
    spec = importlib.util.spec_from_file_location(f"migration_{revision}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def back_to_first() -> list[str]:
    """The statements that take out what version 0001 had not."""
    assert schema_wire.observation.metadata is schema.metadata  # every table is declared
    text = "\n".join(_migration("0001").STATEMENTS)
    found = []
    for table in reversed(schema.metadata.sorted_tables):  # those that refer to others first
        if f"CREATE TABLE {table.name} " not in text:
            found.append(f"DROP TABLE {table.name}")
            continue
        names = sorted(str(one.name) for one in table.indexes)
        found += [f"DROP INDEX {one}" for one in names if f"INDEX {one} " not in text]
    return [*found, "UPDATE alembic_version SET version_num = '0001'"]


def make_older(path: Path, revision: str = "0001") -> None:
    """An inventory of an earlier version that holds a peer and its journal."""
    newer = Store(path.with_name(f"{path.name}.newer"))
    newer.add(addition("foo", strong(), "foo.test"), now=NOW - 1000)
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute("PRAGMA journal_mode = WAL")
        old.execute(f"PRAGMA application_id = {database.APPLICATION_ID}")
        for known in database.REVISIONS[: database.REVISIONS.index(revision) + 1]:
            for statement in _migration(known).STATEMENTS:
                old.execute(statement)
        old.execute(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
            "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
        old.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
        tables = [
            row[0]
            for row in old.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if row[0] != "alembic_version"
        ]
        old.execute("ATTACH ? AS newer", (str(newer.path),))
        for table in tables:
            old.execute(f'INSERT INTO "{table}" SELECT * FROM newer."{table}"')  # noqa: S608
        old.execute("DETACH newer")
    newer.path.unlink()
