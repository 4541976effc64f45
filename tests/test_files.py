"""Writing files: whole or not at all, with their mode from the first byte, on the disk."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.publish.box import tree
from tests.tools import require, require_root
from trustctl import files
from trustctl.errors import TargetError

_NOBODY = 65534


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever mask the user has."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def _traced(script: str, *options: str) -> tuple[str, list[str]]:
    """What a script prints, and its system calls as strace saw them."""
    require("strace")
    ran = subprocess.run(
        ["strace", "-f", "-qq", "-y", *options, sys.executable, "-B", "-c", script],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return ran.stdout, ran.stderr.splitlines()


@pytest.mark.usefixtures("umask")
def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    """Files and folders get the mode that was asked for, whatever the umask."""
    files.create(tmp_path / "a", [b"x"], mode=0o640, group=None)
    files.replace(tmp_path / "b", b"x", mode=0o644, group=None)
    files.make_folder(tmp_path / "c", mode=0o750, group=None)
    assert [_mode(tmp_path / one) for one in "abc"] == [0o640, 0o644, 0o750]


@pytest.mark.parametrize("sizes", [[], [0], [1, 2, 0, 3], [1 << 18, 5, 1 << 19, 7], [1000] * 900])
def test_small_chunks_are_gathered(sizes: list[int]) -> None:
    """The same bytes in the same order, and of many small chunks few."""
    chunks = [bytes([one % 251]) * size for one, size in enumerate(sizes)]
    found = list(files.gathered(chunks))
    assert b"".join(found) == b"".join(chunks)
    assert len(found) <= min(len(sizes), 4)


def test_group_and_owner_are_those_asked_for(tmp_path: Path) -> None:
    """As root: the group of files and folders, and the owner where one was named."""
    require_root()
    files.create(tmp_path / "a", [b"x"], mode=0o640, group=_NOBODY)
    files.replace(tmp_path / "b", b"x", mode=0o640, group=_NOBODY, owner=_NOBODY)
    files.make_folder(tmp_path / "c", mode=0o750, group=_NOBODY)
    found = [(one.stat().st_uid, one.stat().st_gid) for one in sorted(tmp_path.iterdir())]
    assert found == [(0, _NOBODY), (_NOBODY, _NOBODY), (0, _NOBODY)]


def test_nobody_reads_it_before_it_has_its_mode(tmp_path: Path) -> None:
    """A file is the user's alone until group and mode are set, and those are set before its first
    byte is written."""
    script = (
        "import os; os.umask(0)\n"
        "from pathlib import Path; from trustctl import files\n"
        f"files.create(Path({str(tmp_path / 'new')!r}), [b'x' * 10], mode=0o640, group=None)"
    )
    _out, calls = _traced(script, "-e", "trace=openat,fchown,fchmod,write")
    mine = [one for one in calls if str(tmp_path / "new") in one]
    assert re.search(r"openat\(.*O_WRONLY\|O_CREAT\|O_EXCL\|O_NOFOLLOW\|O_CLOEXEC, 0600\)", mine[0])
    assert [one.partition("(")[0].split()[-1] for one in mine] == ["openat", "fchmod", "write"]


def test_create_never_overwrites(tmp_path: Path) -> None:
    """What is there stays, be it a file or a link to one."""
    (tmp_path / "there").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("there", "link"):
        with pytest.raises(FileExistsError):
            files.create(tmp_path / name, [b"new"], mode=0o600, group=None)
    assert (tmp_path / "there").read_bytes() == b"old"
    assert not (tmp_path / "elsewhere").exists()


def test_replace_takes_the_place_of_a_link(tmp_path: Path) -> None:
    """The link is replaced, never what it points to; a plain write would have gone through."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    link = tmp_path / "link"
    link.symlink_to(victim)
    files.replace(link, b"new", mode=0o640, group=None)
    assert (victim.read_bytes(), link.read_bytes()) == (b"precious", b"new")
    assert not link.is_symlink()


