"""Generations on disk: what is written, what is not, and that it is one step."""

from __future__ import annotations

import hashlib
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.publish.targets import Target
from trustctl.errors import TargetError
from trustctl.export import cdb
from trustctl.facts.compiled import CompiledPeer
from trustctl.publish import manifest, planning
from trustctl.publish.inspect import inspect

_FOLDER = Path(__file__).resolve().parents[2]


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """An Exim's folder that is not there yet."""
    return Target(tmp_path)


@pytest.fixture
def bundle(tmp_path: Path) -> Target:
    """A bundle's folder that is not there yet."""
    return Target(tmp_path, "pem")


def _peers(target: Target, count: int = 5) -> list[CompiledPeer]:
    return [target.peer(f"p{one}", one) for one in range(count)]


def test_the_first_export_is_whole(target: Target) -> None:
    """Map, bundle, sets and manifest are there, each as the manifest says."""
    done = target.export(*_peers(target))
    assert done is not None
    assert (done.stored.number, done.stored.peers, done.stored.domains) == (1, 5, 5)
    assert (done.written_sets, done.repaired) == (5, ())
    assert set(target.entries()) == {f"p{one}.test" for one in range(5)}
    assert {value.split()[0] for value in target.entries().values()} == {
        f"set={name}" for name in target.sets()
    }
    assert target.problems() == []
    assert inspect(target.place).current == done.stored


def test_a_bundle_is_one_file(bundle: Target) -> None:
    """Nothing but ca-certificates.crt is in the folder, and it is the generation's."""
    bundle.export(*_peers(bundle))
    assert os.listdir(bundle.place.directory) == ["ca-certificates.crt"]
    published = (bundle.place.directory / "ca-certificates.crt").read_bytes()
    assert published == bundle.current("ca-certificates.crt")
    assert published.count(b"BEGIN CERTIFICATE") == 5
    assert bundle.problems() == []


@pytest.mark.parametrize("format_name", ["exim", "pem"])
def test_nothing_changed_writes_nothing(format_name: str, tmp_path: Path) -> None:
    """The same peers again, in another order: no generation, no inode touched."""
    target = Target(tmp_path, "pem" if format_name == "pem" else "exim")
    target.export(*_peers(target))
    before = _inodes(tmp_path)
    assert target.export(*reversed(_peers(target))) is None
    assert _inodes(tmp_path) == before
    assert target.export(*_peers(target)[1:]) is not None, "the control"


def _inodes(folder: Path) -> dict[str, tuple[int, int, int]]:
    return {
        str(one): (one.lstat().st_ino, one.lstat().st_mtime_ns, one.lstat().st_ctime_ns)
        for one in folder.rglob("*")
    }


def test_trust_sets_are_written_once(target: Target) -> None:
    """After one change among many, one set is written, and no other is touched: neither their
    inodes nor their times."""
    peers = _peers(target, 40)
    target.export(*peers)
    before = _inodes(target.place.sets)
    peers[7] = target.peer("p7", 100)
    done = target.export(*peers)
    assert done is not None
    assert done.written_sets == 1
    after = _inodes(target.place.sets)
    assert {one: after[one] for one in before} == before
    assert len(after) == len(before) + 1


def test_a_partial_export_writes_what_a_whole_one_would(target: Target, tmp_path: Path) -> None:
    """Told of the changed peer alone, it makes the same files."""
    other = Target(tmp_path / "other")
    (tmp_path / "other").mkdir()
    for each in (target, other):
        each.export(*_peers(each))
    changed = target.peer("p3", 100, 101)
    target.export(changed, full=False)
    other.export(*[changed if one.peer == "p3" else one for one in _peers(other)])
    for name in ("peers.cdb", "peers.map", "ca-certificates.crt"):
        assert target.current(name) == other.current(name)
    # all but when each was looked at
    one, two = (manifest.read(each.place.folder(2)) for each in (target, other))
    assert (one.files, one.sets) == (two.files, two.sets)
    assert replace(one.stored, manifest_sha256="") == replace(two.stored, manifest_sha256="")
    assert target.sets() == other.sets()
    assert target.problems() == other.problems() == []


