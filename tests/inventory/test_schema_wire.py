"""The tables of what is seen: what no program can alter, remove, replace or make up."""
# ruff: noqa: S608  (the statements are put together from names of this file alone)

from __future__ import annotations

import sqlite3
from typing import get_args

import pytest

from tests.inventory.records import assert_immutable, refused
from trustctl.facts.wire import PROTOCOLS, Outcome
from trustctl.inventory import schema_wire

_HEX = "ab" * 32


@pytest.mark.parametrize("table", schema_wire.IMMUTABLE)
def test_records_are_never_altered_or_removed(table: str, raw: sqlite3.Connection) -> None:
    """What was announced and what renews what: no update, no delete, no replacement."""
    assert_immutable(raw, table)


_KEPT = [
    (table.name, column.name)
    for table in (schema_wire.observation, schema_wire.testimony)
    for column in table.c
    if column.name not in (*schema_wire.VOLATILE[table.name], "verdict", "detail", "first_at")
]


@pytest.mark.parametrize(("table", "column"), _KEPT)
def test_what_was_seen_where_is_not_altered(
    table: str, column: str, raw: sqlite3.Connection
) -> None:
    """Only that it was seen again: where, what, whose and first when stay."""
    value = "7777" if column in ("id", "port", "first_seen", "observation_id") else "'other'"
    if column == "peer_id":
        value = "1"
    where = f"rowid = (SELECT min(rowid) FROM {table})" if table == "observation" else "1"
    refused(raw, table, f"UPDATE {table} SET {column} = {value} WHERE {where}", "seen again")


def test_what_was_seen_is_seen_again_and_not_removed(raw: sqlite3.Connection) -> None:
    """The volatile columns alone can be updated; no row is deleted or replaced."""
    raw.execute("UPDATE observation SET last_seen = last_seen + 9, times = times + 1, tls = 'x', "
                "detail = 'y'")  # fmt: skip
    raw.execute("UPDATE testimony SET last_at = last_at + 9")
    for table in ("observation", "testimony"):
        refused(raw, table, f"DELETE FROM {table}", "no delete")
        refused(raw, table, f"REPLACE INTO {table} SELECT * FROM {table}", "there already")
    columns = [one.name for one in schema_wire.observation.c if one.name != "id"]
    refused(
        raw, "observation",
        f"REPLACE INTO observation SELECT 99, {', '.join(columns)} FROM observation LIMIT 1",
        "there already",
    )  # fmt: skip


def test_without_the_trigger_a_replace_makes_it_seen_long_ago(raw: sqlite3.Connection) -> None:
    """The hole that the test above shuts: a certificate that seems to be an old one."""
    raw.execute("DROP TRIGGER observation_no_replace")
    columns = [one.name for one in schema_wire.observation.c]
    values = ", ".join("5" if one == "first_seen" else one for one in columns)
    raw.execute(f"REPLACE INTO observation SELECT {values} FROM observation WHERE id = 1")
    assert raw.execute("SELECT first_seen FROM observation WHERE id = 1").fetchone() == (5,)


def _observation(**changes: str) -> str:
    values = {
        "id": "99", "host": "'mx.foo.test'", "address": "'192.0.2.9'", "port": "25",
        "protocol": "'smtp'", "outcome": "'timeout'", "fingerprint": "NULL", "peer_id": "1",
        "domain": "'foo.test'", "first_seen": "5", "last_seen": "5", "times": "1", "tls": "NULL",
        "detail": "''",
    }  # fmt: skip
    return f"INSERT INTO observation VALUES ({', '.join((values | changes).values())})"


def test_a_row_like_the_refused_ones_is_taken(raw: sqlite3.Connection) -> None:
    """What the next test alters is good as it stands, with every word of the vocabulary."""
    for number, word in enumerate(get_args(Outcome)):
        print_ = "(SELECT min(fingerprint) FROM certificate)" if word == "presented" else "NULL"
        row = _observation(id=f"{100 + number}", outcome=f"'{word}'", fingerprint=print_)
        raw.execute(row)
    for number, word in enumerate(PROTOCOLS):
        raw.execute(_observation(id=f"{200 + number}", protocol=f"'{word}'", port="26"))
    raw.execute(_observation(id="300", host="'2001:db8::1'", address="'2001:db8::1'", port="27"))
    raw.execute(_observation(id="301", address="''", outcome="'no-host'", port="28", domain="NULL"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"host": "'Mx.foo.test'"}, "CHECK"),
        ({"host": "''"}, "CHECK"),
        ({"host": "'mx foo'"}, "CHECK"),
        ({"host": "'${run{x}}'"}, "CHECK"),
        ({"address": "'192.0.2.9%eth0'"}, "CHECK"),
        ({"address": "'here'"}, "CHECK"),
        ({"port": "0"}, "CHECK"),
        ({"port": "65536"}, "CHECK"),
        ({"protocol": "'gopher'"}, "CHECK"),
        ({"outcome": "'fine'"}, "CHECK"),
        ({"outcome": "'presented'"}, "CHECK"),
        ({"fingerprint": "(SELECT min(fingerprint) FROM certificate)"}, "CHECK"),
        ({"outcome": "'presented'", "fingerprint": f"'{_HEX}'"}, "FOREIGN KEY"),
        ({"peer_id": "999"}, "FOREIGN KEY"),
        ({"domain": "'a b'"}, "CHECK"),
        ({"last_seen": "4"}, "CHECK"),
        ({"times": "0"}, "CHECK"),
        ({"tls": f"'{'x' * 41}'"}, "CHECK"),
        ({"detail": f"'{'x' * 301}'"}, "CHECK"),
        ({"detail": "NULL"}, "NOT NULL"),
    ],
    ids=str,
)  # fmt: skip
def test_an_observation_that_cannot_be_is_refused(
    changes: dict[str, str], said: str, raw: sqlite3.Connection
) -> None:
    """Hosts, addresses, words and lengths stand in the schema too."""
    refused(raw, "observation", _observation(**changes), said)


@pytest.mark.parametrize(
    ("table", "values", "said"),
    [
        ("testimony", "1, 'gossip', 'supports', 'x', 5, 5", "CHECK"),
        ("testimony", "1, 'vantage', 'perhaps', 'x', 5, 5", "CHECK"),
        ("testimony", "1, 'vantage', 'supports', 'x', 5, 4", "CHECK"),
        ("testimony", "999, 'vantage', 'supports', 'x', 5, 5", "FOREIGN KEY"),
        ("announcement", "1, 5, 366, 5, 'eve'", "CHECK"),
        ("announcement", "1, 5, -1, 5, 'eve'", "CHECK"),
        ("announcement", "999, 5, 14, 5, 'eve'", "FOREIGN KEY"),
        ("announcement_replaces", "1, 999", "FOREIGN KEY"),
        ("announcement_replaces", "1, 1", "CHECK"),
        ("renewal", f"1, '{_HEX}', 5, 'eve'", "FOREIGN KEY"),
        ("notice", "'', 'x', 5", "CHECK"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_is_refused(
    table: str, values: str, said: str, raw: sqlite3.Connection
) -> None:
    """Nothing about what is not there, no word that is none, no year-long days."""
    refused(raw, table, f"INSERT INTO {table} VALUES ({values})", said)
