"""The one database file: made whole and private, found where people say, never another."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.certs import Made
from tests.inventory.store import NOW, Store, addition, fingerprints
from tests.tools import output, require, require_root
from trustctl.errors import DatabaseError
from trustctl.inventory import database, schema
from trustctl.inventory.transaction import reading, writing
from trustctl.inventory.upkeep import backup, upgrade

_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_first_write_makes_a_private_file_in_a_private_folder(store: Store) -> None:
    """Folder 0700, file 0600, whatever the umask; nothing else is left in the folder."""
    before = os.umask(0)
    try:
        with store.writing():
            pass
    finally:
        os.umask(before)
    assert _mode(store.path.parent) == 0o700
    assert _mode(store.path) == 0o600
    assert os.listdir(store.path.parent) == [store.path.name]


def test_log_files_are_as_private_as_the_database(store: Store, foo: Made) -> None:
    """-wal and -shm are 0600 while somebody writes, whatever the umask."""
    before = os.umask(0)
    try:
        store.add(addition("foo", foo, "foo.test"))
        with store.writing() as tx:
            tx.record("peer.add", "x", {})
            tx.finish()
            beside = {one.name: _mode(one) for one in store.path.parent.iterdir()}
    finally:
        os.umask(before)
    assert beside == dict.fromkeys(
        (store.path.name, f"{store.path.name}-wal", f"{store.path.name}-shm"), 0o600
    )


def test_existing_folder_keeps_its_mode(tmp_path: Path) -> None:
    """A folder that was there is the administrator's: its mode is left alone."""
    tmp_path.chmod(0o750)
    with Store(tmp_path / "t.db").writing():
        pass
    assert _mode(tmp_path) == 0o750
    assert _mode(tmp_path / "t.db") == 0o600


def test_file_is_private_from_its_first_byte(tmp_path: Path, store: Store) -> None:
    """Whatever the umask, the open that makes a file in the inventory's folder says 0600."""
    require("strace")
    program = (
        "import os, sys; from pathlib import Path; os.umask(0);"
        "from trustctl.inventory.transaction import writing\n"
        "with writing(Path(sys.argv[1]), 'root', 1, create=True): pass"
    )
    traced = ("strace", "-f", "-qq", "-e", "trace=openat,open,creat", "-o", str(tmp_path / "trace"))
    output(*traced, sys.executable, "-c", program, str(store.path))
    made: dict[str, str] = {}
    for line in (tmp_path / "trace").read_text().splitlines():
        if f'"{store.path.parent}/' in line and "O_CREAT" in line and " = -1 " not in line:
            made.setdefault(line.split('"')[1], line)
    # the database (beside its place at first), and the logs of each
    assert {name.rpartition("-")[2] for name in made} >= {"wal", "shm"}
    assert [line for line in made.values() if ", 0600)" not in line] == []


def test_file_is_set_up_for_durable_concurrent_writes(store: Store) -> None:
    """WAL, marked as an inventory; every connection: foreign keys, FULL, a minute's patience."""
    with store.writing():
        pass
    with store.raw() as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert raw.execute("PRAGMA application_id").fetchone() == (0x74727573,)

    def pragma(name: str) -> int:
        return store.ask(lambda c: int(c.exec_driver_sql(f"PRAGMA {name}").scalar_one()))

    assert pragma("foreign_keys") == 1
    assert pragma("synchronous") == 2  # FULL
    assert pragma("busy_timeout") == database.BUSY_TIMEOUT_SECONDS * 1000
    assert pragma("trusted_schema") == 0


def test_a_large_write_needs_no_file_but_the_inventory(tmp_path: Path, store: Store) -> None:
    """What SQLite keeps to take back a statement alone is in memory, not in /tmp."""
    require("strace")
    with store.writing():
        pass
    program = (
        "import sys; from pathlib import Path\n"
        "from trustctl.inventory.transaction import writing\n"
        "with writing(Path(sys.argv[1]), 'root', 1) as tx:\n"
        "    for number in range(2000): tx.record('x', str(number), {'a': 'x' * 1000})\n"
    )
    trace = tmp_path / "trace"
    traced = ("strace", "-f", "-qq", "-e", "trace=openat,open,creat", "-o", str(trace))
    output(*traced, sys.executable, "-c", program, str(store.path))
    made = [line.split('"')[1] for line in trace.read_text().splitlines() if "O_CREAT" in line]
    assert made
    assert [one for one in made if not one.startswith(f"{store.path.parent}/")] == []


