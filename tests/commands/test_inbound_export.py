"""Who may send as which domain, in a generation: written, compared, brought back, taken out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import certs
from tests.console import Console, Ran

_FOO = certs.self_signed("mx.foo.test", ca=False, days=40)
_NEXT = certs.self_signed("mx.foo.test", ca=False, days=400)


def _export(console: Console, *more: str, code: int = 0) -> Ran:
    return console("export", "--to", str(console.target), "--format", "exim", *more, code=code)


@pytest.fixture
def asked(console: Console) -> Console:
    """foo has two pins, and was exported without being asked anything; then it is."""
    console.pin(_FOO, "foo")
    console.pin(_NEXT, "foo")
    _export(console)
    assert not (_data(console) / "current" / "inbound").exists()
    assert sorted(one.name for one in (_data(console) / "snippets").iterdir()) == [
        "README", "router.conf", "transport.conf"
    ]  # fmt: skip
    console("set", "foo", "--inbound", "require", "--allow-from", "192.0.2.0/24")
    return console


def _data(console: Console) -> Path:
    return Path(console.target) / "trustctl"


def _map(console: Console) -> str:
    return (_data(console) / "current" / "inbound" / "senders.map").read_text()


def _pins(*made: certs.Made) -> str:
    return ":".join(sorted(one.fingerprint.upper() for one in made))


def test_a_dry_run_shows_what_would_be_told(asked: Console) -> None:
    """And writes nothing; the export then writes that."""
    shown = _export(asked, "--dry-run", "--diff").out
    line = f"peer=foo mode=require pins={_pins(_FOO, _NEXT)} hosts=192.0.2.0/24"
    assert f"+ from foo.test: {line}" in shown
    assert not (_data(asked) / "current" / "inbound").exists()
    _export(asked)
    assert _map(asked) == f"foo.test\t{line}\n"
    assert "nothing has changed" in _export(asked).out


def test_nothing_but_that_is_added(asked: Console) -> None:
    """What is for sending is, to the byte, what it was; off again, everything is."""

    def tree() -> dict[str, bytes]:
        current = _data(asked) / "current"
        kept = [one for one in current.iterdir() if one.is_file() and one.name != "manifest"]
        kept += [one for one in (_data(asked) / "snippets").iterdir() if one.name != "README"]
        return {one.name: one.read_bytes() for one in kept}

    before = tree()
    _export(asked)
    after = tree()
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() == {"acl.conf", "main.conf"}
    asked("set", "foo", "--inbound", "off")
    _export(asked)
    assert tree() == before
    assert not (_data(asked) / "current" / "inbound").exists()


def test_a_pin_that_is_not_trusted_is_not_told(asked: Console) -> None:
    """Distrusted, or ended at the moment of the export."""
    shown = _export(asked, "--dry-run", "--diff", "--at", "+60d").out
    assert f"mode=require pins={_pins(_NEXT)} hosts" in shown
    _export(asked)
    asked("distrust", _NEXT.fingerprint, "--reason", "stolen", "--yes")
    _export(asked)
    assert f"mode=require pins={_pins(_FOO)} hosts" in _map(asked)
    asked("retire", _FOO.fingerprint, "--reason", "over", "--yes")
    _export(asked, "--yes")
    assert _map(asked) == "foo.test\tpeer=foo mode=require hosts=192.0.2.0/24\n"


@pytest.mark.parametrize("name", ["senders.cdb", "senders.map", "anchors/README"])
def test_an_edit_is_seen(name: str, asked: Console) -> None:
    """Audit names the file; an export refuses to go over it, and --force mends it."""
    _export(asked)
    place = (_data(asked) / "current" / "inbound" / name).resolve()
    before = place.read_bytes()
    place.write_bytes(before + b"x")
    assert "file-altered" in asked("audit", code=1).out
    _export(asked, code=7)
    assert place.read_bytes() == before + b"x"
    _export(asked, "--force")
    assert (_data(asked) / "current" / "inbound" / name).read_bytes() == before
    assert "file-altered" not in asked.any("audit").out


def test_generations_from_before_and_after(asked: Console) -> None:
    """Where no Exim asks, a generation from before comes back, and so does the one after it."""
    _export(asked)
    there = ("--of", str(asked.target), "--format", "exim", "--yes")
    asked("rollback", "1", *there)
    assert not (_data(asked) / "current" / "inbound").exists()
    asked("rollback", "2", *there)
    assert "mode=require" in _map(asked)


def test_uninstall_leaves_nothing(asked: Console) -> None:
    """Not a file of it."""
    _export(asked)
    asked("uninstall", "--from", str(asked.target), "--format", "exim", "--yes")
    assert not _data(asked).exists()
