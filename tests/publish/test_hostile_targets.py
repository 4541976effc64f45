"""Who can write at a target tries to be trusted: each way is noticed or comes to nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.publish.box import tree
from tests.publish.targets import Target, certificate
from tests.tools import require_root
from trustctl.errors import TargetError
from trustctl.facts.compiled import CompiledPeer
from trustctl.publish import history, planning
from trustctl.publish.inspect import scan

_NOBODY = 65534
_EVIL = certificate(66).pem


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """An Exim's folder with a generation in force, and an attacker's folder beside it."""
    made = Target(tmp_path)
    made.export(*_peers(made))
    (tmp_path / "evil").mkdir()
    return made


def _peers(target: Target) -> list[CompiledPeer]:
    return [target.peer(f"p{one}", one) for one in range(3)]


def _refused(target: Target, *, message: str = "changed since") -> None:
    """An export of what is exported already notices it, and so does one of something else."""
    before = tree(target.folder)
    for peers in (_peers(target), [*_peers(target), target.peer("new", 9)]):
        with pytest.raises(TargetError, match=message):
            target.export(*peers)
    assert tree(target.folder) == before


def _mended(target: Target) -> None:
    """``--force`` puts back what policy says, and an audit is content."""
    assert target.export(*_peers(target), force=True) is not None
    assert target.problems() == []
    target.sets()
    assert set(target.entries()) == {"p0.test", "p1.test", "p2.test"}


@pytest.mark.parametrize(
    "leads_to", ["../../evil/generations/00000001", "../../evil", "{evil}", "generations/../../.."]
)
def test_a_current_link_that_leads_elsewhere_is_noticed(target: Target, leads_to: str) -> None:
    """Exim would read the attacker's map, under the number of ours: neither an export with nothing
    changed nor an audit takes it for the generation in force."""
    evil = target.folder / "evil"
    shutil.copytree(target.place.generations, evil / "generations")
    (evil / "generations" / "00000001" / "peers.cdb").write_bytes(b"evil")
    os.unlink(target.place.current)
    target.place.current.symlink_to(leads_to.format(evil=evil / "generations" / "00000001"))
    assert ("edited", "current") in target.kinds()
    _refused(target)
    with pytest.raises(TargetError, match="changed since"):
        history.rollback(target.place, 1)
    before = tree(evil)
    _mended(target)
    assert os.readlink(target.place.current) == "generations/00000002"
    assert tree(evil) == before


def test_a_current_folder_is_noticed_and_never_removed(target: Target) -> None:
    """A copy that followed links leaves a folder there; it is the administrator's to move."""
    os.unlink(target.place.current)
    shutil.copytree(target.place.folder(1), target.place.current)
    assert ("edited", "current") in target.kinds()
    _refused(target)
    with pytest.raises(TargetError, match="not a link") as caught:
        target.export(*_peers(target), force=True)
    assert caught.value.hint == "move it away"
    assert (target.place.current / "peers.cdb").exists()


def test_a_current_link_to_nothing_is_noticed(target: Target) -> None:
    """Exim defers all mail; an export says what to type, an audit what is wrong."""
    os.unlink(target.place.current)
    target.place.current.symlink_to("generations/00000009")
    assert ("edited", "current") in target.kinds()
    with pytest.raises(TargetError, match="no such file"):
        target.plan(*_peers(target))
    target.export(*_peers(target), last=False, force=True)
    assert target.problems() == []


def test_a_link_planted_among_the_sets_is_not_followed(target: Target) -> None:
    """Under the very name that the next export will write: the file that it points to stays as it
    was, and the set becomes a file."""
    victim = target.folder / "evil" / "victim"
    victim.write_bytes(b"precious")
    new = target.peer("new", 9)
    ((name, content),) = new.sets
    (target.place.sets / name).symlink_to(victim)
    target.export(*_peers(target), new)
    assert victim.read_bytes() == b"precious"
    assert not (target.place.sets / name).is_symlink()
    assert (target.place.sets / name).read_bytes() == content
    assert target.problems() == []


