"""Where the inventory is: what people name is taken at their word, or refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trustctl.errors import UsageError
from trustctl.inventory.location import locate

_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("/srv/t.db", "/srv/t.db"),
        ("t.db", "t.db"),
        ("~/t.db", "HOME/t.db"),
        ("sqlite:////srv/t.db", "/srv/t.db"),
        ("sqlite:///t.db", "t.db"),
    ],
)
def test_database_is_named_by_path_or_url(
    value: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``--db`` takes a path, ``~`` too, or SQLAlchemy's URL of an SQLite file."""
    monkeypatch.setenv("HOME", "/home/ann")
    assert locate(value) == Path(path.replace("HOME", "/home/ann"))


@pytest.mark.parametrize(
    "value",
    [
        "postgresql://db/trust",
        "mysql+pymysql://db/trust",
        "sqlite://",
        "sqlite:///:memory:",
        ":memory:",
        "a\0b",
        "://x",
        "sqlite://var/lib/t.db",
        "sqlite:///t.db?mode=memory",
    ],
)
def test_what_names_no_file_is_refused(value: str) -> None:
    """Another kind of database, memory, options and a slash too few are refused, with a hint."""
    with pytest.raises(UsageError) as refused:
        locate(value)
    assert refused.value.hint


def test_default_place_is_the_systems_for_root_and_the_users_otherwise(tmp_path: Path) -> None:
    """/var/lib for root; XDG_DATA_HOME, else ~/.local/share, for anybody else."""
    program = "from trustctl.inventory.location import locate; print(locate(None))"

    def told(*before: str, **environment: str) -> str:
        ran = subprocess.run(
            [*before, sys.executable, "-c", program],
            env={"PATH": os.environ["PATH"], "HOME": "/home/ann", **environment},
            capture_output=True,
            text=True,
            check=True,
            cwd="/",
        )
        return ran.stdout.strip()

    user = _NOBODY if os.geteuid() == 0 else ()
    assert told(*user, XDG_DATA_HOME="/data") == "/data/trustctl/trustctl.db"
    assert told(*user) == "/home/ann/.local/share/trustctl/trustctl.db"
    assert told(*user, XDG_DATA_HOME="data") == "/home/ann/.local/share/trustctl/trustctl.db"
    if os.geteuid() == 0:
        assert told(XDG_DATA_HOME="/data") == "/var/lib/trustctl/trustctl.db"
