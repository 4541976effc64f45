"""From the inventory to the disk: what the commands publish."""

from __future__ import annotations

import hashlib
import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.certs import Made
from tests.console import ANN, Console
from tests.publish.targets import certificate
from tests.trusts import HOSTILE, hostile
from trustctl.export import cdb
from trustctl.publish import manifest

_DATA = ("peers.cdb", "peers.map", "ca-certificates.crt")


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """A user with an empty inventory."""
    return Console(tmp_path)


def _export(console: Console, name: str, *words: str, code: int = 0) -> str:
    (console.folder / name).mkdir(exist_ok=True)
    target = str(console.folder / name)
    return console("export", "--to", target, "--format", "exim", *words, code=code).out


def _data(console: Console, name: str) -> list[bytes]:
    current = console.folder / name / "trustctl" / "current"
    return [(current / one).read_bytes() for one in _DATA]


def test_no_text_of_certificates_or_people_is_published(console: Console) -> None:
    """Whatever names, vouchers, channels and notes hold: not a byte of it in any file of an Exim's
    or a bundle's, its configuration included."""
    said = []
    for number, text in enumerate(HOSTILE):
        made = hostile(text)
        note = text if text.isprintable() and text.strip() else "plain"
        said.append(note)
        console.pin(made, f"p{number}", "--note", f"note {note}")
        console("vouch", made.fingerprint, "--vouched-by", f"{note} <x@bar.test>", "--via", "phone")
    _export(console, "exim")
    (console.folder / "bundle").mkdir()
    console("export", "--to", str(console.folder / "bundle"), "--format", "pem")
    written = [
        one
        for name in ("exim", "bundle", "inventory/generations")
        for one in (console.folder / name).rglob("*")
        if one.is_file()
    ]
    assert len(written) > len(HOSTILE)
    constant = b"".join([one.read_bytes() for one in written if "snippets" in one.parts])
    for text in {*HOSTILE, *said, "x@bar.test", "phone"}:
        if len(text) < 4 or text.startswith("-----"):
            continue  # too short to tell, or PEM's own
        for one in written:
            if "snippets" not in one.parts:
                assert text.encode() not in one.read_bytes(), one
        assert text.encode() not in constant or text == "lsearch;/f"


def test_what_changed_gives_what_everything_gives(console: Console) -> None:
    """Through a random story of the inventory, an export that looks at what changed since the last
    one and one into a new place that looks at everything write the same bytes."""
    choose = random.Random(7)  # any story will do; this one can be told again
    pinned: list[Made] = []
    for step in range(14):
        action = choose.choice(["add", "add", "roll", "retire", "distrust", "unprotect"])
        names = [f"p{choose.randrange(100):02}" for _ in range(choose.randint(1, 3))]
        if action == "add" or not pinned:
            for name in names:
                pinned.append(certificate(len(pinned)))
                console.pin(pinned[-1], name)
        elif action == "roll":
            old = console("show", pinned[-1].fingerprint, "--json").json
            pinned.append(certificate(len(pinned)))
            console.pin(pinned[-1], _peer_of(old))
        elif action == "unprotect":
            protected = cdb.items(_data(console, "always")[0])
            domains = [key.decode() for key, _value in protected if key != b"*"]
            if domains:
                console("unprotect", choose.choice(domains), "--yes")
        else:
            one = choose.choice(pinned)
            console.any(action, one.fingerprint, "--reason", "told", "--yes")
        _export(console, "always", "--yes")
        _export(console, f"once{step}", "--yes")
        assert _data(console, "always") == _data(console, f"once{step}"), (step, action)
        console("uninstall", "--from", str(console.folder / f"once{step}"), "--yes")
    found = console.any("audit", "--json").json
    assert not {"target-drift", "file-altered"} & {one["rule"] for one in found}


def _peer_of(shown: object) -> str:
    """The peer in what ``show --json`` says of a certificate."""
    found = [value for key, value in _pairs(shown) if key == "peer" and isinstance(value, str)]
    return found[0]


def _pairs(value: object) -> list[tuple[str, object]]:
    if isinstance(value, dict):
        return [*value.items(), *(two for one in value.values() for two in _pairs(one))]
    if isinstance(value, list):
        return [two for one in value for two in _pairs(one)]
    return []


