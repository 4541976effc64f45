"""Opens, creates and looks after the one database; the errors of SQLite become trustctl's own."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from trustctl.errors import ConflictError, DatabaseError
from trustctl.inventory import schema
from trustctl.inventory.location import uri

APPLICATION_ID = 0x74727573
"""SQLite's application_id of an inventory: ``trus`` (SQLite file format, 1.3.9)."""

BUSY_TIMEOUT_SECONDS = 60
_CACHE_KIB = 16 << 10
_SILENT = logging.NullHandler()
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
"""All revisions, oldest first; a test keeps it equal to migrations/."""


@cache
def _engine(location: str, *, immutable: bool) -> Engine:
    # one for each file: what SQLAlchemy compiles is kept with its engine, the connections are not
    query = {"uri": "true", "mode": "ro" if immutable else "rw"}
    if immutable:
        query["immutable"] = "1"
    engine = create_engine(
        URL.create("sqlite", database=location, query=query),
        poolclass=NullPool,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS},
    )

    # what it would log (an interruption while it closes, with a traceback) we tell in our own words
    logging.getLogger("sqlalchemy").addHandler(_SILENT)

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        # Python's driver would begin transactions late and plainly; HOSTILE.md: 98 of 800 land
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA trusted_schema = OFF")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("trustctl_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def use_wal(connection: Connection) -> None:
    """Turn on write-ahead logging: a backup that was put in the inventory's place has it off."""
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA journal_mode = WAL")


def use_memory(connection: Connection) -> None:
    """Let a large transaction keep what it alters in memory until it ends: with SQLite's 2 MiB,
    and its statement journals in files, each of ten thousand rows costs forty system calls more."""
    driver: Any = connection.connection.driver_connection
    driver.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    driver.execute("PRAGMA temp_store = MEMORY")


