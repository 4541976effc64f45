"""The look at many trust sets, in a second process: it finds what a look in this one finds."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.console import Console
from tests.publish.targets import Target, certificate
from trustctl.facts.compiled import CompiledPeer
from trustctl.publish import planning, search, store
from trustctl.publish.inspect import scan
from trustctl.publish.manifest import Manifest


def _peer(number: int) -> CompiledPeer:
    """A peer whose trust set costs nothing to make."""
    name, content = f"p{number:05}", b"set %d\n" % number
    digest = hashlib.sha256(content).hexdigest()
    value = f"set={digest}.pem pins={digest.upper()} names=off"
    block = f"# peer={name} domains={name}.test\n\n".encode()
    return CompiledPeer(name, ((f"{name}.test", value),), ((f"{digest}.pem", content),), (block,))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Target:
    """A target with enough sets; whoever alters one puts it back."""
    target = Target(tmp_path_factory.mktemp("many"))
    assert target.export(*map(_peer, range(search.MANY))) is not None
    return target


def _last(target: Target) -> Manifest:
    found = planning.last_generation(target.place)
    assert found is not None
    return found


def _write(path: Path) -> None:
    path.write_bytes(b"evil")


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


_WAYS: tuple[tuple[Callable[[Path], None], str], ...] = (
    (_write, "edited"),
    (_link, "edited"),
    (_folder, "edited"),
    (Path.unlink, "missing"),
)


def _put_back(path: Path, content: bytes) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    path.chmod(0o640)


@pytest.mark.parametrize(("alter", "kind"), _WAYS, ids=lambda one: getattr(one, "__name__", one))
@pytest.mark.parametrize("which", [0, 2500, -1])
def test_one_among_many_is_found(
    many: Target, alter: Callable[[Path], None], kind: str, which: int
) -> None:
    """The first, the last or another; whoever looks finds this one, and no other."""
    last = _last(many)
    path = many.place.sets / last.set_files()[which].decode()
    content = path.read_bytes()
    since = max(one.lstat().st_ctime_ns for one in many.place.sets.iterdir()) + 1
    assert search.suspects(many.place.sets, last, since) == []
    time.sleep(0.05)
    alter(path)
    try:
        begun = search.begin(many.place.sets, last, since)
        assert begun is not None
        assert begun.process != os.getpid()
        assert (
            begun.result()
            == search.suspects(many.place.sets, last, since)
            == [os.fsencode(path.name)]
        )
        found = planning.begin(many.place).sets()
        assert [(one.path, one.kind) for one in found] == [(str(path), kind)]
        assert found == scan(many.place, last)
    finally:
        _put_back(path, content)
    assert planning.begin(many.place).sets() == []


def test_a_search_that_was_killed_is_made_again(many: Target) -> None:
    """Half an answer, or none, is not taken for "nothing was changed"."""
    last = _last(many)
    begun = search.begin(many.place.sets, last, 0)
    assert begun is not None
    os.kill(begun.process, signal.SIGKILL)
    assert begun.result() == last.set_files()


def test_nothing_is_left_of_a_search(many: Target) -> None:
    """No process, no open file."""
    before = sorted(os.listdir("/proc/self/fd"))
    begun = search.begin(many.place.sets, _last(many), 0)
    assert begun is not None
    begun.result()
    assert sorted(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(begun.process, os.WNOHANG)


def test_an_error_is_told(many: Target, tmp_path: Path) -> None:
    """A folder that is none is an error; of one that is gone every set is missing."""
    last = _last(many)
    (tmp_path / "file").touch()
    begun = search.begin(tmp_path / "file", last, 0)
    assert begun is not None
    with pytest.raises(NotADirectoryError):
        begun.result()
    begun = search.begin(tmp_path / "nowhere", last, 0)
    assert begun is not None
    assert begun.result() == last.set_files()


@pytest.mark.parametrize("looks_on", [True, False])
def test_nothing_is_put_in_force_before_the_look_is_finished(many: Target, looks_on: bool) -> None:
    """What it finds while the generation is written stops it, and no trace is left. The control:
    a plan that waits for no look is carried out."""
    folders = many.place.generations, many.place.sets
    number, names = many.place.current_number(), [sorted(os.listdir(one)) for one in folders]
    path = many.place.sets / _last(many).set_files()[7].decode()
    content = path.read_bytes()
    plan = many.plan(_peer(search.MANY + looks_on), full=False)
    assert plan.problems == []
    time.sleep(0.05)
    _write(path)
    try:
        plan.unfinished = planning.begin(many.place) if looks_on else None
        if looks_on:
            with pytest.raises(planning.SuspectError):
                store.carry_out(plan, now=many.now)
            assert many.place.current_number() == number
            assert [sorted(os.listdir(one)) for one in folders] == names
        else:
            store.carry_out(plan, now=many.now)
            assert many.place.current_number() != number
    finally:
        _put_back(path, content)


def test_an_edit_is_refused_though_the_export_had_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole command, with a second process that looks: nothing is overwritten without
    ``--force``, and a set that is gone is made again."""
    monkeypatch.setattr(search, "MANY", 1)
    console = Console(tmp_path)
    (tmp_path / "exim").mkdir()
    words = ("export", "--to", str(tmp_path / "exim"), "--format", "exim")
    console.pin(certificate(1), "foo")
    console(*words)
    sets = tmp_path / "exim" / "trustctl" / "sets"
    (one,) = sets.iterdir()
    content = one.read_bytes()
    console.pin(certificate(2), "bar")
    _write(one)
    assert str(one) in console(*words, code=7).err
    assert one.read_bytes() == b"evil"
    assert len(list(sets.iterdir())) == 1
    assert os.readlink(sets.parent / "current") == "generations/00000001"
    one.unlink()
    assert "generation 2 is current" in console(*words).out
    assert one.read_bytes() == content
    assert len(list(sets.iterdir())) == 2


