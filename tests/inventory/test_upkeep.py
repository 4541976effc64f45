"""Upgrade, backup, check: what is there is never lost, whatever goes wrong on the way."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.certs import Made
from tests.inventory.older import make_older
from tests.inventory.store import NOW, Store, addition, fingerprints
from tests.inventory.wire_rows import add_wire
from tests.tools import require, require_root
from trustctl.errors import DatabaseError, TargetError
from trustctl.inventory import generations, schema, upkeep
from trustctl.inventory.generations import GenerationRow
from trustctl.inventory.transaction import reading


@pytest.fixture(scope="session")
def _older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("older") / "trustctl.db"
    make_older(path)
    return path


@pytest.fixture
def older(store: Store, _older: Path) -> Store:
    """An inventory of version 0001, with a peer."""
    store.path.parent.mkdir(mode=0o700)
    shutil.copy(_older, store.path)
    store.path.chmod(0o600)
    return store


def _version(path: Path) -> str:
    with closing(sqlite3.connect(path)) as raw:
        (found,) = raw.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(found)


def test_upgrade_makes_a_backup_first_and_keeps_everything(older: Store) -> None:
    """The older one lies beside it, private; the new one has the peer, and takes a generation."""
    before = older.path.read_bytes()
    with pytest.raises(DatabaseError, match="older version"):
        older.peers()
    done = upkeep.upgrade(older.path, NOW)
    assert done is not None
    assert done[:2] == ("0001", schema.HEAD)
    saved = done[2]
    assert saved.name == "trustctl.db.backup-0001-20300317T174640Z"
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert _version(saved) == "0001"
    assert _content(saved) == _content_of(before, older.path.parent)
    assert stat.S_IMODE(older.path.stat().st_mode) == 0o600
    assert list(older.peers()) == ["foo"]
    with older.writing() as tx:
        row = GenerationRow(1, NOW, NOW, 5, "ab" * 32)
        generations.record(tx, "/etc/exim4", "exim", row, action="generation.publish")
    assert older.verify() == []
    assert older.ask(upkeep.check) == []


def _content(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as raw:
        return list(raw.iterdump())


def _content_of(data: bytes, folder: Path) -> list[str]:
    copy = folder / "copy"
    copy.write_bytes(data)
    found = _content(copy)
    for one in folder.glob("copy*"):
        one.unlink()
    return found


def test_upgrade_of_the_newest_does_nothing(older: Store) -> None:
    """The second time: no backup, no byte changed."""
    upkeep.upgrade(older.path, NOW)
    before = fingerprints(older.path.parent)
    assert upkeep.upgrade(older.path, NOW + 5) is None
    assert fingerprints(older.path.parent) == before


def test_upgrade_that_cannot_back_up_changes_nothing(older: Store) -> None:
    """No backup, no upgrade."""
    require_root()
    for folder in (older.path.parent, *older.path.parents[1:5]):
        if folder != Path("/tmp"):  # noqa: S108
            folder.chmod(0o755)
    older.path.chmod(0o666)
    before = fingerprints(older.path.parent)
    ran = _upgrade(older.path, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    assert ran.returncode != 0
    assert "trustctl.errors." in ran.stderr
    assert fingerprints(older.path.parent) == before


_UPGRADE = (
    "import sys; from pathlib import Path; from trustctl.inventory.upkeep import upgrade;"
    "upgrade(Path(sys.argv[1]), 1900000000)"
)


def _upgrade(path: Path, *before: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, "-c", _UPGRADE, path],
        capture_output=True, text=True, check=False, cwd="/",
    )  # fmt: skip


def test_failing_migration_leaves_the_older_inventory(older: Store) -> None:
    """A statement in its middle that fails: what it did before is undone, version and all."""
    with older.raw() as raw:
        raw.execute("CREATE TABLE generation (x)")  # in the way of the second statement
    before = _content(older.path)
    with pytest.raises(DatabaseError, match="generation already exists"):
        upkeep.upgrade(older.path, NOW)
    assert _content(older.path) == before
    assert _version(older.path) == "0001"
    with older.raw() as raw:
        raw.execute("DROP TABLE generation")
    assert upkeep.upgrade(older.path, NOW + 1) is not None
    assert older.verify() == []


def test_killed_upgrade_leaves_the_older_or_the_newest(older: Store, tmp_path: Path) -> None:
    """kill -9 at every eighth write: whole and of one version; then it can be repeated."""
    require("strace")
    kept = tmp_path / "kept"
    shutil.copy(older.path, kept)
    found, number = set(), 0
    while True:
        number += 1
        for one in older.path.parent.iterdir():
            one.unlink()
        shutil.copy(kept, older.path)
        ran = _upgrade(
            older.path, "strace", "-f", "-qq", "-e", "trace=pwrite64", "-o", os.devnull,
            "-e", f"inject=pwrite64:signal=SIGKILL:when={number * 8}",
        )  # fmt: skip
        if ran.returncode == 0:
            break
        assert -ran.returncode == signal.SIGKILL or ran.returncode == 128 + signal.SIGKILL
        with closing(sqlite3.connect(older.path)) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found.add(_version(older.path))
        upkeep.upgrade(older.path, NOW + 5)
        assert list(older.peers()) == ["foo"]
        assert older.verify() == []
        assert older.ask(upkeep.check) == []
    assert number > 3
    assert "0001" in found


def test_backup_is_a_whole_private_copy(full: Store, tmp_path: Path) -> None:
    """One plain file, 0600, that can be opened in the inventory's place."""
    before = os.umask(0)
    try:
        saved = upkeep.backup(full.path, tmp_path / "saved.db", NOW)
    finally:
        os.umask(before)
    assert saved == tmp_path / "saved.db"
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    copy = Store(saved)
    assert (copy.dump(), copy.journal()) == (full.dump(), full.journal())
    assert copy.verify() == []
    assert sorted(one.name for one in full.path.parent.iterdir()) == [full.path.name]


