"""Looks after the database file: upgrade, backup, check. The only user of Alembic."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from trustctl.errors import TargetError
from trustctl.facts.moment import format_moment
from trustctl.inventory import database, schema
from trustctl.inventory.location import uri
from trustctl.resources import resource

_STRUCTURE = (
    "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite~_%' "
    "ESCAPE '~'"
)


def upgrade(path: Path, now: int) -> tuple[str, str, Path] | None:
    """Bring an older inventory to the newest version, after a backup beside it.

    Returns:
        The version before, the version after and the backup; None where nothing was to be done.

    Raises:
        DatabaseError: it is newer, damaged or no inventory; it is as it was then.
    """
    from alembic import command
    from alembic.config import Config

    engine = database.open_engine(path, write=True)
    with database.mapped(path), engine.connect() as connection:
        before = database.version(connection)
    if before == schema.HEAD:
        return None
    if before not in database.REVISIONS:
        raise database.wrong_version(path, before)
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
    database.open_engine(path, write=False).dispose()
    stamp = format_moment(now).replace("-", "").replace(":", "")
    label = f"-{version_label}" if version_label else ""
    place = to or _free(path.with_name(f"{path.name}.backup{label}-{stamp}"))
    if not place.name or place.is_dir():
        raise TargetError(f"{place} is a folder", "name a file in it: trustctl db backup FILE")
    scratch = database.scratch_for(place)
    for one in (path, place):
        database.remove_unfinished(one)
    try:
        os.close(os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            with (
                database.mapped(path),
                closing(sqlite3.connect(f"{uri(path)}?mode=ro", uri=True)) as source,
                closing(sqlite3.connect(scratch)) as copy,
            ):
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
            database.sync(scratch)
            os.link(scratch, place)
            database.sync(place.parent)
        finally:
            database.remove_unfinished(place)
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


def _free(place: Path) -> Path:
    """The place, or the first after it that is not taken: another backup of the same second."""
    number, free = 1, place
    while os.path.lexists(free):
        number += 1
        free = place.with_name(f"{place.name}-{number}")
    return free


def check(connection: Connection) -> list[str]:
    """What is wrong with the file, its references and its structure; empty where it is sound."""
    problems = [
        str(row[0])
        for row in connection.exec_driver_sql("PRAGMA integrity_check")
        if row[0] != "ok"
    ]
    problems += [
        f"row {row[1]} of {row[0]} refers to a row of {row[2]} that is not there"
        for row in connection.exec_driver_sql("PRAGMA foreign_key_check")
    ]
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        database.build(fresh)
        ours = _structure(fresh.execute(_STRUCTURE))
    theirs = _structure(connection.exec_driver_sql(_STRUCTURE))
    # a trigger that is gone no longer protects, one that was added acts in our name
    for name in sorted({name for name, _sql in ours.items() ^ theirs.items()}):
        problems.append(f"{name} is not as trustctl made it: another program altered the structure")
    return problems


def _structure(rows: Iterable[Any]) -> dict[str, str]:
    """``trigger vouch_no_update`` -> its statement, without regard to spaces."""
    return {f"{kind} {name}": "".join(sql.split()) for kind, name, sql in rows}