def test_few_are_looked_at_here(tmp_path: Path) -> None:
    """A second process would take longer to start."""
    target = Target(tmp_path)
    target.export(target.peer("foo", 1))
    assert search.begin(target.place.sets, _last(target), 0) is None
    assert planning.begin(target.place).sets() == []
    next(target.place.sets.iterdir()).write_bytes(b"evil")
    assert [one.kind for one in planning.begin(target.place).sets()] == ["edited"]


def test_a_look_is_outdated_by_another_export(tmp_path: Path) -> None:
    """Also one that was begun when nothing was there."""
    target = Target(tmp_path)
    begun = planning.begin(target.place)
    assert not begun.outdated
    target.export(target.peer("foo", 1))
    assert begun.outdated
    begun = planning.begin(target.place)
    assert not begun.outdated
    target.export(target.peer("foo", 2))
    assert begun.outdated


@pytest.mark.parametrize("known", [True, False])
def test_what_is_edited_between_the_look_and_the_writing_is_noticed(
    tmp_path: Path, known: bool
) -> None:
    """While a person is asked, perhaps: the manifest is younger than the edit, and says when the
    look was begun. The control: one that does not say so hides the edit."""
    target = Target(tmp_path)
    target.export(target.peer("foo", 1))
    path = next(target.place.sets.iterdir())
    plan = target.plan(target.peer("foo", 1), target.peer("bar", 2))
    path.write_bytes(b"evil")
    time.sleep(0.05)
    store.carry_out(plan if known else replace(plan, looked_ns=None), now=target.now)
    found = planning.look(target.place, _last(target))
    assert [(one.path, one.kind) for one in found] == ([(str(path), "edited")] if known else [])


def test_what_looks_unchanged_is_read_by_an_audit_and_by_force(tmp_path: Path) -> None:
    """A file of the generation's own that is not as its manifest says, and old: a disk's error."""
    target = Target(tmp_path)
    target.export(target.peer("foo", 1))
    time.sleep(0.05)
    last = _last(target)
    digest = last.own_files()["generations/00000001/peers.cdb"][0]
    later = last.written_ns + 30_000_000
    other = replace(
        last,
        files=last.files.replace(digest.encode(), b"0" * 64),
        written_ns=later,
        looked_ns=later,
    )
    assert scan(target.place, other) == []
    assert [one.kind for one in scan(target.place, other, whole=True)] == ["edited"]
    (target.place.folder(1) / "peers.cdb").touch()
    assert [one.kind for one in scan(target.place, other)] == ["edited"]