def test_restored_backup_gets_its_write_ahead_log_back(store: Store, foo: Made) -> None:
    """A backup is one plain file; put in the inventory's place, the next write turns WAL on."""
    store.add(addition("foo", foo, "foo.test"))
    saved = backup(store.path, None, NOW)
    saved.replace(store.path)
    with store.raw() as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    with store.writing():
        pass
    with store.raw() as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store.verify() == []


def test_of_many_first_writers_one_makes_the_file_and_all_write(store: Store) -> None:
    """Six processes that all find no inventory end with one that has every one's change."""
    program = (
        "import sys; from pathlib import Path;"
        "from trustctl.inventory.transaction import writing;"
        "from trustctl.facts.addition import NewProtection;"
        "from trustctl.inventory.additions import Additions\n"
        "sys.stdin.readline()\n"
        "with writing(Path(sys.argv[1]), 'root', 1, create=True) as tx:\n"
        "    Additions(tx).protect(NewProtection('p' + sys.argv[2], (f'p{sys.argv[2]}.test',)))"
    )
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", program, store.path, str(n)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for n in range(6)
    ]
    for one in racers:
        assert one.stdin is not None
        one.stdin.write(b"\n")
        one.stdin.flush()
    for one in racers:
        _out, said = one.communicate()
        assert (one.returncode, said) == (0, b"")
    assert sorted(store.peers()) == [f"p{n}" for n in range(6)]
    assert store.verify() == []
    assert os.listdir(store.path.parent) == [store.path.name]


def test_odd_file_names_are_opened_as_they_are(tmp_path: Path, foo: Made) -> None:
    """A question mark, a percent sign, a newline or no UTF-8 in the path is part of the name."""
    store = Store(tmp_path / "a b?mode=memory#d%41\n\udcff.db")
    store.add(addition("foo", foo, "foo.test"))
    assert os.listdir(tmp_path) == [store.path.name]
    assert store.verify() == []


def _text(path: Path) -> None:
    path.write_text("vouches_required = 1\n")


