"""Generations on disk: what is written, what is not, and that it is one step."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.publish.targets import NOW, Target, certificate
from trustctl.errors import TargetError
from trustctl.facts.compiled import CompiledPeer
from trustctl.publish import store
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
    for one in (target, other):
        one.export(*_peers(one))
    changed = target.peer("p3", 100, 101)
    target.export(changed, full=False)
    other.export(*[changed if one.peer == "p3" else one for one in _peers(other)])
    for name in ("peers.cdb", "peers.map", "ca-certificates.crt", "manifest"):
        assert target.current(name) == other.current(name)
    assert target.sets() == other.sets()
    assert target.problems() == other.problems() == []


def test_closed_domains_keep_an_entry(target: Target) -> None:
    """A domain that loses its last pin is told and stays in the map, closed."""
    target.export(target.peer("foo", 1))
    planned = target.plan(target.peer("foo"))
    assert planned.draft.changes.closed == ("foo.test",)
    target.export(target.peer("foo"))
    assert target.entries() == {"foo.test": "closed=yes"}


def test_old_generations_go(target: Target) -> None:
    """Five stay, and with them the sets that they need; others go."""
    for number in range(8):
        target.export(target.peer("foo", number))
    assert target.place.numbers() == [4, 5, 6, 7, 8]
    assert len(target.sets()) == 5
    assert target.problems() == []


def test_the_generation_in_force_stays(target: Target) -> None:
    """However old it is."""
    for number in range(7):
        target.export(target.peer("foo", number))
    os.unlink(target.place.current)
    target.place.current.symlink_to("generations/00000003")
    from trustctl.publish.removal import prune

    prune(target.place, keep=2)
    assert target.place.numbers() == [3, 6, 7]
    assert target.problems() == []


def test_pruning_leaves_what_others_put_there(target: Target) -> None:
    """A file in an old generation's folder or among the sets is not ours to remove."""
    target.export(target.peer("foo", 0))
    mine = [target.place.folder(1) / "notes.txt", target.place.sets / "mine.pem"]
    for one in mine:
        one.write_bytes(b"mine")
    for number in range(1, 8):
        target.export(target.peer("foo", number))
    assert [one.read_bytes() for one in mine] == [b"mine", b"mine"]
    assert not (target.place.folder(1) / "manifest").exists()


def test_an_unreadable_generation_does_not_stop_pruning_with_an_error(target: Target) -> None:
    """What was put in force is in force: an old, damaged manifest makes no failure of it, and the
    sets that it may need stay."""
    for number in range(5):
        target.export(target.peer("foo", number))
    (target.place.folder(4) / "manifest").write_bytes(b"damaged")
    done = target.export(target.peer("foo", 50))
    assert done is not None
    assert target.place.current_number() == done.stored.number == 6
    assert len(target.sets()) == 6


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
    from trustctl.export import cdb
    from trustctl.publish import manifest

    target.export(*_peers(target))
    folder, found = target.place.folder(1), store.last_generation(target.place)
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
    import hashlib

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


_READER = """
import hashlib, json, os, sys
from pathlib import Path
from trustctl.export import cdb
root, looks, seen = Path(sys.argv[1]), 0, set()
print("ready", flush=True)
while not (root / "stop").exists():
    generation = os.readlink(root / "current")
    data = (root / "current" / "peers.cdb").read_bytes()
    entries = {k.decode(): v.decode() for k, v in cdb.items(data) if k != b"*"}
    for value in entries.values():
        name = value.split()[0].removeprefix("set=")
        try:
            content = (root / "sets" / name).read_bytes()
        except FileNotFoundError:
            # five exports have passed since the map was read
            assert os.readlink(root / "current") != generation, name
            break
        assert hashlib.sha256(content).hexdigest() + ".pem" == name
    looks += 1
    seen.add(json.dumps(entries))
print(json.dumps([looks, sorted(seen)]))
"""


def test_a_reader_sees_one_state_or_the_other_whole(target: Target) -> None:
    """A process that looks up domains and opens their sets all the while finds, at each look, a
    state that was exported, with every set whole."""
    states, peers = [], _peers(target, 10)
    target.export(*peers)
    states.append(target.entries())
    reader = subprocess.Popen(
        [sys.executable, "-c", _READER, str(target.place.root)],
        stdout=subprocess.PIPE, text=True, cwd=_FOLDER,
    )  # fmt: skip
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n"
    for number in range(40):
        peers = [target.peer(f"p{one}", (one + number) % 12) for one in range(10)]
        target.export(*peers)
        states.append(target.entries())
    (target.place.root / "stop").touch()
    looks, seen = json.loads(reader.communicate()[0])
    assert reader.returncode == 0
    assert looks > 1
    assert {json.dumps(json.loads(one)) for one in seen} <= {json.dumps(one) for one in states}


_EXPORTER = """
import sys
from pathlib import Path
from tests.publish.targets import Target
from trustctl.errors import TargetError
target, me, done = Target(Path(sys.argv[1])), int(sys.argv[2]), 0
peers = [target.peer(f"p{one}", one) for one in range(3)]
while done < 5:
    try:
        done += target.export(*peers, target.peer("mine", me * 10 + done)) is not None
    except TargetError as error:
        assert "meanwhile" in error.message, error.message
print(done)
"""


def test_concurrent_exports_follow_one_another(target: Target) -> None:
    """Processes that export at once each write whole generations, or are told that another was
    first; none is lost, none is written twice."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _EXPORTER, str(target.folder), str(one)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=_FOLDER,
        )
        for one in range(1, 4)
    ]  # fmt: skip
    said = [one.communicate() for one in running]
    assert [out for out, _err in said] == ["5\n"] * 3, said
    # how often one has nothing to do because another's state is its own does not matter
    assert target.place.current_number() == target.place.numbers()[-1] == 15
    assert not target.place.leftovers()


def test_an_export_from_an_older_plan_is_refused(target: Target) -> None:
    """What was planned before another export is not written over it."""
    target.export(target.peer("foo", 1))
    old = target.plan(target.peer("foo", 2))
    target.export(target.peer("foo", 3))
    before = target.tree()
    with pytest.raises(TargetError, match="another export was made meanwhile"):
        store.carry_out(old, now=NOW)
    assert target.tree() == before


def test_an_export_waits_for_the_lock(target: Target) -> None:
    """While another holds it nothing is written."""
    from trustctl import files

    target.export(target.peer("foo", 1))
    planned = target.plan(target.peer("foo", 2))
    with files.locked(target.place.root / "lock"):
        writing = threading.Thread(target=store.carry_out, args=(planned,), kwargs={"now": NOW})
        writing.start()
        assert target.place.current_number() == 1
    writing.join()
    assert target.place.current_number() == 2


def test_leftovers_of_a_killed_export_are_swept(target: Target) -> None:
    """Its unfinished folder and files go with the next export; certificates stay what they are."""
    target.export(target.peer("foo", 1))
    scratch = target.place.generations / ".trustctl-tmp-00000002"
    scratch.mkdir()
    (scratch / "peers.cdb").write_bytes(b"half")
    (target.place.root / ".trustctl-tmp-nobody.pem-999999999").write_bytes(b"half")
    target.export(target.peer("foo", 2))
    assert not target.place.leftovers()
    assert target.place.current_number() == 2
    assert certificate(2).fingerprint.upper() in target.entries()["foo.test"]