@pytest.mark.parametrize("how", ["link", "content"])
def test_a_set_planted_for_later_is_not_taken_over(target: Target, how: str) -> None:
    """The right content, but the attacker's own inode, which he could fill anew afterwards."""
    new = target.peer("new", 9)
    ((name, content),) = new.sets
    path, mine = target.place.sets / name, target.folder / "evil" / "mine"
    mine.write_bytes(content)
    mine.chmod(0o640)
    if how == "link":
        os.link(mine, path)
    else:
        path.write_bytes(content)
        path.chmod(0o666)
    inode = path.stat().st_ino
    target.export(*_peers(target), new)
    assert path.stat().st_ino != inode
    mine.write_bytes(_EVIL)
    assert path.read_bytes() == content
    assert target.problems() == []


def test_a_set_planted_by_another_user_is_not_taken_over(target: Target) -> None:
    """He could change it later."""
    require_root()
    new = target.peer("new", 9)
    ((name, content),) = new.sets
    path = target.place.sets / name
    path.write_bytes(content)
    path.chmod(0o640)
    os.chown(path, _NOBODY, -1)
    target.export(*_peers(target), new)
    assert path.stat().st_uid == 0


def _as_if_older(target: Target, change: Callable[[Path], None]) -> Path:
    """Change a set in force, as with the clock set back: before the manifest was written."""
    path = target.place.sets / sorted(target.sets())[0]
    change(path)
    manifest = target.place.folder(1) / "manifest"
    text = manifest.read_bytes()
    manifest.unlink()
    # past the tick in which the set was changed
    while path.lstat().st_ctime_ns >= _rewritten(manifest, text):
        pass
    return path


def _rewritten(path: Path, text: bytes) -> int:
    path.write_bytes(text)
    path.chmod(0o640)
    return path.stat().st_mtime_ns


def test_a_set_edited_with_the_clock_set_back_is_found_by_an_audit(target: Target) -> None:
    """An export that changes nothing does not read it; an audit does, and what it says to type
    (``--force``) mends it."""
    path = _as_if_older(target, lambda one: _overwrite(one, _EVIL))
    assert target.export(*_peers(target)) is None, "the control: the times alone do not show it"
    assert target.kinds() == {("edited", path.name)}
    _mended(target)