def test_closed_domains_keep_an_entry(target: Target) -> None:
    """A domain that loses its last pin is told and stays in the map, closed."""
    target.export(target.peer("foo", 1))
    planned = target.plan(target.peer("foo"))
    assert planned.draft.changes.closed == ("foo.test",)
    target.export(target.peer("foo"))
    assert target.entries() == {"foo.test": "closed=yes"}


@pytest.mark.parametrize("name", ["peers.cdb", "peers.map", "ca-certificates.crt"])
@pytest.mark.parametrize("change", [False, True])
def test_missing_files_are_written_again(target: Target, name: str, change: bool) -> None:
    """A lost file is noticed, written anew and told, whether or not the peers changed too."""
    peers = _peers(target)
    target.export(*peers)
    wanted = target.current(name)
    os.unlink(target.place.current / name)
    if change:
        peers[0] = target.peer("p0", 100)
    done = target.export(*peers)
    assert done is not None
    assert [Path(one).name for one in done.repaired] == [name]
    assert target.problems() == []
    assert (target.current(name) == wanted) is not change


def test_a_missing_set_is_written_again(target: Target) -> None:
    """It alone."""
    target.export(*_peers(target))
    lost = sorted(target.sets())[0]
    os.unlink(target.place.sets / lost)
    done = target.export(*_peers(target))
    assert done is not None
    assert (done.written_sets, [Path(one).name for one in done.repaired]) == (1, [lost])
    assert target.problems() == []


def test_a_missing_bundle_is_published_again(bundle: Target) -> None:
    """The file that consumers read, though its generation is whole."""
    bundle.export(*_peers(bundle))
    published = bundle.place.directory / "ca-certificates.crt"
    os.unlink(published)
    done = bundle.export(*_peers(bundle))
    assert done is not None
    assert done.repaired == (str(published),)
    assert bundle.problems() == []


def test_a_generation_without_a_link_to_it_is_not_in_force(target: Target) -> None:
    """With ``current`` gone all is planned anew, and put in force again."""
    target.export(*_peers(target))
    os.unlink(target.place.current)
    assert target.export(*_peers(target)) is not None
    assert target.place.current_number() == 2
    assert target.problems() == []


@pytest.mark.parametrize(
    "name", ["peers.cdb", "peers.map", "ca-certificates.crt", "set", "nobody.pem"]
)
def test_a_file_edited_by_hand_is_noticed_and_not_overwritten(target: Target, name: str) -> None:
    """It is named, nothing is written, and ``--force`` writes all of it anew."""
    target.export(*_peers(target))
    path = {
        "set": target.place.sets / sorted(target.sets())[0],
        "nobody.pem": target.place.root / "nobody.pem",
    }.get(name, target.place.folder(1) / name)
    path.write_bytes(path.read_bytes() + b"# mine\n")
    before = target.tree()
    with pytest.raises(TargetError, match="changed since trustctl wrote") as caught:
        target.export(*_peers(target))
    assert [one.partition(": ")[0] for one in caught.value.details] == [str(path)]
    assert "--force" in (caught.value.hint or "")
    assert target.tree() == before
    target.export(*_peers(target), force=True)
    assert target.problems() == []
    target.sets()


def test_a_published_bundle_edited_by_hand_is_not_overwritten(bundle: Target) -> None:
    """The same for the bundle that consumers read."""
    bundle.export(*_peers(bundle))
    published = bundle.place.directory / "ca-certificates.crt"
    published.write_bytes(b"mine")
    before = bundle.tree()
    with pytest.raises(TargetError, match="changed since"):
        bundle.export(*_peers(bundle, 6))
    assert bundle.tree() == before
    bundle.export(*_peers(bundle, 6), force=True)
    assert published.read_bytes() == bundle.current("ca-certificates.crt")