def test_replace_does_not_write_through_a_hard_link(tmp_path: Path) -> None:
    """Another name of the same file keeps its content."""
    other = tmp_path / "other"
    other.write_bytes(b"precious")
    os.link(other, tmp_path / "linked")
    files.replace(tmp_path / "linked", b"new", mode=0o640, group=None)
    assert other.read_bytes() == b"precious"


def test_a_reader_sees_the_old_or_the_new_file(tmp_path: Path) -> None:
    """However often it looks while the file is replaced."""
    path, contents = tmp_path / "file", {b"a" * 70_000, b"b" * 90_000}
    files.replace(path, max(contents), mode=0o640, group=None)
    seen: set[bytes] = set()
    end = threading.Event()

    def read() -> None:
        while not end.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(60):
        files.replace(path, sorted(contents)[number % 2], mode=0o640, group=None)
    end.set()
    reader.join()
    assert seen == contents


def test_point_moves_a_link_in_one_step(tmp_path: Path) -> None:
    """It is there at every moment, and what stood under its unfinished name is no obstacle."""
    link = tmp_path / "current"
    (tmp_path / f"{files.TEMPORARY}current-{os.getpid()}").write_bytes(b"left")
    files.point(link, "1")
    files.point(link, "2")
    assert os.readlink(link) == "2"
    assert os.listdir(tmp_path) == ["current"]


def test_point_does_not_go_into_a_folder(tmp_path: Path) -> None:
    """A folder in the link's place is an error, and stays as it was."""
    (tmp_path / "current").mkdir()
    with pytest.raises(IsADirectoryError):
        files.point(tmp_path / "current", "1")
    assert tree(tmp_path).keys() == {str(tmp_path / "current")}


_CALLS = {
    "create": "files.create(d / 'f', [b'new' * 9999], mode=0o640, group=None)",
    "replace": "files.replace(d / 'old', b'new' * 9999, mode=0o640, group=None)",
    "point": "files.point(d / 'current', 'new')",
    "make_folder": "files.make_folder(d / 'folder', mode=0o750, group=None)",
    "sync_tree": "files.sync_tree(d, [d / 'old'])",
}
_HINTS = {"ENOSPC": "make room", "EDQUOT": "make room", "EIO": "failing", "EROFS": "remount"}


@pytest.mark.parametrize(
    ("call", "system", "error"),
    [
        ("create", "write", "ENOSPC"),
        ("create", "fchmod", "EPERM"),
        ("replace", "write", "ENOSPC"),
        ("replace", "write", "EDQUOT"),
        ("replace", "fsync", "EIO"),
        ("replace", "rename", "EROFS"),
        ("point", "symlink", "ENOSPC"),
        ("point", "rename", "EIO"),
        ("make_folder", "mkdir", "EACCES"),
        ("sync_tree", "syncfs", "EIO"),
    ],
)
def test_a_failing_disk_is_told_and_nothing_is_left(
    call: str, system: str, error: str, tmp_path: Path
) -> None:
    """The error names the place, the reason and a way on; what was there is as it was."""
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "current").symlink_to("old")
    before = tree(tmp_path)
    script = (
        "from pathlib import Path; from trustctl import files; from trustctl.errors import *\n"
        f"d = Path({str(tmp_path)!r})\n"
        "try:\n"
        f"    with files.explained(d): {_CALLS[call]}\n"
        "except TargetError as e: print(e.exit_code, e.message, '/', e.hint)\n"
    )
    # the first write(2), fsync(2), ... is that of the file; what is printed comes later
    out, _calls = _traced(script, "-e", f"inject={system}:error={error}:when=1")
    assert out.startswith(f"7 {tmp_path}")
    assert os.strerror(getattr(errno, error)).lower() in out
    assert _HINTS.get(error, "sudo") in out
    assert tree(tmp_path) == before


def test_a_folder_that_is_safe_is_taken(tmp_path: Path) -> None:
    """The control for those that are not."""
    files.refuse_unsafe(tmp_path)