def test_backup_has_what_the_log_holds(full: Store, foo: Made, tmp_path: Path) -> None:
    """What is committed but still in the -wal is in the copy; what is not committed is not."""
    with reading(full.path):  # keeps the log from being written back
        full.add(addition("late", foo, "late.test"))
        assert full.path.with_name(f"{full.path.name}-wal").stat().st_size > 0
        with full.writing() as tx:
            tx.connection.exec_driver_sql("INSERT INTO peer VALUES (99, 'half', 5, 1)")
            upkeep.backup(full.path, tmp_path / "saved.db", NOW)
            tx.connection.exec_driver_sql("DELETE FROM peer WHERE id = 99")
    copy = Store(tmp_path / "saved.db")
    assert "late" in copy.peers()
    assert "half" not in copy.peers()
    assert copy.verify() == []


def test_backup_never_writes_over_anything(full: Store, tmp_path: Path) -> None:
    """A file, a link, a folder, the inventory itself in the way: refused and left as it is."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    before = fingerprints(tmp_path)
    names = sorted(os.listdir(tmp_path))
    places = [tmp_path / name for name in ("file", "dangling", "folder")]
    for place in (*places, full.path, Path("/"), Path("."), Path("..")):
        with pytest.raises(TargetError):
            upkeep.backup(full.path, place, NOW)
    with pytest.raises(TargetError, match="no such file"):
        upkeep.backup(full.path, tmp_path / "none" / "x", NOW)
    assert fingerprints(tmp_path) == before
    assert sorted(os.listdir(tmp_path)) == names
    assert full.verify() == []


def test_backups_of_one_second_are_two(full: Store) -> None:
    """Without a name each gets one of its own."""
    one, two = (upkeep.backup(full.path, None, NOW) for _time in range(2))
    assert one != two
    assert Store(one).dump() == Store(two).dump() == full.dump()


def test_backup_of_what_is_no_inventory_makes_nothing(tmp_path: Path) -> None:
    """A text file is not backed up as an inventory."""
    (tmp_path / "t.db").write_text("text")
    with pytest.raises(DatabaseError, match="is not a database"):
        upkeep.backup(tmp_path / "t.db", None, NOW)
    assert os.listdir(tmp_path) == ["t.db"]


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DROP TRIGGER vouch_no_update", "trigger vouch_no_update"),
        ("DROP INDEX pin_one_active", "index pin_one_active"),
        ("CREATE TRIGGER x AFTER INSERT ON vouch BEGIN DELETE FROM mx_host; END", "trigger x"),
        ("CREATE TABLE x (y)", "table x"),
        ("ALTER TABLE vouch ADD COLUMN x", "table vouch"),
    ],
)
def test_altered_structure_is_noticed(statement: str, named: str, full: Store) -> None:
    """``db check`` names a trigger that is gone or one too many: it acts in trustctl's name."""
    with full.raw() as raw:
        raw.execute("ANALYZE")  # what an administrator may do is not an alteration
    assert full.ask(upkeep.check) == []
    with full.raw() as raw:
        raw.execute(statement)
    (said,) = full.ask(upkeep.check)
    assert said.startswith(f"{named} is not as trustctl made it")


def test_broken_reference_and_broken_page_are_found(full: Store) -> None:
    """``db check`` names rows that refer to nothing, and what SQLite finds broken."""
    with full.raw(as_attacker=True) as raw:
        raw.execute("UPDATE vouch SET peer_id = 77 WHERE id = 1")
    assert "row 1 of vouch refers to a row of peer that is not there" in full.ask(upkeep.check)
    index = "FROM sqlite_master WHERE name = 'ix_vouch_expires_at'"
    with full.raw() as raw:
        kept = raw.execute(f"SELECT * {index}").fetchone()
        raw.execute("PRAGMA writable_schema = ON")
        raw.execute(f"DELETE {index}")
    with full.raw(as_attacker=True) as raw:  # a row that the index knows nothing of
        raw.execute("INSERT INTO vouch SELECT 9, 1, fingerprint, 'x', 'x', '', 5, 5 FROM vouch "
                    "WHERE id = 1")  # fmt: skip
        raw.execute("PRAGMA writable_schema = ON")
        raw.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", kept)
    assert any("missing from index ix_vouch_expires_at" in one for one in full.ask(upkeep.check))


def test_text_that_is_no_text_is_a_clear_error(full: Store) -> None:
    """Bytes that are not UTF-8 where a text belongs: damaged, without showing them."""
    with full.raw(as_attacker=True) as raw:
        raw.execute("UPDATE vouch SET note = CAST(X'ff1b5b' AS TEXT) WHERE id = 1")
    with pytest.raises(DatabaseError, match=r"is damaged \(a text in it is not UTF-8\)"):
        full.verify()


@pytest.mark.parametrize("revision", ["0002", "0003", "0004"])
def test_upgrade_from_any_version_takes_what_is_seen(revision: str, store: Store) -> None:
    """What was recorded before the tables of the wire is whole, and they take rows."""
    store.path.parent.mkdir(mode=0o700)
    make_older(store.path, revision)
    assert upkeep.upgrade(store.path, NOW) is not None
    add_wire(store)
    assert set(store.peers()) == {"foo", "qux"}
    assert store.verify() == []
    assert store.ask(upkeep.check) == []
