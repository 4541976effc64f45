"""The first look of an export: a no is certain, whatever changed is seen."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests import certs
from tests.authority import OwnCa
from tests.console import BOB, Console
from trustctl.inventory import glance
from trustctl.publish.place import place_of
from trustctl.publish.planning import last_generation

_EXPORT = """
import sys
from trustctl.cli import run
code = run(sys.argv[1:])
print("sqlalchemy" in sys.modules, code)
"""


def _same(console: Console, now: int | None = None, db: Path | None = None) -> bool:
    """What the glance says of the target at a moment (the export's own, if none is given)."""
    last = last_generation(place_of(str(console.target), "pem", console.db))
    assert last is not None
    at = last.stored.as_of if now is None else now
    return glance.unchanged(db or console.db, str(console.target), "pem", last.stored, at)


@pytest.fixture
def exported(console: Console, foo: certs.Made, bar: certs.Made) -> Console:
    """Two trusted peers, both exported."""
    console.pin(foo, "foo", "--expires", "30d")
    console.pin(bar, "bar")
    console("export", "--to", str(console.target), "--format", "pem")
    assert _same(console)
    return console


@pytest.mark.parametrize(
    "words",
    [
        ("vouch", "foo", "--fingerprint", "FOO", "--vouched-by", BOB),
        ("withdraw", "foo", "--reason", "a mistake"),
        ("distrust", "foo", "--reason", "stolen", "--yes"),
        ("retire", "foo", "--yes"),
        ("unprotect", "foo.test", "--yes"),
        ("set", "vouches_required", "2"),
        ("add", "NEW", "--peer", "new"),
    ],
    ids=lambda words: str(words[0]),
)
def test_every_change_is_seen(exported: Console, foo: certs.Made, words: tuple[str, ...]) -> None:
    """Even one that alters nothing of what is exported: then the whole look says so."""
    given = {
        "FOO": foo.fingerprint,
        "NEW": exported.write("new.pem", certs.self_signed("mx.new.test").pem),
    }
    exported(*(given.get(one, one) for one in words))
    assert not _same(exported)
    exported("export", "--to", str(exported.target), "--format", "pem", "--yes")
    # a pending pin, a second vouch: the export had nothing to write, nor to record
    assert _same(exported) == (words[0] not in ("add", "vouch"))


def test_a_ca_of_our_own_takes_the_whole_look(
    exported: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has lists and staples that come due without anything having been recorded."""
    OwnCa(exported, monkeypatch)("init")
    exported("export", "--to", str(exported.target), "--format", "pem")
    assert not _same(exported)


def test_a_rollback_is_seen(exported: Console) -> None:
    """The next export writes the inventory's state anew."""
    exported("retire", "foo", "--yes")
    exported("export", "--to", str(exported.target), "--format", "pem", "--yes")
    exported("rollback", "--of", str(exported.target), "--yes")
    assert not _same(exported)


def test_exports_to_elsewhere_change_nothing(exported: Console) -> None:
    """Each target's export is an entry of the journal, and no reason to look at the others."""
    exported("export", "--to", str(exported.folder / "other"), "--format", "pem")
    assert _same(exported)


def test_time_alone_is_seen(exported: Console, foo: certs.Made) -> None:
    """A vouch that ends, a certificate that ends, and a clock that was set back."""
    now, day = int(time.time()), 86400
    assert _same(exported, now + 29 * day)
    assert not _same(exported, now + 31 * day)
    with closing(sqlite3.connect(exported.db)) as database:
        (end,) = database.execute(
            "SELECT not_after FROM certificate WHERE fingerprint = ?", (foo.fingerprint,)
        ).fetchone()
    assert not _same(exported, end + 1)
    assert not _same(exported, now - day)


def test_what_cannot_be_told_is_no_certain_no(exported: Console, tmp_path: Path) -> None:
    """Another inventory, none, a file that is none, and a generation that was not recorded."""
    assert not _same(exported, db=tmp_path / "none.db")
    (tmp_path / "text.db").write_text("text" * 1000)
    assert not _same(exported, db=tmp_path / "text.db")
    other = Console(tmp_path / "other")
    other.folder.mkdir()
    other.pin(certs.self_signed("mx.other.test"), "other")
    assert not _same(exported, db=other.db)
    last = last_generation(place_of(str(exported.target), "pem", exported.db))
    assert last is not None
    for forged in (
        replace(last.stored, number=2),
        replace(last.stored, manifest_sha256="0" * 64),
        replace(last.stored, as_of=last.stored.as_of - 1),
        replace(last.stored, checkpoint=replace(last.stored.checkpoint, hash="0" * 64)),
    ):
        now = last.stored.as_of
        assert not glance.unchanged(exported.db, str(exported.target), "pem", forged, now)


def test_an_older_inventory_is_for_the_whole_look(exported: Console) -> None:
    """It says what to type; the glance does not pass it by."""
    with closing(sqlite3.connect(exported.db)) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '0001'")
    assert not _same(exported)
    ran = exported("export", "--to", str(exported.target), "--format", "pem", code=6)
    assert "trustctl db upgrade" in ran.err


def test_an_edited_file_is_for_the_whole_look(exported: Console) -> None:
    """With nothing changed in the inventory it is noticed all the same."""
    bundle = exported.target / "ca-certificates.crt"
    bundle.write_bytes(bundle.read_bytes() + b"\n")
    exported.fails("export", "--to", str(exported.target), "--format", "pem", code=7)


@pytest.mark.parametrize("named", [("--format", "pem"), ()])
def test_with_nothing_changed_sqlalchemy_is_not_loaded(
    exported: Console, named: tuple[str, ...]
) -> None:
    """It would take longer than all the rest; with something changed it is."""
    words = ["--db", str(exported.db), "export", "--to", str(exported.target), *named]

    def run() -> str:
        done = subprocess.run(
            [sys.executable, "-c", _EXPORT, *words],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ},
        )
        return done.stdout

    said = run()
    assert "nothing has changed; nothing was written" in said
    assert said.splitlines()[-1] == "False 0"
    exported.pin(certs.self_signed("mx.more.test"), "more")
    assert run().splitlines()[-1] == "True 0"