@pytest.mark.parametrize("name", _DATA)
def test_a_lost_file_does_not_stop_a_changed_inventory(console: Console, name: str) -> None:
    """With something to change too, what is missing is repaired, without ``--force``."""
    console.pin(certificate(0), "foo")
    _export(console, "exim")
    (console.folder / "exim" / "trustctl" / "current" / name).unlink()
    console.pin(certificate(1), "bar")
    _export(console, "exim")
    _export(console, "other")
    assert _data(console, "exim") == _data(console, "other")


def test_a_damaged_manifest_is_mended_by_what_the_hint_says(console: Console) -> None:
    """``--force`` works where an export says that it would."""
    console.pin(certificate(0), "foo")
    _export(console, "exim")
    (console.folder / "exim" / "trustctl" / "current" / "manifest").write_bytes(b"x")
    target = str(console.folder / "exim")
    ran = console.fails("export", "--to", target, "--format", "exim", code=7)
    assert "--force" in ran.err
    _export(console, "exim", "--force")
    assert "nothing has changed" in _export(console, "exim")


def test_a_forged_generation_is_not_built_on(console: Console) -> None:
    """Map, text and manifest altered together, every hash right: it is not the one that was
    recorded, so the next export looks at every peer and writes what policy says."""
    console.pin(certificate(0), "foo")
    console.pin(certificate(1), "bar")
    _export(console, "exim")
    honest = _data(console, "exim")
    folder = console.folder / "exim" / "trustctl" / "generations" / "00000001"
    forged = honest[1].replace(
        certificate(0).fingerprint.upper().encode(), certificate(66).fingerprint.upper().encode()
    )
    found = manifest.read(folder)
    text = found.files
    items = {key: value for key, _peer, value in (one.split(b"\t") for one in forged.splitlines())}
    new = [cdb.build([*items.items(), (b"*", b"map=whole")]), forged]
    for name, old, content in zip(_DATA, honest, new, strict=False):
        (folder / name).write_bytes(content)
        text = text.replace(_entry(old), _entry(content))
    (folder / "manifest").write_bytes(manifest.compose(found.stored, text, found.sets))
    assert _data(console, "exim") != honest
    _export(console, "exim")
    assert _data(console, "exim") == honest


def _entry(content: bytes) -> bytes:
    return f"{hashlib.sha256(content).hexdigest()} {len(content)} ".encode()


def test_a_bundle_that_loses_most_peers_asks(console: Console) -> None:
    """It names each, and without a terminal or ``--yes`` writes nothing."""
    for number in range(3):
        console.pin(certificate(number), f"p{number}")
    target = console.folder / "bundle"
    target.mkdir()
    export = ("export", "--to", str(target), "--format", "pem")
    assert "added: p0 p1 p2" in console(*export).out
    for name in ("p0", "p1"):
        console("retire", name, "--reason", "told", "--yes")
    ran = console.fails(*export, code=9)
    assert "p0: would be dropped" in ran.err
    assert "p1: would be dropped" in ran.err
    assert "removed: p0 p1" in console(*export, "--yes").out
    assert (target / "ca-certificates.crt").read_bytes().count(b"BEGIN") == 1


def test_a_certificate_swapped_in_the_database_is_not_published(console: Console) -> None:
    """Somebody with the file at hand puts another certificate under the fingerprint that people
    vouched for: the export ends, and what was in force still is."""
    console.pin(certificate(0), "foo")
    _export(console, "exim")
    before = _data(console, "exim")
    console.pin(certificate(1), "bar")
    with closing(sqlite3.connect(console.db)) as database:
        triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        changed = database.execute(
            "UPDATE certificate SET der = ? WHERE fingerprint = ?",
            (certificate(66).der, certificate(1).fingerprint),
        )
        assert changed.rowcount == 1
        database.commit()
    _export(console, "exim", "--yes", code=6)
    assert _data(console, "exim") == before


def test_the_generations_of_a_bundle_are_nobody_elses(console: Console) -> None:
    """Whatever the umask: they lie beside the inventory, in a folder that is the user's alone."""
    console.pin(certificate(0), "foo")
    (console.folder / "bundle").mkdir()
    before = os.umask(0)
    try:
        console("export", "--to", str(console.folder / "bundle"), "--format", "pem")
    finally:
        os.umask(before)
    kept = console.db.parent / "generations"
    assert kept.stat().st_mode & 0o777 == 0o700
    assert ANN.encode() not in b"".join([o.read_bytes() for o in kept.rglob("*") if o.is_file()])
