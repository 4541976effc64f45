"""``trustctl generations``, ``rollback`` and ``uninstall``."""

from __future__ import annotations

import pytest

from tests import certs
from tests.console import Console


@pytest.fixture(params=["pem", "exim"])
def twice(
    console: Console, foo: certs.Made, bar: certs.Made, request: pytest.FixtureRequest
) -> Console:
    """Two generations: with foo, then with foo and bar."""
    for made, peer in ((foo, "foo"), (bar, "bar")):
        console.pin(made, peer)
        console("export", "--to", str(console.target), "--format", request.param)
    return console


def _bundle(console: Console) -> str:
    (path,) = (
        one
        for one in (
            console.target / "ca-certificates.crt",
            console.target / "trustctl" / "current" / "ca-certificates.crt",
        )
        if one.exists()
    )
    return path.read_text()


def test_they_are_listed(twice: Console) -> None:
    """The current one marked; JSON has the journal's head of each."""
    lines = twice("generations").out.splitlines()
    assert lines[1].split()[0] == "1"
    assert lines[2].split()[:2] == ["*", "2"]
    found = twice("generations", "--of", str(twice.target), "--json").json
    assert [(one["number"], one["current"], one["peers"]) for one in found] == [
        (1, False, 1), (2, True, 2),
    ]  # fmt: skip
    entries = {one["seq"]: one["hash"] for one in twice("journal", "--json").json}
    assert all(entries[one["journal_seq"]] == one["journal_hash"] for one in found)


def test_an_earlier_one_is_brought_back(twice: Console, bar: certs.Made) -> None:
    """By a yes; in the journal; the next export is the inventory's state again."""
    newest = _bundle(twice)
    ran = twice.fails("rollback", code=9)
    assert "trustctl rollback" in ran.err
    assert "--yes" in ran.err
    ran = twice("rollback", "--yes")
    assert "generation 1 is current again" in ran.out
    assert bar.pem.decode() not in _bundle(twice)
    assert twice("journal", "--json").json[-1]["action"] == "generation.rollback"
    assert [one["current"] for one in twice("generations", "--json").json] == [True, False]
    twice("rollback", "2", "--yes")
    assert _bundle(twice) == newest
    twice("rollback", "1", "--yes")
    twice("export", "--yes")
    assert _bundle(twice) == newest


def test_it_asks_a_person(twice: Console) -> None:
    """No is no."""
    person = twice.terminal("rollback", "1")
    person.expect("[y/N]: ")
    person.type("n")
    assert person.end() == 9
    assert [one["current"] for one in twice("generations", "--json").json] == [False, True]


def test_what_cannot_be_brought_back(twice: Console) -> None:
    """No such generation, none before the first, one that was altered."""
    twice.fails("rollback", "7", "--yes", code=7)
    twice.fails("rollback", "0", "--yes", code=2)
    twice.fails("rollback", "--of", str(twice.folder / "elsewhere"), "--yes", code=7)
    twice("rollback", "1", "--yes")
    assert "no earlier generation" in twice.fails("rollback", "--yes", code=7).err
    twice("rollback", "2", "--yes")
    (path,) = twice.folder.rglob("generations/*1/ca-certificates.crt")
    path.chmod(0o600)
    path.write_text(path.read_text() + "# altered\n")
    assert "not whole" in twice.fails("rollback", "1", "--yes", code=7).err


def test_uninstall_leaves_nothing(twice: Console, foo: certs.Made) -> None:
    """By a yes; the inventory stays; the next export begins anew."""
    ran = twice.fails("uninstall", "--from", str(twice.target), code=9)
    assert f"trustctl uninstall --from {twice.target} --yes" in ran.err
    assert "removed" in twice("uninstall", "--from", str(twice.target), "--yes").out
    assert not list(twice.target.iterdir())
    assert not list(twice.db.parent.rglob("ca-certificates.crt"))
    assert foo.fingerprint in twice.states()
    twice.fails("uninstall", "--from", str(twice.target), "--yes", code=7)
    assert "--to is missing" in twice.fails("export", "--format", "pem", code=2).err


def test_uninstall_keeps_what_was_edited(twice: Console) -> None:
    """A file that somebody changed is named, and removed only with --force."""
    (path,) = (one for one in twice.folder.rglob("generations/*2/ca-certificates.crt"))
    path.write_text("# mine\n")
    ran = twice.fails("uninstall", "--from", str(twice.target), "--yes", code=7)
    assert "ca-certificates.crt" in ran.err
    twice("uninstall", "--from", str(twice.target), "--yes", "--force")
    assert not list(twice.target.iterdir())


def test_uninstall_brings_the_bundle_back_that_was_there(console: Console, foo: certs.Made) -> None:
    """Somebody else's bundle is replaced only when told to, and is there again afterwards."""
    console.target.mkdir()
    console.write("target/ca-certificates.crt", b"the system's own\n")
    console.pin(foo, "foo")
    console.fails("export", "--to", str(console.target), "--format", "pem", code=7)
    console("export", "--to", str(console.target), "--format", "pem", "--force")
    assert foo.pem in (console.target / "ca-certificates.crt").read_bytes()
    console("uninstall", "--from", str(console.target), "--yes")
    assert (console.target / "ca-certificates.crt").read_bytes() == b"the system's own\n"


def test_folders_where_nothing_was_written(console: Console, foo: certs.Made) -> None:
    """Nothing to list, to bring back or to remove: nothing is touched."""
    console.pin(foo, "foo")
    place = str(console.folder / "empty")
    assert "no generation" in console("generations", "--of", place).err
    assert console("generations", "--of", place, "--json").json == []
    console.fails("rollback", "--of", place, "--yes", code=7)
    console.fails("uninstall", "--from", place, "--yes", code=7)
    console.fails("uninstall", code=2)
