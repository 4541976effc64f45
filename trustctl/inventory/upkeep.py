"""Looks after the database file: upgrade, backup, check. The only user of Alembic."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection

from trustctl.errors import DatabaseError, TargetError
from trustctl.facts.moment import format_moment
from trustctl.inventory import database, schema
from trustctl.resources import resource


def upgrade(path: Path, now: int) -> tuple[str, str, Path] | None:
    """Bring an older inventory to the newest version, after a backup beside it.

    Returns:
        The version before, the version after and the backup; None where nothing was to be done.

    Raises:
        DatabaseError: it is newer, damaged or no inventory; it is as it was then.
    """
    from alembic import command
    from alembic.config import Config

    engine = database.open_engine(path, write=True, check_version=False)
    with database.mapped(path), engine.connect() as connection:
        before = database.version(connection)
    if before == schema.HEAD:
        return None
    if before not in database.REVISIONS:
        raise DatabaseError(
            f"{path} was written by a newer trustctl (version {before})", "upgrade trustctl"
        )
    saved = backup(path, None, now, version_label=before)
    config = Config()
    config.set_main_option("script_location", str(resource("migrations")).replace("%", "%%"))
    with database.mapped(path), engine.connect() as connection:
        writer = connection.execution_options(trustctl_write=True)
        with writer.begin():
            config.attributes["connection"] = writer
            command.upgrade(config, "head")
    return before, schema.HEAD, saved


def backup(path: Path, to: Path | None, now: int, *, version_label: str = "") -> Path:
    """Write a consistent copy of the inventory, 0600, never over an existing file.

    Args:
        to: the new file; by default beside the inventory, named after the time.

    Raises:
        DatabaseError: the inventory cannot be read. TargetError: the copy cannot be written.
    """
    database.open_engine(path, write=False, check_version=False).dispose()
    stamp = format_moment(now).replace("-", "").replace(":", "")
    label = f"-{version_label}" if version_label else ""
    place = to or path.with_name(f"{path.name}.backup{label}-{stamp}")
    scratch = place.with_name(f".{place.name}.new-{os.getpid()}")
    try:
        os.close(os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            with (
                database.mapped(path),
                closing(
                    sqlite3.connect(f"file:{database.percent(str(path))}?mode=ro", uri=True)
                ) as source,
                closing(sqlite3.connect(scratch)) as copy,
            ):
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
            database.sync(scratch)
            os.link(scratch, place)
            database.sync(place.parent)
        finally:
            scratch.unlink(missing_ok=True)
    except FileExistsError:
        raise TargetError(
            f"{place} exists already; it was left as it is", "name another file"
        ) from None
    except OSError as error:
        raise TargetError(
            f"{error.filename or place}: {(error.strerror or str(error)).lower()}",
            "name another place: trustctl db backup FILE",
        ) from error
    return place


def check(connection: Connection) -> list[str]:
    """What SQLite itself finds wrong with the file and its references; empty where it is sound."""
    problems = [
        str(row[0])
        for row in connection.exec_driver_sql("PRAGMA integrity_check")
        if row[0] != "ok"
    ]
    problems += [
        f"row {row[1]} of {row[0]} refers to a row of {row[2]} that is not there"
        for row in connection.exec_driver_sql("PRAGMA foreign_key_check")
    ]
    return problems
