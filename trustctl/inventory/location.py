"""Where the inventory is: named by a path or a URL, or else the system's or the user's own."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from trustctl.errors import UsageError


def default_path() -> Path:
    """Where the inventory is when nobody says otherwise: the system's for root, else the user's."""
    if os.geteuid() == 0:
        return Path("/var/lib/trustctl/trustctl.db")
    data = os.environ.get("XDG_DATA_HOME", "")
    if not os.path.isabs(data):  # the XDG specification has a relative one ignored
        data = "~/.local/share"
    return _expanded(data) / "trustctl" / "trustctl.db"


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UsageError(
            f"{path}: there is no such home folder", "name the inventory: --db FILE"
        ) from None


def locate(value: str | None) -> Path:
    """The database file that ``--db`` or ``TRUSTCTL_DB`` means: a path or a ``sqlite:///`` URL.

    Raises:
        UsageError: a URL of another kind of database, or one with no file (``:memory:``).
    """
    if not value:
        return default_path()
    if "://" not in value:
        if "\0" in value or value == ":memory:":
            raise UsageError(f"--db: {value!r} is not a file", "give the path of a file")
        return _expanded(value)
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(value)
    except ArgumentError:
        raise UsageError(
            f"--db: {value!r} is not a database URL", "type sqlite:////path/to/trustctl.db"
        ) from None
    if url.get_backend_name() != "sqlite":
        raise UsageError(
            f"--db: {url.get_backend_name()} is not supported, only sqlite is",
            "type a path, or sqlite:////path/to/trustctl.db",
        )
    if url.host or url.query:  # sqlite://var/lib/x.db would be another file: lib/x.db
        raise UsageError(
            f"--db: {value!r} is not the URL of a file", "type sqlite:////path/to/trustctl.db"
        )
    if not url.database or url.database == ":memory:":
        raise UsageError("--db: the URL names no file", "type sqlite:////path/to/trustctl.db")
    return Path(url.database)


def uri(path: Path) -> str:
    """The path as an SQLite ``file:`` URI (https://www.sqlite.org/uri.html), whatever its bytes."""
    return "file:" + quote(os.fsencode(path.absolute()))
