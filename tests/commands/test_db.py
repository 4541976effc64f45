"""``trustctl db``: upgrade, backup, check; and inventories that cannot be used."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest

from tests import certs
from tests.console import Console
from tests.inventory.older import back_to_first
from trustctl.inventory.revision import HEAD

_READERS = (("list",), ("dump",), ("check", "foo.test"), ("journal",), ("audit",), ("show", "foo"))


def _execute(console: Console, *statements: str) -> None:
    with closing(sqlite3.connect(console.db)) as connection:
        for one in statements:
            connection.execute(one)
        connection.commit()


def test_a_sound_inventory(console: Console, foo: certs.Made) -> None:
    """Check says so; there is nothing to upgrade."""
    console.pin(foo, "foo")
    assert "is sound" in console("db", "check").out
    assert "is of this version already" in console("db", "upgrade").out


def test_a_backup_is_whole_and_replaces_nothing(console: Console, foo: certs.Made) -> None:
    """Beside the inventory by default, or where it is told; 0600; never over a file."""
    console.pin(foo, "foo")
    place = console.folder / "copy.db"
    console("db", "backup", str(place))
    assert place.stat().st_mode & 0o777 == 0o600
    copy = Console(console.folder)
    copy.db = place
    assert copy("dump").out == console("dump").out
    before = place.read_bytes()
    ran = console.fails("db", "backup", str(place), code=7)
    assert "exists already" in ran.err
    assert place.read_bytes() == before
    said = console("db", "backup").out
    assert list(console.db.parent.glob("trustctl.db.backup-*"))
    assert "backed up to" in said
    console.fails("db", "backup", str(console.folder / "no" / "such" / "folder"), code=7)


def test_an_older_inventory_says_what_to_type(console: Console, foo: certs.Made) -> None:
    """Every command refuses it; db upgrade backs it up and brings it up."""
    console.pin(foo, "foo")
    before = console("dump").out
    _execute(console, *back_to_first())
    for words in _READERS:
        assert "trustctl db upgrade" in console.fails(*words, code=6).err
    file = console.write("p.pem", foo.pem)
    assert "trustctl db upgrade" in console.fails("add", file, "--peer", "x", code=6).err
    ran = console("db", "upgrade")
    assert f"from 0001 to {HEAD}" in ran.out
    assert list(console.db.parent.glob("trustctl.db.backup-0001-*"))
    assert console("dump").out == before
    console("db", "check")


def test_a_newer_inventory_is_refused(console: Console, foo: certs.Made) -> None:
    """By every command, db upgrade too; it is left as it is."""
    console.pin(foo, "foo")
    _execute(console, "UPDATE alembic_version SET version_num = '9999'")
    file = console.write("p.pem", foo.pem)
    for words in (*_READERS, ("db", "upgrade"), ("add", file, "--peer", "x")):
        assert "newer trustctl" in console.fails(*words, code=6).err


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"SQLite format 3\0" + b"\0" * 84, os.urandom(8192)]
)
def test_what_is_no_inventory_is_not_touched(
    console: Console, foo: certs.Made, content: bytes
) -> None:
    """An empty file, a text, another program's database, noise."""
    console.db.parent.mkdir()
    console.db.write_bytes(content)
    file = console.write("p.pem", foo.pem)
    for words in (*_READERS, ("add", file, "--peer", "x"), ("db", "upgrade"), ("db", "backup")):
        ran = console(*words, code=6)
        assert "left as it" in ran.err
        assert console.db.read_bytes() == content
    assert [one.name for one in console.db.parent.iterdir()] == ["trustctl.db"]


def test_a_damaged_inventory_is_not_made_worse(console: Console, foo: certs.Made) -> None:
    """Pages of noise in the middle: an error that names the backup, no traceback."""
    console.pin(foo, "foo")
    _execute(console, "PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(console.db.read_bytes())
    content[4096 : len(content) - 4096] = b"\xa5" * (len(content) - 8192)
    console.db.write_bytes(content)
    for words in _READERS:
        assert "damaged" in console(*words, code=6).err
    assert console.db.read_bytes() == content


def test_no_inventory_yet(console: Console) -> None:
    """Reading makes none, and says how one is made."""
    for words in (*_READERS, ("vouch", "foo"), ("retire", "foo"), ("db", "check"),
                  ("db", "backup"), ("db", "upgrade"), ("withdraw", "foo", "--reason", "x"),
                  ("unprotect", "foo.test", "--yes"), ("distrust", "foo", "--reason", "x"),
                  ("generations", "--of", "."), ("rollback", "--of", "."),
                  ("export", "--to", "x", "--format", "pem")):  # fmt: skip
        assert "there is no inventory" in console.fails(*words, code=6).err


@pytest.mark.parametrize(
    "value", [":memory:", "sqlite://", "postgresql://localhost/x", "mysql://x/y", "a\0b", "x://"]
)
def test_databases_that_are_not_supported(console: Console, value: str) -> None:
    """Another kind of URL, or one that names no file: said, never taken for a file's name."""
    from trustctl import cli

    assert cli.run(["--db", value, "list"]) == 2


def test_a_url_names_the_same_file(console: Console, foo: certs.Made) -> None:
    """sqlite:////path is a path; so is what TRUSTCTL_DB holds."""
    console.pin(foo, "foo")
    ran = console.process("list", env={"TRUSTCTL_DB": f"sqlite:///{console.db}"})
    assert ran.code == 0
    assert "foo.test" in ran.out
    other = console.process("--db", str(console.folder / "none.db"), "list")
    assert other.code == 6
