"""A whole look at a target: each kind of problem, and none where there is none."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.publish.targets import Target, certificate
from tests.tools import output, require_root
from trustctl.publish import manifest
from trustctl.publish.inspect import inspect
from trustctl.publish.planning import last_generation

_NOBODY = 65534


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """Two generations of an Exim's, the second in force."""
    made = Target(tmp_path)
    made.export(made.peer("foo", 1))
    made.export(made.peer("foo", 1, 2), made.peer("bar"))
    return made


@pytest.fixture
def bundle(tmp_path: Path) -> Target:
    """A bundle."""
    made = Target(tmp_path, "pem")
    made.export(made.peer("foo", 1, 2))
    return made


def test_what_lies_there_is_told(target: Target) -> None:
    """Generations, the map as Exim reads it, the bundle's fingerprints; no problem."""
    state = inspect(target.place)
    assert (state.path, state.format, state.exists) == (str(target.place.directory), "exim", True)
    assert [one.number for one in state.stored] == [1, 2]
    assert state.current == state.stored[1]
    assert state.entries == target.entries()
    assert state.entries["bar.test"] == "closed=yes"
    assert state.fingerprints == {certificate(one).fingerprint for one in (1, 2)}
    assert state.problems == ()


def test_a_bundle_is_told(bundle: Target) -> None:
    """By its fingerprints; it has no map."""
    state = inspect(bundle.place)
    assert (state.entries, state.problems) == ({}, ())
    assert state.fingerprints == {certificate(one).fingerprint for one in (1, 2)}


def test_nothing_there_is_no_problem(tmp_path: Path) -> None:
    """Before the first export."""
    for name in ("exim", "pem"):
        state = inspect(Target(tmp_path / name, "pem" if name == "pem" else "exim").place)
        assert (state.exists, state.current, state.stored, state.problems) == (False, None, (), ())


def _path(target: Target, name: str) -> Path:
    if name == "set":
        value = next(one for one in target.entries().values() if one.startswith("set="))
        return target.place.sets / value.split()[0].removeprefix("set=")
    if name == "published":
        return target.place.directory / "ca-certificates.crt"
    return (target.place.root if name == "nobody.pem" else target.place.folder(2)) / name


_ALL = ("peers.cdb", "peers.map", "ca-certificates.crt", "set", "nobody.pem")


@pytest.mark.parametrize("name", _ALL)
def test_missing(target: Target, name: str) -> None:
    """A file of the generation in force that is gone."""
    path = _path(target, name)
    path.unlink()
    assert target.kinds() == {("missing", path.name)}


@pytest.mark.parametrize("name", _ALL)
@pytest.mark.parametrize("how", ["byte", "link", "folder"])
def test_edited(target: Target, name: str, how: str) -> None:
    """One byte of any file, or another thing in its place."""
    path = _path(target, name)
    content = path.read_bytes()
    if how == "byte":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    else:
        path.unlink()
    if how == "link":
        (target.folder / "copy").write_bytes(content)
        path.symlink_to(target.folder / "copy")
    if how == "folder":
        path.mkdir()
    assert ("edited", path.name) in target.kinds()


def test_an_edited_map_is_not_taken_for_what_is_in_force(target: Target) -> None:
    """Entries that cannot be read are none, and that is among the problems."""
    (target.place.folder(2) / "peers.cdb").write_bytes(b"\xff" * 5000)
    state = inspect(target.place)
    assert state.entries == {}
    assert [one.kind for one in state.problems] == ["edited"]


@pytest.mark.parametrize(("content", "kind"), [(b"mine", "edited"), (None, "missing")])
def test_the_published_bundle(bundle: Target, content: bytes | None, kind: str) -> None:
    """The file that consumers read, edited or gone."""
    path = _path(bundle, "published")
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert bundle.kinds() == {(kind, path.name)}


def test_stale(bundle: Target) -> None:
    """A bundle of ours that is not the one in force: a killed export or rollback left it."""
    path = _path(bundle, "published")
    old = path.read_bytes()
    bundle.export(bundle.peer("bar", 3))
    path.write_bytes(old)
    assert bundle.kinds() == {("stale", path.name)}


@pytest.mark.parametrize("number", [1, 2])
def test_a_damaged_manifest(target: Target, number: int) -> None:
    """Of the generation in force or an earlier one."""
    (target.place.folder(number) / "manifest").write_bytes(b"trustctl manifest 1\n")
    state = inspect(target.place)
    assert [one.kind for one in state.problems] == ["manifest"]
    assert (state.current is None) is (number == 2)