@pytest.mark.parametrize("kind", ["link", "file", "others", "theirs", "missing"])
def test_a_folder_that_somebody_could_swap_is_refused(kind: str, tmp_path: Path) -> None:
    """A link, a file, everybody's, another user's, or nothing: each with what to type."""
    place = tmp_path / "place"
    if kind == "link":
        place.symlink_to(tmp_path)
    elif kind == "file":
        place.write_bytes(b"")
    elif kind != "missing":
        place.mkdir()
    if kind == "others":
        place.chmod(0o1777)
    if kind == "theirs":
        require_root()
        os.chown(place, _NOBODY, _NOBODY)
    with pytest.raises(TargetError) as caught:
        files.refuse_unsafe(place)
    assert caught.value.message.startswith(str(place))
    assert caught.value.hint


def test_a_lock_keeps_others_out_and_lets_them_in(tmp_path: Path) -> None:
    """Held, it is refused after the given time; let go, it is given."""
    lock = tmp_path / "lock"
    with files.locked(lock):
        with pytest.raises(TargetError, match="another trustctl"), files.locked(lock, seconds=0.1):
            pytest.fail("two hold one lock")
        assert _mode(lock) == 0o600
    with files.locked(lock, seconds=0):
        pass


def test_a_waiting_process_gets_the_lock(tmp_path: Path) -> None:
    """It waits for the one that holds it."""
    lock = tmp_path / "lock"
    order: list[str] = []
    with files.locked(lock):
        waiting = threading.Thread(target=lambda: _note(lock, order))
        waiting.start()
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def _note(lock: Path, order: list[str]) -> None:
    with files.locked(lock):
        order.append("second")


def test_a_lock_that_was_removed_keeps_nobody_out(tmp_path: Path) -> None:
    """Who waited for a lock file that an uninstall removed takes the new one: two that hold two
    different files would both write."""
    lock = tmp_path / "lock"
    handle = os.open(lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    got: list[bool] = []

    def wait() -> None:
        with files.locked(lock):
            got.append(os.path.samestat(os.stat(lock), os.fstat(_held(lock))))

    waiting = threading.Thread(target=wait)
    waiting.start()
    os.unlink(lock)
    os.close(handle)
    waiting.join()
    assert got == [True]


def _held(lock: Path) -> int:
    """Our handle of the lock file that is there now."""
    for one in os.listdir("/proc/self/fd"):
        if os.path.realpath(f"/proc/self/fd/{one}") == str(lock):
            return int(one)
    raise AssertionError("nobody holds it")


def test_a_lock_is_no_link(tmp_path: Path) -> None:
    """A link in its place is refused, and what it points to is not made."""
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    lock = files.locked(tmp_path / "lock")
    with pytest.raises(TargetError, match="symbolic link"), files.explained(tmp_path), lock:
        pytest.fail("went through a link")
    assert not (tmp_path / "elsewhere").exists()


def test_leftovers_are_those_of_the_dead(tmp_path: Path) -> None:
    """What a process that still runs is writing is not swept away under it."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    dead = tmp_path / f"{files.TEMPORARY}a-{ended.pid}"
    folder = tmp_path / f"{files.TEMPORARY}00000007"
    alive = tmp_path / f"{files.TEMPORARY}a-{os.getpid()}"
    for one in (dead, alive, tmp_path / "a", tmp_path / f"x{files.TEMPORARY}"):
        one.write_bytes(b"")
    folder.mkdir()
    assert files.leftovers(tmp_path) == sorted([folder, dead])
    assert files.leftovers(tmp_path / "nowhere") == []


def test_a_short_write_goes_on(tmp_path: Path) -> None:
    """A pipe takes what it has room for: all of it arrives."""
    reading, writing = os.pipe()
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.extend(iter(lambda: os.read(reading, 999), b"")))
    reader.start()
    size = files.write_all(writing, [b"a" * 100_000, memoryview(b"b" * 100_000)])
    os.close(writing)
    reader.join()
    os.close(reading)
    assert (size, b"".join(got)) == (200_000, b"a" * 100_000 + b"b" * 100_000)