def _other(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE cookie (name TEXT)")
    other.close()


def _versioned(*versions: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        with Store(path).writing():
            pass
        with Store(path).raw() as raw:
            raw.execute("DELETE FROM alembic_version")
            raw.executemany("INSERT INTO alembic_version VALUES (?)", [(v,) for v in versions])

    return make


def _unversioned(path: Path) -> None:
    with Store(path).writing():
        pass
    with Store(path).raw() as raw:
        raw.execute("DROP TABLE alembic_version")


def _scribbled(path: Path) -> None:
    with Store(path).writing():
        pass
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * (path.stat().st_size - 100))


def _cut(path: Path) -> None:
    with Store(path).writing():
        pass
    os.truncate(path, 5000)


def _attempt(action: str, path: Path) -> None:
    if action == "upgrade":
        upgrade(path, NOW)
    else:
        with reading(path) if action == "read" else writing(path, "root", NOW, create=True):
            pytest.fail("it was opened")


@pytest.mark.parametrize(
    ("make", "said", "typed"),
    [
        (Path.touch, "is not a database", "--db"),
        (_text, "is not a database", "--db"),
        (_other, "not one of trustctl's", "--db"),
        (_versioned("0001"), "older version", "trustctl db upgrade"),
        (_versioned("0099"), "newer trustctl", "upgrade trustctl"),
        (_versioned(), "does not say of which version", "backup"),
        (_versioned("0001", "0002"), "does not say of which version", "backup"),
        (_unversioned, "alembic_version", "trustctl db check"),
        (_scribbled, "damaged", "backup"),
        (_cut, "damaged", "backup"),
    ],
    ids=["empty", "text", "other", "older", "newer", "versionless", "two versions",
         "no version table", "scribbled", "cut"],
)  # fmt: skip
def test_what_is_no_inventory_of_this_version_is_refused_and_left_alone(
    make: Callable[[Path], None], said: str, typed: str, tmp_path: Path
) -> None:
    """Reading, writing, upgrading and backing up say what it is; its files stay to the byte."""
    path = tmp_path / "t.db"
    make(path)
    before = fingerprints(tmp_path)
    for action in ("read", "write", "upgrade"):
        if "older" in said and action == "upgrade":
            continue
        with pytest.raises(DatabaseError, match=said) as refused:
            _attempt(action, path)
        assert str(path) in refused.value.message
        assert typed in str(refused.value.hint)
        assert fingerprints(tmp_path) == before


def test_logs_of_a_refused_database_are_left_alone(tmp_path: Path) -> None:
    """A newer inventory that another process has open keeps its -wal and -shm to the byte."""
    store = Store(tmp_path / "t.db")
    with store.writing():
        pass
    with store.raw() as raw:
        raw.execute("UPDATE alembic_version SET version_num = '0099'")
        before = fingerprints(tmp_path)
        assert set(before) == {"t.db", "t.db-wal", "t.db-shm"}
        for attempt in (reading(store.path), store.writing()):
            with pytest.raises(DatabaseError, match="newer"), attempt:
                pass
        after = fingerprints(tmp_path)
        # the index of the log notes who reads: what it indexes must be the same
        assert after.pop("t.db-shm")
        before.pop("t.db-shm")
        assert after == before


def test_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    """A folder, a device or a dangling link named as the inventory: a clear error each."""
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for place, said in (
        (tmp_path, "is not a file"),
        (Path("/dev/null"), "is not a file"),
        (tmp_path / "none", "no inventory at"),
        (tmp_path / "link", "no inventory at"),
    ):
        with pytest.raises(DatabaseError, match=said), reading(place):
            pass
    assert os.listdir(tmp_path) == ["link"]
    with pytest.raises(DatabaseError), writing(tmp_path / "link", "root", NOW, create=True):
        pass
    assert os.listdir(tmp_path) == ["link"]


def test_reading_makes_nothing(tmp_path: Path) -> None:
    """Whoever only reads an inventory that is not there learns how to make one; nothing appears."""
    with pytest.raises(DatabaseError) as refused, reading(tmp_path / "sub" / "t.db"):
        pass
    assert "trustctl add" in str(refused.value.hint)
    assert os.listdir(tmp_path) == []


def _as_nobody(action: str, path: Path) -> str:
    """What somebody without rights gets to read: the error's class, or what came out."""
    program = (
        "import sys; from pathlib import Path\n"
        "from trustctl.errors import TrustctlError\n"
        "from trustctl.inventory.transaction import reading, writing\n"
        "from trustctl.inventory.snapshot import read_peers\n"
        "path = Path(sys.argv[2])\n"
        "try:\n"
        "    if sys.argv[1] == 'read':\n"
        "        with reading(path) as tx: print([p.name for p in read_peers(tx.connection)])\n"
        "    else:\n"
        "        with writing(path, 'nobody', 1, create=True) as tx: tx.record('x', 'y', {})\n"
        "except TrustctlError as error: print(type(error).__name__, error.message)"
    )
    ran = subprocess.run(
        [*_NOBODY, sys.executable, "-c", program, action, path],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.strip()


@pytest.fixture
def others(tmp_path: Path, foo: Made) -> Store:
    """An inventory of root's, for others to try; skipped where nobody else can be."""
    require_root()
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder != Path("/tmp"):  # noqa: S108
            folder.chmod(0o755)
    store = Store(tmp_path / "shared" / "t.db")
    store.path.parent.mkdir(mode=0o755)
    store.add(addition("foo", foo, "foo.test"))
    return store


def test_unreadable_file_is_a_clear_error(others: Store) -> None:
    """Without permission: one sentence that names the file, and nothing is touched."""
    before = fingerprints(others.path.parent)
    for action in ("read", "write"):
        said = _as_nobody(action, others.path)
        assert said == f"DatabaseError {others.path}: permission denied"
    assert fingerprints(others.path.parent) == before


def test_read_only_inventory_can_be_read_and_not_written(others: Store) -> None:
    """Who may only read reads; a write is refused clearly and leaves no byte behind."""
    others.path.chmod(0o644)
    before = fingerprints(others.path.parent)
    assert _as_nobody("read", others.path) == "['foo']"
    assert _as_nobody("write", others.path).startswith(f"DatabaseError {others.path}")
    assert fingerprints(others.path.parent) == before


def test_folder_where_nothing_may_be_made_is_a_clear_error(others: Store) -> None:
    """A first write without permission names the place and leaves nothing."""
    place = others.path.parent / "new.db"
    assert "permission denied" in _as_nobody("write", place)
    assert "permission denied" in _as_nobody("write", others.path.parent / "sub" / "new.db")
    assert os.listdir(others.path.parent) == [others.path.name]


def test_revisions_end_with_the_head() -> None:
    """The newest revision known is the one that a new inventory is made with."""
    assert database.REVISIONS[-1] == schema.HEAD