def test_a_manifest_that_leaves_a_file_out(target: Target) -> None:
    """Whole by its own hash, but silent about the map: it vouches for what it lists, no more."""
    found = last_generation(target.place)
    assert found is not None
    lines = b"".join([one for one in found.files.splitlines(True) if b"peers.cdb" not in one])
    text = manifest.compose(found.stored, lines, found.sets)
    (target.place.folder(2) / "manifest").write_bytes(text)
    (target.place.folder(2) / "peers.cdb").write_bytes(b"evil")
    problems = {(Path(one.path).name, one.detail) for one in target.problems()}
    assert ("peers.cdb", "the manifest does not list it") in problems


def test_a_map_that_is_not_its_text(target: Target) -> None:
    """Forged with its manifest, hashes and all: what Exim reads is compared with the text, to its
    last table."""
    found = last_generation(target.place)
    assert found is not None
    data = bytearray(target.current("peers.cdb"))
    data[0:2048] = bytes(2048)  # every look-up finds nothing, the records are all there
    data[0:4] = target.current("peers.cdb")[0:4]
    path = target.place.folder(2) / "peers.cdb"
    old = hashlib.sha256(path.read_bytes()).hexdigest().encode()
    new = hashlib.sha256(data).hexdigest().encode()
    path.write_bytes(data)
    text = manifest.compose(found.stored, found.files.replace(old, new), found.sets)
    (target.place.folder(2) / "manifest").write_bytes(text)
    assert [one.detail for one in target.problems()] == ["it is not the map's text"]


_PLACES: dict[str, Callable[[Target], Path]] = {
    "root": lambda target: target.place.root,
    "generations": lambda target: target.place.generations,
    "sets": lambda target: target.place.sets,
    "folder": lambda target: target.place.folder(2),
    "manifest": lambda target: target.place.folder(2) / "manifest",
    "peers.cdb": lambda target: target.place.folder(2) / "peers.cdb",
    "set": lambda target: _path(target, "set"),
    "nobody.pem": lambda target: _path(target, "nobody.pem"),
}


@pytest.mark.parametrize("name", _PLACES)
@pytest.mark.parametrize("bit", [0o020, 0o002])
def test_others_may_write_it(target: Target, name: str, bit: int) -> None:
    """A group or everybody, any file or folder."""
    path = _PLACES[name](target)
    path.chmod(path.stat().st_mode | bit)
    assert target.kinds() == {("mode", path.name)}


def test_the_targets_own_folder_may_be_a_groups(target: Target) -> None:
    """But not everybody's."""
    target.place.directory.chmod(0o775)
    assert target.problems() == []
    target.place.directory.chmod(0o777)
    assert target.kinds() == {("mode", "target")}


@pytest.mark.parametrize("name", _PLACES)
def test_it_belongs_to_another_user(target: Target, name: str) -> None:
    """Who could change it."""
    require_root()
    path = _PLACES[name](target)
    os.chown(path, _NOBODY, -1)
    assert target.kinds() == {("owner", path.name)}


@pytest.mark.parametrize("how", ["another group", "not the group's to read"])
@pytest.mark.parametrize("name", ["folder", "peers.cdb", "set", "sets"])
def test_exims_group_cannot_read_it(tmp_path: Path, name: str, how: str) -> None:
    """It belongs to another group, or the mode keeps the group out."""
    require_root()
    target = Target(tmp_path)
    target.place = replace(target.place, group=_NOBODY)
    target.export(target.peer("foo", 1))
    target.export(target.peer("foo", 2))
    assert target.problems() == []
    path = _PLACES[name](target)
    if how == "another group":
        os.chown(path, -1, 0)
    else:
        path.chmod(0o700)
    assert target.kinds() == {("group", path.name)}


def test_what_cannot_be_read_is_an_error_not_an_empty_target(
    target: Target, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Another user, whom the modes keep out, is told so; he is not told that nothing is there."""
    require_root()
    base = tmp_path_factory.getbasetemp()
    for one in (target.folder, base, base.parent):
        one.chmod(one.stat().st_mode | 0o055)
    script = (
        "import json, os, sys; from pathlib import Path\n"
        "from trustctl.errors import TargetError\n"
        "from trustctl.publish import history, inspect, planning\n"
        "from trustctl.publish.place import Place\n"
        "d = Path(sys.argv[1]); place = Place(d, 'exim', d / 'trustctl', None); said = []\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "for call in (inspect.inspect, planning.last_generation,"
        " lambda p: history.rollback(p, None)):\n"
        "    try: said.append(repr(call(place)))\n"
        "    except TargetError as error: said.append(error.message)\n"
        "print(json.dumps(said))\n"
    )
    said = json.loads(output(sys.executable, "-B", "-c", script, str(target.place.directory)))
    assert len(said) == 3
    assert all("permission denied" in one for one in said), said
