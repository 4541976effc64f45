"""Earlier generations brought back, and everything taken away again."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.publish.box import tree
from tests.publish.targets import Target
from tests.tools import require_root
from trustctl import files
from trustctl.errors import TargetError
from trustctl.facts.compiled import CompiledPeer
from trustctl.publish import history, manifest
from trustctl.publish.place import Format

_NOBODY = 65534


@pytest.fixture(params=["exim", "pem"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    """A target of either format."""
    return Target(tmp_path, request.param)


def _states(target: Target, count: int = 4) -> list[bytes]:
    """Export so many different generations; the bundle of each."""
    found = []
    for number in range(count):
        target.export(*_peers(target, number))
        found.append(_read(target))
    return found


def _peers(target: Target, number: int) -> list[CompiledPeer]:
    return [target.peer("kept", 50), target.peer("foo", number), target.peer(f"p{number}", 9)]


def _read(target: Target) -> bytes:
    """What a consumer reads."""
    path = target.place.published or target.place.current / "ca-certificates.crt"
    return path.read_bytes()


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_each_generation_can_be_brought_back(target: Target, number: int) -> None:
    """To the byte, and none is lost by it."""
    states = _states(target)
    stored = history.rollback(target.place, number)
    assert stored.number == target.place.current_number() == number
    assert _read(target) == states[number - 1]
    assert target.problems() == []
    assert [one.number for one in history.generations(target.place)] == [1, 2, 3, 4]


def test_without_a_number_it_is_the_one_before(target: Target) -> None:
    """Again and again, until there is none."""
    states = _states(target, 3)
    for expected in (2, 1):
        assert history.rollback(target.place, None).number == expected
        assert _read(target) == states[expected - 1]
    with pytest.raises(TargetError, match="no earlier generation"):
        history.rollback(target.place, None)


def test_an_export_follows_a_rollback(target: Target) -> None:
    """It writes the inventory's state under a number of its own."""
    states = _states(target, 3)
    history.rollback(target.place, 1)
    done = target.export(*_peers(target, 2))
    assert done is not None
    assert done.stored.number == 4
    assert _read(target) == states[2]


@pytest.mark.parametrize("number", [None, 1, 9])
def test_what_is_not_there_cannot_be_brought_back(target: Target, number: int | None) -> None:
    """No generation at all, or not this one."""
    with pytest.raises(TargetError, match="has no generation"):
        history.rollback(target.place, number)
    target.export(*_peers(target, 0))
    if number == 9:
        with pytest.raises(TargetError, match="has no generation 9"):
            history.rollback(target.place, number)


@pytest.mark.parametrize(
    "what", ["peers.cdb", "peers.map", "ca-certificates.crt", "manifest", "set"]
)
@pytest.mark.parametrize("damage", ["flipped", "gone", "empty"])
def test_a_damaged_generation_is_refused(tmp_path: Path, what: str, damage: str) -> None:
    """Whichever file of it is altered or missing, also with ``--force``; nothing changes."""
    target = Target(tmp_path)
    _states(target, 2)
    path = target.place.folder(1) / what
    if what == "set":
        only = set(_set_names(target, 1)) - set(_set_names(target, 2))
        path = target.place.sets / only.pop()
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        flipped = bytes([content[0] ^ 1]) + content[1:]
        path.write_bytes(flipped if damage == "flipped" else b"")
    before = tree(tmp_path)
    for force in (False, True):
        with pytest.raises(TargetError):
            history.rollback(target.place, 1, force=force)
    assert tree(tmp_path) == before
    assert target.problems() == [] or what == "manifest", "the one in force is whole"


def _set_names(target: Target, number: int) -> list[str]:
    found = manifest.read(target.place.folder(number))
    return [f"{one.decode()}.pem" for one in found.set_names()]


def test_an_edited_current_generation_takes_force(target: Target) -> None:
    """What somebody wrote by hand is not thrown away without a word."""
    states = _states(target, 2)
    path = target.place.published or target.place.folder(2) / "ca-certificates.crt"
    path.write_bytes(b"mine")
    before = tree(target.folder)
    with pytest.raises(TargetError, match="changed since"):
        history.rollback(target.place, 1)
    assert tree(target.folder) == before
    history.rollback(target.place, 1, force=True)
    assert _read(target) == states[0]


def test_a_rollback_killed_half_way_can_be_repeated(tmp_path: Path) -> None:
    """The bundle is the old one already, the link is not: again, and it is done; an export instead
    brings back what the inventory says."""
    target = Target(tmp_path, "pem")
    states = _states(target, 2)
    published = target.place.directory / "ca-certificates.crt"
    published.write_bytes(states[0])
    assert ("stale", "ca-certificates.crt") in target.kinds()
    assert target.export(*_peers(target, 1)) is not None
    assert _read(target) == states[1]
    published.write_bytes(states[0])
    history.rollback(target.place, 1)
    assert (_read(target), target.problems()) == (states[0], [])


def test_a_damaged_generation_is_not_listed(target: Target) -> None:
    """The others are."""
    _states(target, 3)
    (target.place.folder(2) / "manifest").write_bytes(b"x")
    assert [one.number for one in history.generations(target.place)] == [1, 3]