def _overwrite(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def test_a_set_that_became_a_link_is_noticed_whatever_its_time(target: Target) -> None:
    """It is no longer a file, and that shows without reading it."""
    evil = target.folder / "evil" / "set.pem"
    evil.write_bytes(_EVIL)

    def link(path: Path) -> None:
        path.unlink()
        path.symlink_to(evil)

    path = _as_if_older(target, link)
    assert ("edited", path.name) in target.kinds()
    _refused(target)
    _mended(target)
    assert evil.read_bytes() == _EVIL


def test_a_set_edited_before_a_chmod_is_noticed(target: Target) -> None:
    """``chmod -R`` or ``chown -R`` over the folder renews every ctime, the manifest's too: what was
    edited before it does not pass for older."""
    path = target.place.sets / sorted(target.sets())[0]
    path.write_bytes(_EVIL)
    (target.place.folder(1) / "manifest").chmod(0o640)
    assert target.place.folder(1).joinpath("manifest").stat().st_ctime_ns >= path.stat().st_ctime_ns
    _refused(target)
    _mended(target)


def test_a_manifest_from_the_future_hides_nothing(target: Target) -> None:
    """Exported while the clock was ahead: whatever is edited later would look older for years. All
    sets are read then."""
    manifest = target.place.folder(1) / "manifest"
    found = planning.last_generation(target.place)
    assert found is not None
    path = target.place.sets / sorted(target.sets())[0]
    path.write_bytes(_EVIL)
    later = manifest.stat().st_ctime_ns + 10**18
    ahead = replace(found, written_ns=later, looked_ns=later)
    assert [one.kind for one in scan(target.place, ahead)] == ["edited"]


def test_a_set_with_times_of_the_past_is_noticed(target: Target) -> None:
    """touch(1) sets what ``ls`` shows, not the time of the inode."""
    path = target.place.sets / sorted(target.sets())[0]
    path.write_bytes(_EVIL)
    os.utime(path, (0, 0))
    _refused(target)
    _mended(target)


@pytest.mark.parametrize("name", ["sets", "generations", ""])
def test_a_folder_that_became_a_link_is_refused(target: Target, name: str) -> None:
    """With the same files behind it, and nothing to change: they are somebody else's now."""
    folder = target.place.root / name
    evil = target.folder / "evil" / "moved"
    shutil.copytree(folder, evil, symlinks=True)
    shutil.rmtree(folder)
    Path(str(folder).rstrip("/")).symlink_to(evil)
    _refused(target, message="is a symbolic link")
    assert any(detail == "it is a symbolic link" for detail in _details(target))


def _details(target: Target) -> list[str]:
    return [one.detail for one in target.problems()]


@pytest.mark.parametrize("kind", ["link", "file", "theirs", "everybodys", "no parent"])
@pytest.mark.parametrize("format_name", ["exim", "pem"])
def test_a_target_that_is_not_safe_is_refused(tmp_path: Path, kind: str, format_name: str) -> None:
    """A link, a file, another user's, everybody's, or in no folder: nothing is written anywhere."""
    made = Target(tmp_path, "pem" if format_name == "pem" else "exim")
    directory = made.place.directory
    if kind == "link":
        (tmp_path / "real").mkdir()
        directory.symlink_to("real")
    elif kind == "file":
        directory.write_bytes(b"mine")
    elif kind == "no parent":
        made = Target(tmp_path / "nowhere", made.format)
    else:
        directory.mkdir()
        if kind == "everybodys":
            directory.chmod(0o777)
        else:
            require_root()
            os.chown(directory, _NOBODY, _NOBODY)
    before = tree(tmp_path)
    with pytest.raises(TargetError) as caught:
        made.export(made.peer("foo", 1))
    assert caught.value.hint
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", ["sets", "generations", "."])
def test_an_inner_folder_of_everybodys_is_refused(target: Target, name: str) -> None:
    """Whoever writes in it could swap what is trusted."""
    (target.place.root / name).chmod(0o757)
    _refused(target, message="everybody may write")
    assert any("others may write it" in detail for detail in _details(target))


def test_a_generation_copied_to_a_higher_number_is_not_taken(target: Target) -> None:
    """An old generation's manifest, whole as it is, does not vouch for a folder of another name."""
    copy = target.place.folder(7)
    shutil.copytree(target.place.folder(1), copy)
    (copy / "peers.cdb").write_bytes(b"evil")
    with pytest.raises(TargetError, match="damaged or was edited"):
        history.rollback(target.place, 7)
    assert target.place.current_number() == 1
    assert ("manifest", "manifest") in target.kinds()


def test_a_linked_generation_is_none(target: Target) -> None:
    """A link among the generations is not one of them, and blocks nothing."""
    shutil.copytree(target.place.folder(1), target.folder / "evil" / "g")
    target.place.folder(5).symlink_to(target.folder / "evil" / "g")
    (target.place.generations / "00000006").write_bytes(b"a file")
    assert target.place.numbers() == [1]
    with pytest.raises(TargetError, match="has no generation 5"):
        history.rollback(target.place, 5)
    done = target.export(*_peers(target), target.peer("new", 9))
    assert done is not None
    assert done.stored.number == 7
    assert target.problems() == []


def test_nobody_that_became_a_link_is_noticed(target: Target) -> None:
    """The set that verifies nothing, by way of a file of somebody else's."""
    path = target.place.root / "nobody.pem"
    copy = target.folder / "evil" / "nobody.pem"
    shutil.move(path, copy)
    path.symlink_to(copy)
    assert ("edited", "nobody.pem") in target.kinds()
    _refused(target)
    _mended(target)
    assert not path.is_symlink()


def test_a_lock_that_is_a_link_is_refused(target: Target) -> None:
    """It would be made where the link leads."""
    lock = target.place.root / "lock"
    lock.unlink()
    lock.symlink_to(target.folder / "evil" / "made")
    with pytest.raises(TargetError, match="symbolic link"):
        target.export(*_peers(target), target.peer("new", 9))
    assert not (target.folder / "evil" / "made").exists()
