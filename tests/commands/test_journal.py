"""``trustctl journal``: every change, who made it and when; and nobody edits it unnoticed."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tests import certs
from tests.console import ANN, Console


def test_every_change_is_there(console: Console, foo: certs.Made) -> None:
    """Oldest first, numbered from 1, with what was done and about whom."""
    console.pin(foo, "foo")
    console("withdraw", "foo", "--reason", "misheard")
    console("retire", "foo", "--yes")
    console("distrust", foo.fingerprint, "--reason", "stolen", "--yes")
    console("set", "vouches_required", "2")
    console("unprotect", "foo.test", "--yes")
    found = console("journal", "--json").json
    assert [one["seq"] for one in found] == list(range(1, len(found) + 1))
    assert [one["action"] for one in found] == [
        "peer.add", "domain.protect", "pin.add", "vouch.add", "vouch.withdraw", "pin.retire",
        "distrust.add", "setting.set", "domain.unprotect",
    ]  # fmt: skip
    assert found[3]["details"]["voucher"] == ANN
    assert found[4]["details"]["reason"] == "misheard"
    assert all(len(one["hash"]) == 64 for one in found)
    lines = console("journal").out.splitlines()
    assert lines[0].split() == ["SEQ", "TIME", "(UTC)", "ACTOR", "ACTION", "SUBJECT"]
    assert [line.split()[4] for line in lines[1:]] == [one["action"] for one in found]


def test_its_filters(console: Console, foo: certs.Made, bar: certs.Made) -> None:
    """About a peer, a domain or a fingerprint, in any spelling; the last few."""
    console.pin(foo, "foo")
    console.pin(bar, "bar")
    for about in ("foo", "FOO"):
        found = console("journal", "--about", about, "--json").json
        assert {one["seq"] for one in found} == {1, 2, 3, 4}
    for about in ("foo.test", "Foo.TEST"):
        assert [one["seq"] for one in console("journal", "--about", about, "--json").json] == [2]
    for about in (foo.fingerprint, foo.fingerprint.upper(), foo.fingerprint[:12]):
        found = console("journal", "--about", about, "--json").json
        assert [one["action"] for one in found] == ["pin.add", "vouch.add"]
    assert [one["seq"] for one in console("journal", "--last", "2", "--json").json] == [7, 8]
    found = console("journal", "--about", ANN, "--json").json
    assert {one["action"] for one in found} == {"vouch.add"}
    assert console("journal", "--about", "fo", "--json").json == []
    assert console("journal", "--about", "%", "--json").json == []
    assert console("journal", "--about", "nobody").err == "nothing in the journal about nobody\n"
    console.fails("journal", "--last", "0", code=2)


def test_verify_says_that_it_is_whole(console: Console, foo: certs.Made) -> None:
    """With its head, to be kept elsewhere."""
    console.pin(foo, "foo")
    ran = console("journal", "verify")
    assert "4 entries" in ran.out
    assert console("journal", "--json").json[-1]["hash"] in ran.out
    console.fails("journal", "--json", "verify", code=2)


def test_verify_names_what_was_edited(console: Console, foo: certs.Made) -> None:
    """An entry altered, or a row altered behind the journal's back: exit 1, and where."""
    console.pin(foo, "foo")
    _tamper(console, "UPDATE pin SET role = 'authority'")
    ran = console("journal", "verify", code=1)
    assert "pin" in ran.out
    assert console("db", "check", code=1).out == ran.out
    _tamper(console, "UPDATE journal SET actor = 'nobody' WHERE seq = 2")
    assert "entry 2" in console("journal", "verify", code=1).out


def _tamper(console: Console, statement: str) -> None:
    with closing(sqlite3.connect(console.db)) as connection:
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        triggers = connection.execute(query).fetchall()
        for name, _sql in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
        for _name, sql in triggers:
            connection.execute(sql)
        connection.commit()


def test_who_made_a_change(console: Console, foo: certs.Made) -> None:
    """The actor is the user of the process, whoever is said to have vouched."""
    console.pin(foo, "foo")
    actors = {one["actor"] for one in console("journal", "--json").json}
    assert len(actors) == 1
    assert ANN not in actors
