"""What is swept: each command that writes, in a state where it has much to do."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from tests import certs
from tests.bench.peers import lines
from tests.faults.sweep import Operation
from trustctl.inventory.database import APPLICATION_ID
from trustctl.resources import resource


def inputs(folder: Path) -> Path:
    """The files that the commands read."""
    folder.mkdir()
    for name in ("foo", "bar"):
        (folder / f"{name}.pem").write_bytes(certs.self_signed(f"mx.{name}.test").pem)
    (folder / "peers.jsonl").write_text("\n".join(lines(20)) + "\n")
    return folder


def _add(name: str) -> tuple[str, ...]:
    return (
        "add",
        f"{name}.pem",
        "--peer",
        name,
        "--domain",
        f"{name}.test",
        "--mx",
        f"mx.{name}.test",
    )


def _older(world: Path) -> None:
    """An inventory as the first version made it."""
    folder = world / "inventory"
    folder.mkdir(mode=0o700)
    path = folder / "trustctl.db"
    config = Config()
    config.set_main_option("script_location", str(resource("migrations")))
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    os.chmod(path, 0o600)


_IMPORT = ("import", "peers.jsonl")
_EXIM = ("export", "--to", "exim", "--format", "exim", "--yes")
_PEM = ("export", "--to", "bundle", "--format", "pem", "--yes")
_TREE = ("export", "--to", "tree", "--format", "known-pins", "--yes")
_RETIRE = ("retire", "peer000003", "--reason", "replaced", "--yes")
_EARLIER = tuple(
    one
    for number in range(4, 8)
    for one in (("retire", f"peer{number:06}", "--reason", "replaced", "--yes"), _EXIM)
)
"""Four generations more: an export then removes the first, and the set that only it had."""

OPERATIONS = {
    "add-first": Operation(_add("foo")),
    "add": Operation(_add("bar"), (_add("foo"),)),
    "import": Operation(_IMPORT, (_add("foo"),)),
    "export-exim-first": Operation(_EXIM, (_IMPORT,)),
    "export-exim": Operation(_EXIM, (_IMPORT, _EXIM, *_EARLIER, _RETIRE)),
    "export-pem-first": Operation(_PEM, (_IMPORT,)),
    "export-pem": Operation(_PEM, (_IMPORT, _PEM, _RETIRE)),
    "export-tree": Operation(_TREE, (_IMPORT, _TREE, _RETIRE)),
    "rollback-exim": Operation(
        ("rollback", "1", "--of", "exim", "--yes"), (_IMPORT, _EXIM, _RETIRE, _EXIM)
    ),
    "rollback-pem": Operation(
        ("rollback", "1", "--of", "bundle", "--yes"), (_IMPORT, _PEM, _RETIRE, _PEM)
    ),
    "uninstall-exim": Operation(
        ("uninstall", "--from", "exim", "--yes"),
        (_IMPORT, _EXIM, _RETIRE, _EXIM),
        complete="trustctl has written nothing there",
    ),
    "uninstall-pem": Operation(
        ("uninstall", "--from", "bundle", "--yes"),
        (_IMPORT, _PEM, _RETIRE, _PEM),
        complete="trustctl has written nothing there",
    ),
    "uninstall-tree": Operation(
        ("uninstall", "--from", "tree", "--yes"),
        (_IMPORT, _TREE),
        complete="trustctl has written nothing there",
    ),
    "db-upgrade": Operation(("db", "upgrade"), prepare=_older),
}