def test_anothers_bundle_is_not_overwritten(bundle: Target) -> None:
    """What stands in the bundle's place before the first export takes ``--force``."""
    bundle.place.directory.mkdir()
    published = bundle.place.directory / "ca-certificates.crt"
    published.write_bytes(b"theirs")
    before = bundle.tree()
    with pytest.raises(TargetError) as caught:
        bundle.export(*_peers(bundle))
    assert caught.value.details == (f"{published}: it was not written by trustctl",)
    assert bundle.tree() == before
    bundle.export(*_peers(bundle), force=True)
    assert published.read_bytes() == bundle.current("ca-certificates.crt")


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_manifest_can_be_forced(target: Target, damage: bytes | None) -> None:
    """Without ``--force`` it says what to type; with it all is written anew."""
    target.export(*_peers(target))
    path = target.place.folder(1) / "manifest"
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    with pytest.raises(TargetError) as caught:
        target.plan(*_peers(target))
    assert "--force" in (caught.value.hint or "")
    done = target.export(*_peers(target), last=False, force=True)
    assert done is not None
    assert target.place.current_number() == 2
    assert set(target.entries()) == {f"p{one}.test" for one in range(5)}


def test_bundle_of_an_interrupted_export_is_not_left_in_force(bundle: Target) -> None:
    """Killed after the bundle was replaced, before the generation was current: the peer that only
    the unfinished one trusts does not stay, though nothing changed since the one in force."""
    bundle.export(bundle.peer("foo", 1))
    bundle.export(bundle.peer("foo", 1), bundle.peer("bad", 2))
    os.unlink(bundle.place.current)
    bundle.place.current.symlink_to("generations/00000001")
    assert ("stale", "ca-certificates.crt") in bundle.kinds()
    done = bundle.export(bundle.peer("foo", 1))
    assert done is not None
    published = (bundle.place.directory / "ca-certificates.crt").read_bytes()
    assert b"peer=bad" not in published
    assert bundle.problems() == []


def test_a_map_that_is_not_its_text_is_built_anew(target: Target) -> None:
    """A map changed together with its manifest, hashes and all, does not survive a whole export."""
    target.export(*_peers(target))
    folder, found = target.place.folder(1), planning.last_generation(target.place)
    assert found is not None
    data = cdb.update(target.current("peers.cdb"), {b"p0.test": None})
    old = target.current("peers.cdb")
    (folder / "peers.cdb").write_bytes(data)
    lines = found.files.replace(_line(old), _line(data))
    assert lines != found.files
    (folder / "manifest").write_bytes(manifest.compose(found.stored, lines, found.sets))
    assert target.problems()[0].detail == "it is not the map's text"
    assert target.export(*_peers(target)) is not None
    assert target.current("peers.cdb") == old


def _line(data: bytes) -> bytes:
    return f"{hashlib.sha256(data).hexdigest()} {len(data)} ".encode()


@contextmanager
def _file_size(limit: int) -> Iterator[None]:
    """No file may grow past this: writing then fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("limit", [100, 1500])
def test_nothing_is_left_of_what_could_not_be_written(target: Target, limit: int) -> None:
    """Neither sets nor a folder, whether the sets or the bundle did not fit; then it succeeds."""
    target.export(target.peer("p0", 0))
    before = target.tree()
    with _file_size(limit), pytest.raises(TargetError, match="too large"):
        target.export(*_peers(target))
    assert target.tree() == before
    target.export(*_peers(target))
    assert target.problems() == []


@pytest.mark.parametrize("mask", [0o000, 0o077])
@pytest.mark.parametrize("format_name", ["exim", "pem"])
def test_modes_are_those_promised(mask: int, format_name: str, tmp_path: Path) -> None:
    """Exim's files are its group's to read and nobody else's; a bundle is everybody's; whatever the
    umask, nobody else may write."""
    target = Target(tmp_path, "pem" if format_name == "pem" else "exim")
    before = os.umask(mask)
    try:
        target.export(*_peers(target))
    finally:
        os.umask(before)
    mode = 0o644 if format_name == "pem" else 0o640
    for one in tmp_path.rglob("*"):
        found = stat.S_IMODE(one.lstat().st_mode)
        if one.name == "lock":
            assert found == 0o600
        elif one.is_file() and not one.is_symlink():
            assert found == mode, one
        elif one.is_dir() and not one.is_symlink():
            assert found & 0o022 == 0, one
    if format_name == "pem":
        assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700
