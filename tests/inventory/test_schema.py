"""The schema holds its promises against any program that opens the file."""
# ruff: noqa: S608  (the statements are put together from names of this file alone)

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from tests.inventory.older import make_older
from tests.inventory.records import assert_immutable, refused
from tests.inventory.store import NOW
from trustctl.inventory import database, schema, upkeep
from trustctl.resources import resource

_HEX = "ab" * 32


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(resource("migrations")))
    return ScriptDirectory.from_config(config)


def test_known_revisions_are_those_of_the_migrations() -> None:
    """HEAD and REVISIONS say what migrations/ says, so that nothing else has to load Alembic."""
    scripts = _scripts()
    found = [one.revision for one in scripts.walk_revisions()]
    assert tuple(reversed(found)) == database.REVISIONS
    assert scripts.get_heads() == [schema.HEAD]


def _structure(path: Path) -> dict[tuple[str, str], str]:
    with sqlite3.connect(path) as raw:
        rows = raw.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        found = {(kind, name): " ".join(sql.split()) for kind, name, sql in rows}
        columns = {
            ("columns", name): repr(raw.execute(f'PRAGMA table_xinfo("{name}")').fetchall())
            for kind, name in found
            if kind == "table"
        }
    raw.close()
    version = found.pop(("table", "alembic_version"))
    assert "version_num" in version  # Alembic's own; its layout is Alembic's
    return found | columns


@pytest.mark.parametrize("revision", database.REVISIONS[:-1])
def test_migrated_database_equals_a_new_one(revision: str, tmp_path: Path) -> None:
    """From every earlier version comes what a first write makes, statement by statement."""
    make_older(tmp_path / "old.db", revision)
    assert upkeep.upgrade(tmp_path / "old.db", NOW) is not None
    database.create(tmp_path / "new.db")
    migrated, fresh = _structure(tmp_path / "old.db"), _structure(tmp_path / "new.db")
    assert migrated == fresh
    assert len(fresh) > 40


def _rows(raw: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    return raw.execute(f'SELECT * FROM "{table}" ORDER BY 1, 2').fetchall()


@pytest.mark.parametrize("table", schema.IMMUTABLE)
def test_records_are_never_altered_or_removed(table: str, raw: sqlite3.Connection) -> None:
    """No program updates, deletes or replaces a row of what is a fact, a statement or a record."""
    assert_immutable(raw, table)


def test_replacing_is_what_the_delete_triggers_do_not_see(raw: sqlite3.Connection) -> None:
    """Without its own trigger REPLACE would rewrite a vouch: the hole that the test above shuts."""
    raw.execute("DROP TRIGGER vouch_no_replace")
    raw.execute("REPLACE INTO vouch SELECT id, peer_id, fingerprint, 'Eve', channel, note, at, "
                "expires_at FROM vouch WHERE id = 1")  # fmt: skip
    assert raw.execute("SELECT voucher FROM vouch WHERE id = 1").fetchone() == ("Eve",)


def test_journal_entry_is_not_replaced_by_one_with_its_hash(raw: sqlite3.Connection) -> None:
    """A new entry that carries an old one's hash does not push the old one out."""
    refused(
        raw, "journal",
        "REPLACE INTO journal SELECT 999, at, actor, action, subject, details, hash FROM journal "
        "WHERE seq = 3", "there already",
    )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        "id = 99", "peer_id = 2", f"fingerprint = '{_HEX}'", "role = 'authority'",
        "added_at = 5", "added_by = 'eve'", "retired_at = NULL", "retired_reason = 'x'",
    ],
)  # fmt: skip
def test_active_pin_can_only_be_retired(change: str, raw: sqlite3.Connection) -> None:
    """Nothing of an active pin changes, not even as it is retired."""
    refused(raw, "pin", f"UPDATE pin SET {change} WHERE id = 1", "only be retired")
    if not change.startswith("retired"):
        refused(
            raw, "pin", f"UPDATE pin SET {change}, retired_at = 7 WHERE id = 1", "only be retired"
        )


def test_pin_is_retired_once(raw: sqlite3.Connection) -> None:
    """Retiring works, and what is retired stays as it is; no pin is deleted."""
    raw.execute("UPDATE pin SET retired_at = 7, retired_reason = 'old' WHERE id = 1")
    for change in ("retired_at = 8", "retired_at = NULL", "retired_reason = 'other'"):
        refused(raw, "pin", f"UPDATE pin SET {change} WHERE id = 1", "only be retired")
    refused(raw, "pin", "DELETE FROM pin", "retire it")