def test_uninstall_leaves_the_folder_as_it_was(target: Target) -> None:
    """Empty as it was; and again there is nothing to do."""
    _states(target)
    assert history.remove(target.place) == []
    left = {target.place.directory, target.place.root.parent} - {target.folder}
    assert set(target.folder.rglob("*")) == {one for one in left if one.exists()}
    assert not target.place.root.exists()
    assert history.remove(target.place) == []


def test_uninstall_leaves_what_others_wrote(target: Target) -> None:
    """Files, folders and links in every folder of ours, each is named."""
    _states(target)
    mine = [
        target.place.directory / "mine.txt",
        target.place.root / "mine.txt",
        target.place.generations / "mine",
        target.place.folder(4) / "mine.txt",
    ]
    if target.format == "exim":
        mine += [target.place.sets / "mine.pem", target.place.sets / f"{'a' * 64}.pem"]
    for one in mine:
        one.write_bytes(b"mine")
    link = target.place.root / "link"
    link.symlink_to(target.place.directory)
    left = history.remove(target.place)
    assert left == sorted(str(one) for one in [*mine[1:], link])
    assert [one.read_bytes() for one in mine] == [b"mine"] * len(mine)
    assert not [one for one in target.folder.rglob("*") if one.name in ("manifest", "peers.cdb")]


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_uninstall_brings_the_original_bundle_back(tmp_path: Path, mode: int) -> None:
    """Content, mode, owner and group of what ``--force`` had replaced, however many exports ago."""
    require_root()
    target = Target(tmp_path, "pem")
    target.place.directory.mkdir()
    published = target.place.directory / "ca-certificates.crt"
    published.write_bytes(b"theirs")
    published.chmod(mode)
    os.chown(published, _NOBODY, _NOBODY)
    target.export(*_peers(target, 0), force=True)
    target.export(*_peers(target, 1))
    assert published.stat().st_uid == 0
    assert history.remove(target.place) == []
    info = published.stat()
    assert published.read_bytes() == b"theirs"
    assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid) == (mode, _NOBODY, _NOBODY)
    assert not target.place.root.exists()


def test_uninstall_of_an_edited_file_takes_force(target: Target) -> None:
    """Nothing at all is removed before that is settled."""
    _states(target, 2)
    path = target.place.published or target.place.folder(1) / "peers.map"
    path.write_bytes(b"mine")
    before = tree(target.folder)
    with pytest.raises(TargetError, match="changed since"):
        history.remove(target.place)
    assert tree(target.folder) == before
    assert history.remove(target.place, force=True) == []
    assert not target.place.root.exists()
    assert not path.exists()


@pytest.mark.parametrize("format_name", ["exim", "pem"])
def test_uninstall_of_a_damaged_manifest_takes_force(tmp_path: Path, format_name: Format) -> None:
    """With it, the sets that only that manifest listed go too: they bear their content's hash."""
    target = Target(tmp_path, format_name)
    _states(target, 2)
    (target.place.folder(2) / "manifest").write_bytes(b"x")
    with pytest.raises(TargetError, match="changed since"):
        history.remove(target.place)
    assert history.remove(target.place, force=True) == []
    assert not target.place.root.exists()


def test_uninstall_takes_the_sets_of_a_killed_export(tmp_path: Path) -> None:
    """They were written before the generation that would have listed them."""
    target = Target(tmp_path)
    _states(target, 1)
    ((name, content),) = target.peer("new", 30).sets
    (target.place.sets / name).write_bytes(content)
    (target.place.sets / f"{files.TEMPORARY}x-999999999").write_bytes(b"half")
    assert history.remove(target.place) == []
    assert not target.place.root.exists()


@pytest.mark.parametrize("replaced", [False, True])
def test_uninstall_after_a_killed_first_export(tmp_path: Path, replaced: bool) -> None:
    """The original was kept, the bundle perhaps in its place, no generation in force: it is the
    original again, once."""
    target = Target(tmp_path, "pem")
    target.place.directory.mkdir()
    published = target.place.directory / "ca-certificates.crt"
    published.write_bytes(b"theirs")
    target.export(*_peers(target, 0), force=True)
    os.unlink(target.place.current)
    if not replaced:
        published.write_bytes(b"theirs")
    assert history.remove(target.place) == []
    assert published.read_bytes() == b"theirs"
    assert not target.place.root.exists()


def test_uninstall_never_destroys_the_only_copy_of_an_original(tmp_path: Path) -> None:
    """Somebody wrote another bundle while none of ours is in force: it stays, and so does the
    original, which is named."""
    target = Target(tmp_path, "pem")
    target.place.directory.mkdir()
    published = target.place.directory / "ca-certificates.crt"
    published.write_bytes(b"theirs")
    target.export(*_peers(target, 0), force=True)
    os.unlink(target.place.current)
    published.write_bytes(b"a third one")
    assert history.remove(target.place) == [str(target.place.original)]
    assert published.read_bytes() == b"a third one"
    assert target.place.original.read_bytes() == b"theirs"