def create(path: Path) -> None:
    """Create an empty inventory, whole or not at all: folder 0700, file 0600.

    It is built beside its place and linked there, so that of several first writers one wins and
    a killed one leaves no half-made database.
    """
    folder = path.parent
    scratch = scratch_for(path)
    try:
        _make_folder(folder, mode=0o700)
        remove_unfinished(path)
        os.close(os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            with closing(sqlite3.connect(scratch, isolation_level=None)) as connection:
                build(connection)
            sync(scratch)
            try:
                os.link(scratch, path)
            except FileExistsError:
                return  # another first writer was quicker; its database is as good
            sync(folder)
        finally:
            remove_unfinished(path)
    except OSError as error:
        if error.filename == str(scratch):
            error.filename = str(path)
        raise _os_error(path, error) from error
    except sqlite3.Error as error:
        raise translate(error, path) from error


def build(connection: sqlite3.Connection) -> None:
    """Write the newest schema into an empty SQLite database and mark it as an inventory."""
    from sqlalchemy.dialects import sqlite
    from sqlalchemy.schema import CreateIndex, CreateTable

    # whoever only reads pins needs them not
    from trustctl.inventory import schema_ca, schema_dane, schema_inbound, schema_wire

    dialect = sqlite.dialect()
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    for one in schema.metadata.sorted_tables:
        connection.execute(str(CreateTable(one).compile(dialect=dialect)))
        for index in sorted(one.indexes, key=lambda index: str(index.name)):
            connection.execute(str(CreateIndex(index).compile(dialect=dialect)))
    for part in (schema, schema_ca, schema_dane, schema_wire, schema_inbound):
        for statement in part.triggers():
            connection.execute(statement)
    connection.execute(
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
    )
    connection.execute("INSERT INTO alembic_version VALUES (?)", (schema.HEAD,))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("COMMIT")
    # not before: SQLite copies the log into the file when it closes it, and no error is told then
    connection.execute("PRAGMA journal_mode = WAL")


def _make_folder(folder: Path, *, mode: int) -> None:
    if not folder.is_dir():
        _make_folder(folder.parent, mode=0o755)
        folder.mkdir(mode=mode, exist_ok=True)
        sync(folder.parent)


def scratch_for(path: Path) -> Path:
    """Where this process makes the file that will be ``path``."""
    return path.with_name(f".{path.name}.new-{os.getpid()}")


def remove_unfinished(path: Path) -> None:
    """Remove what this process and killed ones made beside ``path`` and did not finish."""
    with suppress(OSError):
        for name in os.listdir(path.parent):
            pid = name.partition(".new-")[2].partition("-")[0]
            if name.startswith(f".{path.name}.") and pid.isdecimal() and not _other_runs(int(pid)):
                path.with_name(name).unlink(missing_ok=True)


def _other_runs(pid: int) -> bool:
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def sync(path: Path) -> None:
    """Force a file or a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_engine(path: Path, *, write: bool) -> Engine:
    """An engine on an existing inventory that has been looked at first, without touching it.

    Of which version it is has to be looked at next (:func:`demand_version`).

    Raises:
        DatabaseError: it is missing, no SQLite file, not an inventory, or unreadable.
    """
    header = _header(path)
    if not header.startswith(b"SQLite format 3\0"):
        raise DatabaseError(
            f"{path} is not a database; it was left as it is",
            "give the inventory's file with --db or TRUSTCTL_DB",
        )
    if int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise DatabaseError(
            f"{path} is a database, but not one of trustctl's; it was left as it is",
            "give the inventory's file with --db or TRUSTCTL_DB",
        )
    immutable = (
        not write and not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists()
    )
    return _engine(uri(path), immutable=immutable)


def _header(path: Path) -> bytes:
    try:
        info = os.stat(path)
        if not stat.S_ISREG(info.st_mode):
            raise DatabaseError(f"{path} is not a file", "give the inventory's file with --db")
        with path.open("rb") as file:
            return file.read(100)
    except FileNotFoundError:
        raise DatabaseError(
            f"there is no inventory at {path} yet",
            "trustctl add PEER.pem --peer NAME --domain DOMAIN makes it, or name another with --db",
        ) from None
    except OSError as error:
        raise _os_error(path, error) from error


def version(connection: Connection) -> str | None:
    """The revision that the database says it has; None where it says nothing."""
    driver: Any = connection.connection.driver_connection  # outside of any transaction
    found = driver.execute("SELECT version_num FROM alembic_version").fetchall()
    return str(found[0][0]) if len(found) == 1 else None


def demand_version(connection: Connection, path: Path) -> None:
    """Refuse an inventory of another version than this trustctl's.

    Raises:
        DatabaseError: it is older, newer, or does not say.
    """
    if (found := version(connection)) != schema.HEAD:
        raise wrong_version(path, found)


def wrong_version(path: Path, found: str | None) -> DatabaseError:
    """The error to show for an inventory of a version that is not the newest."""
    if found is None:
        return DatabaseError(
            f"{path} does not say of which version it is; it was left as it is",
            "restore a backup of it",
        )
    if found in REVISIONS:
        return DatabaseError(
            f"{path} is of an older version ({found}; this trustctl needs {schema.HEAD})",
            "trustctl db upgrade (it makes a backup first)",
        )
    return DatabaseError(
        f"{path} was written by a newer trustctl (version {found}; this one knows {schema.HEAD})",
        "upgrade trustctl; it was left as it is",
    )


@contextmanager
def mapped(path: Path) -> Iterator[None]:
    """Turn what SQLite raises inside into trustctl's errors."""
    try:
        yield
    except DBAPIError as error:
        raise translate(error.orig, path) from error
    except sqlite3.Error as error:
        raise translate(error, path) from error


def translate(error: BaseException | None, path: Path) -> DatabaseError | ConflictError:
    """The error to show for one of SQLite's."""
    said = str(error)
    code = getattr(error, "sqlite_errorname", "") or ""
    if isinstance(error, sqlite3.IntegrityError) and code.startswith("SQLITE_CONSTRAINT"):
        return ConflictError(f"the inventory refuses this: {said}", "trustctl db check")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return DatabaseError(
            f"{path} is locked by another process ({BUSY_TIMEOUT_SECONDS} s waited)", "try again"
        )
    if code.startswith("SQLITE_FULL"):
        return DatabaseError(
            f"{path}: no space left; nothing was changed", "make room and type it again"
        )
    if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return DatabaseError(
            f"{path} cannot be opened or written ({said})", "check its owner and mode, or use sudo"
        )
    if code.startswith("SQLITE_IOERR"):
        # SQLite says so of a full disk too, and of a commit that may yet turn out to have happened
        return DatabaseError(
            f"{path}: the disk is full or failing ({said})",
            "make room, or look at the disk, and type it again: nothing is recorded twice",
        )
    if said.startswith("Could not decode to UTF-8"):  # and then the whole column
        said, code = "a text in it is not UTF-8", "SQLITE_CORRUPT"
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return DatabaseError(
            f"{path} is damaged ({said}); it was left as it is", "restore a backup of it"
        )
    return DatabaseError(f"{path}: {said}", "trustctl db check")


def _os_error(path: Path, error: OSError) -> DatabaseError:
    return DatabaseError(
        f"{error.filename or path}: {(error.strerror or str(error)).lower()}",
        "check its owner, mode and free space, or name another place with --db",
    )
