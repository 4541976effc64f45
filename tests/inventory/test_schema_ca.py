"""The private CA's tables: what no program can alter, remove, replace or make up."""
# ruff: noqa: S608  (the statements are put together from names of this file alone)

from __future__ import annotations

import sqlite3

import pytest

from tests.inventory.records import assert_immutable, refused
from trustctl.inventory import schema_ca

_HEX = "ab" * 32


@pytest.mark.parametrize("table", schema_ca.IMMUTABLE)
def test_records_are_never_altered_or_removed(table: str, raw: sqlite3.Connection) -> None:
    """What was to be signed, was signed, was revoked: no update, no delete, no replacement."""
    assert_immutable(raw, table)


def test_without_the_trigger_a_revocation_is_rewritten(raw: sqlite3.Connection) -> None:
    """The hole that the test above shuts: REPLACE is no delete to a delete trigger."""
    raw.execute("DROP TRIGGER revocation_no_replace")
    raw.execute("REPLACE INTO revocation SELECT issuance_id, at, by, 'unspecified' FROM revocation")
    assert raw.execute("SELECT DISTINCT reason FROM revocation").fetchall() == [("unspecified",)]


_ISSUANCE = (
    "issuer, serial, tbs_sha256, profile, subject, hosts, spki, not_before, not_after, at, by"
)


@pytest.mark.parametrize("kept", ["tbs_sha256", "serial"])
def test_an_issuance_is_not_pushed_out(kept: str, raw: sqlite3.Connection) -> None:
    """Neither by one with its TBS hash, nor by one with its issuer and serial number."""
    other = {"tbs_sha256": ("serial", "'ff'"), "serial": ("tbs_sha256", f"'{_HEX}'")}[kept]
    values = _ISSUANCE.replace(*other)
    refused(
        raw, "issuance",
        f"REPLACE INTO issuance (id, {_ISSUANCE}) "
        f"SELECT 999, {values} FROM issuance ORDER BY id LIMIT 1",
        "there already",
    )  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        "id = 99", "hierarchy = 'other'", "kind = 'issuing'", "number = 7", "key = 'file:y.key'",
        "permitted = NULL", "permitted = '[\"evil.test\"]'", "added_at = 5", "retired_at = NULL",
        f"fingerprint = '{_HEX}'",
    ],
)  # fmt: skip
def test_an_authority_can_only_be_retired(change: str, raw: sqlite3.Connection) -> None:
    """What it is held to, where its key is, which one it is: nothing changes, not even then."""
    refused(raw, "authority", f"UPDATE authority SET {change} WHERE id = 1", "only be retired")
    if not change.startswith("retired"):
        both = f"UPDATE authority SET {change}, retired_at = 7 WHERE id = 1"
        refused(raw, "authority", both, "only be retired")


def test_an_authority_is_retired_once(raw: sqlite3.Connection) -> None:
    """Then it stays so; none is deleted, none replaced."""
    raw.execute("UPDATE authority SET retired_at = 7 WHERE id = 1")
    for change in ("retired_at = 8", "retired_at = NULL"):
        refused(raw, "authority", f"UPDATE authority SET {change} WHERE id = 1", "only be retired")
    refused(raw, "authority", "DELETE FROM authority", "retire it")
    for values in ("*", "99, hierarchy, kind, 99, key, fingerprint, permitted, added_at, NULL"):
        refused(
            raw, "authority",
            f"REPLACE INTO authority SELECT {values} FROM authority WHERE id = 1",
            "there already",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("table", "values", "said"),
    [
        ("issuance", f"99, '{_HEX}', 'FF', '{'cd' * 32}', 'mta', 'x', '[]', '{_HEX}', 1, 2, 3, 'y'",
         "CHECK"),
        ("issuance", f"99, '{_HEX}', '', '{'cd' * 32}', 'mta', 'x', '[]', '{_HEX}', 1, 2, 3, 'y'",
         "CHECK"),
        ("issuance", f"99, 'short', 'ff', '{'cd' * 32}', 'mta', 'x', '[]', '{_HEX}', 1, 2, 3, 'y'",
         "CHECK"),
        ("issued", f"999, '{_HEX}', 5", "FOREIGN KEY"),
        ("revocation", "999, 5, 'eve', 'superseded'", "FOREIGN KEY"),
        ("staple", "999, 999, 'good', 1, 2, x'00'", "FOREIGN KEY"),
        ("staple", "999, 1, 'fine', 1, 2, x'00'", "CHECK"),
        ("crl", "'short', 1, NULL, 1, 2, x'00'", "CHECK"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_is_refused(
    table: str, values: str, said: str, raw: sqlite3.Connection
) -> None:
    """Serial numbers in lower-case hex, hashes whole, nothing about what was never issued."""
    refused(raw, table, f"INSERT INTO {table} VALUES ({values})", said)
