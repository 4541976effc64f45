"""Targets that are folders of files: one machinery for every format of export/formats.py."""

from __future__ import annotations

import json
import os

import pytest

from tests import certs
from tests.console import Console
from tests.publish.box import tree

_FORMAT = ("--format", "known-pins")


def _export(console: Console, *words: str) -> str:
    ran = console("export", "--to", str(console.target), *_FORMAT, *words)
    return ran.out + ran.err


def _domains(console: Console) -> set[str]:
    text = (console.target / "current" / "known-pins.json").read_bytes()
    return set(json.loads(text)["domains"])


def _add_domain(console: Console) -> None:
    """One domain more for foo, with a certificate that nobody vouches for."""
    file = console.write("more.pem", certs.self_signed("mx.more.test").pem)
    console("add", file, "--peer", "foo", "--domain", "more.test")


def test_consumers_read_the_files_through_current(two: Console) -> None:
    """DIR/current leads to the generation in force; the answer says how to use it."""
    said = _export(two)
    assert f"{two.target}: generation 1 is current (peers: 2)" in said
    assert f"use: {two.target}/current/known-pins.json" in said
    assert _domains(two) == {"foo.test", "bar.test"}
    assert os.readlink(two.target / "current") == "generations/00000001"
    assert (two.target / "current" / "known-pins.json").stat().st_mode & 0o777 == 0o644


def test_nothing_changed_writes_nothing(two: Console) -> None:
    """By a glance, and by a whole look."""
    _export(two)
    before = two.state()
    assert "nothing was written" in _export(two)
    assert "nothing would change" in _export(two, "--dry-run")
    assert two.state() == before


def test_what_changes_is_said_and_then_done(two: Console, foo: certs.Made) -> None:
    """Peers that come and go are named; a dry run writes nothing."""
    _export(two)
    two.pin(certs.self_signed("mx.new.test"), "new")
    two("distrust", foo.fingerprint, "--reason", "lost", "--yes")
    before = two.state()
    said = _export(two, "--dry-run", "--diff")
    assert "added: new" in said
    assert "removed: foo" in said
    assert two.state() == before
    _export(two, "--yes")
    found = json.loads((two.target / "current" / "known-pins.json").read_bytes())["domains"]
    assert found["foo.test"]["pins"] == []
    assert found["new.test"]["pins"]


@pytest.mark.parametrize("name", ["known-pins.json", "index.known-pins"])
def test_what_was_edited_by_hand_is_refused(two: Console, name: str) -> None:
    """Its bytes stay until --force; the audit names the file."""
    _export(two)
    path = two.target / "current" / name
    path.write_bytes(path.read_bytes() + b"# mine\n")
    _add_domain(two)
    ran = two.fails("export", "--to", str(two.target), *_FORMAT, code=7)
    assert name in ran.err
    assert str(path.resolve()) in two("audit", code=1).out
    _export(two, "--force")
    assert "more.test" in _domains(two)
    assert "# mine" not in path.read_text()


def test_an_earlier_generation_comes_back(two: Console) -> None:
    """It is listed, read whole, and put in force; the next export mends that."""
    _export(two)
    two.pin(certs.self_signed("mx.new.test"), "new")
    _export(two)
    assert "new.test" in _domains(two)
    two("rollback", "--of", str(two.target), "--yes")
    assert "new.test" not in _domains(two)
    assert [one["current"] for one in two("generations", "--json").json] == [True, False]
    _export(two)
    assert "new.test" in _domains(two)


def test_uninstall_leaves_what_others_have_there(two: Console) -> None:
    """Folders of the names that an Exim's target has are none of its business."""
    (two.target / "sets").mkdir(parents=True)
    (two.target / "snippets").mkdir()
    (two.target / "lock").write_bytes(b"mine")
    before = tree(two.target)
    ran = two("uninstall", "--from", str(two.target), *_FORMAT, "--yes", code=7)
    assert "has written nothing there" in ran.err
    _export(two)
    two("uninstall", "--from", str(two.target), "--yes")
    assert tree(two.target) == before


def test_one_folder_has_one_format(two: Console) -> None:
    """Two could not both be current."""
    _export(two)
    ran = two.fails("export", "--to", str(two.target), "--format", "openssl-dir", code=7)
    assert "holds the format known-pins already" in ran.err


def test_what_somebody_put_in_the_place_of_current_stays(two: Console) -> None:
    """A folder of that name is not ours to replace."""
    (two.target / "current").mkdir(parents=True)
    ran = two.fails("export", "--to", str(two.target), *_FORMAT, code=7)
    assert "not a link of trustctl's" in ran.err


def test_the_audit_finds_a_target_that_is_behind(two: Console) -> None:
    """Also where the same certificates are for another domain."""
    _export(two)
    assert "files differ" not in two.any("audit").out
    _add_domain(two)
    assert "files differ" in two("audit", code=1).out


def test_an_unknown_format_is_named(two: Console) -> None:
    """With those that there are."""
    ran = two.fails("export", "--to", str(two.target), "--format", "pkcs99", code=2)
    assert "'pkcs99' is not one of exim, pem, " in ran.err


def test_old_generations_go_whole(two: Console) -> None:
    """Five stay; nothing of the others does, not even of a format that makes many files."""
    for number in range(7):
        two.pin(certs.self_signed(f"mx.new{number}.test", ca=False), f"new{number}")
        two("export", "--to", str(two.target), "--format", "openssl-dir")
    there = sorted(one.name for one in (two.target / "generations").iterdir())
    assert there == [f"{number:08}" for number in range(3, 8)]
    assert {one.name for one in two.target.iterdir()} <= {
        "current",
        "generations",
        ".trustctl-lock",
    }


def test_the_journal_names_the_format(two: Console) -> None:
    """As for every target."""
    _export(two)
    (entry,) = (
        one for one in two("journal", "--json").json if one["action"] == "generation.publish"
    )
    assert entry["details"]["format"] == "known-pins"