def test_active_pin_is_not_replaced(raw: sqlite3.Connection) -> None:
    """REPLACE pushes out neither a pin with the same id nor one for the same certificate."""
    refused(raw, "pin", "REPLACE INTO pin SELECT * FROM pin WHERE id = 1", "there already")
    refused(
        raw, "pin",
        "REPLACE INTO pin SELECT 99, peer_id, fingerprint, 'authority', added_at, added_by, NULL, "
        "NULL FROM pin WHERE id = 1", "there already",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("INSERT INTO domain SELECT 'foo.test', 2, 5", "UNIQUE"),
        ("INSERT INTO peer VALUES (99, 'foo', 5, 1)", "UNIQUE"),
        ("INSERT INTO peer VALUES (99, 'Foo', 5, 1)", "CHECK"),
        ("INSERT INTO peer VALUES (99, '${run{x}}', 5, 1)", "CHECK"),
        ("INSERT INTO peer VALUES (99, '', 5, 1)", "CHECK"),
        ("INSERT INTO peer VALUES (99, NULL, 5, 1)", "NOT NULL"),
        ("INSERT INTO domain VALUES ('Foo.test', 1, 5)", "CHECK"),
        ("INSERT INTO domain VALUES ('a b', 1, 5)", "CHECK"),
        ("INSERT INTO domain VALUES ('', 1, 5)", "CHECK"),
        ("INSERT INTO domain VALUES ('new.test', 99, 5)", "FOREIGN KEY"),
        ("INSERT INTO mx_host VALUES (1, 'mx_1.test')", "CHECK"),
        ("INSERT INTO mx_host VALUES (1, 'mx.foo.test')", "UNIQUE"),
        ("INSERT INTO distrust VALUES ('sha1', :hex, 'x', 5, 'x')", "CHECK"),
        ("INSERT INTO distrust VALUES ('spki', upper(:hex), 'x', 5, 'x')", "CHECK"),
        ("INSERT INTO distrust VALUES ('spki', substr(:hex, 2), 'x', 5, 'x')", "CHECK"),
        ("INSERT INTO vouch VALUES (99, 1, :hex, 'x', 'x', '', 5, NULL)", "FOREIGN KEY"),
        ("INSERT INTO withdrawal VALUES (99, 5, 'x', 'x')", "FOREIGN KEY"),
        (("INSERT INTO pin SELECT 99, 1, fingerprint, 'x', 5, 'x', NULL, NULL FROM certificate "
          "WHERE fingerprint NOT IN (SELECT fingerprint FROM pin)"), "CHECK"),
        ("INSERT INTO pin VALUES (99, 1, :hex, 'host', 5, 'x', NULL, NULL)", "FOREIGN KEY"),
        ("INSERT INTO chain SELECT fingerprint, 7, :hex FROM certificate LIMIT 1", "FOREIGN KEY"),
        ("INSERT INTO setting VALUES ('vouches_required', '9')", "UNIQUE"),
        ("INSERT INTO target VALUES (99, '/etc/exim4', 'exim')", "UNIQUE"),
        ("INSERT INTO generation VALUES (1, 1, 5, 5, 5, 'x')", "UNIQUE"),
        ("INSERT INTO current_generation VALUES (99, 1)", "FOREIGN KEY"),
        ("INSERT INTO journal VALUES (999, 'x', 'x', 'x', 'x', '{}', 'short')", "CHECK"),
    ],
)  # fmt: skip
def test_row_that_cannot_be_is_refused(statement: str, said: str, raw: sqlite3.Connection) -> None:
    """Names, kinds, references and what there may be one of stand in the schema too."""
    with pytest.raises(sqlite3.IntegrityError, match=said):
        raw.execute(statement, {"hex": _HEX} if ":hex" in statement else {})


def test_domain_has_one_owner_and_a_retired_pin_makes_room(raw: sqlite3.Connection) -> None:
    """The owner may not be two peers; the same certificate may be pinned anew once retired."""
    again = ("INSERT INTO pin SELECT 99, peer_id, fingerprint, 'host', 9, 'x', NULL, NULL "
             "FROM pin WHERE id = 1")  # fmt: skip
    with pytest.raises(sqlite3.IntegrityError):
        raw.execute(again)
    raw.execute("UPDATE pin SET retired_at = 7 WHERE id = 1")
    raw.execute(again)
    with pytest.raises(sqlite3.IntegrityError):
        raw.execute("INSERT INTO pin SELECT 100, peer_id, fingerprint, 'host', 9, 'x', NULL, NULL "
                    "FROM pin WHERE id = 1")  # fmt: skip
    assert raw.execute("SELECT count(*) FROM domain WHERE name = 'foo.test'").fetchone() == (1,)
