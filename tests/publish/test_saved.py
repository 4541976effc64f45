"""Files rewritten together: all of them, or everything as it was."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.publish.box import tree
from tests.tools import require, require_root
from trustctl.errors import TargetError
from trustctl.publish.saved import pending, restore, save, write

_OWNER, _GROUP = 65534, 65533


def _make(folder: Path) -> dict[Path, bytes | None]:
    """Files of odd modes and owners, and what they are to become: changed, made, removed."""
    require_root()
    (folder / "conf").mkdir()
    (folder / "snippets").mkdir(mode=0o751)
    os.chown(folder / "snippets", -1, _GROUP)
    for name, mode in (("conf/a", 0o604), ("conf/b", 0o640), ("snippets/c", 0o600), ("d", 0o444)):
        path = folder / name
        path.write_bytes(f"old {name}".encode())
        path.chmod(mode)
        os.chown(path, _OWNER, _GROUP)
    return {
        folder / "conf" / "a": b"new a",
        folder / "new" / "e": b"new e",
        folder / "conf" / "b": None,
        folder / "snippets" / "c": None,
        folder / "d": b"new d",
    }


def _seen(path: Path) -> tuple[bytes, int, int, int]:
    info = path.stat()
    return path.read_bytes(), stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid


def test_all_are_written(tmp_path: Path) -> None:
    """What was there keeps mode, owner and group; what is new is its group's to read."""
    wanted = _make(tmp_path)
    write(wanted, group=_GROUP)
    assert _seen(tmp_path / "conf" / "a") == (b"new a", 0o604, _OWNER, _GROUP)
    assert _seen(tmp_path / "d") == (b"new d", 0o444, _OWNER, _GROUP)
    assert _seen(tmp_path / "new" / "e") == (b"new e", 0o640, 0, _GROUP)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o750
    assert not (tmp_path / "conf" / "b").exists()
    assert not (tmp_path / "snippets").exists(), "a folder of ours goes with its last file"


def test_restore_brings_everything_back(tmp_path: Path) -> None:
    """Content, mode, owner and group of every file and folder; what is new goes."""
    wanted = _make(tmp_path)
    before = tree(tmp_path)
    saved = write(wanted, group=_GROUP)
    assert tree(tmp_path) != before
    restore(saved)
    assert tree(tmp_path) == before


def test_nothing_to_do_does_nothing(tmp_path: Path) -> None:
    """What is as wanted is not written again."""
    wanted = _make(tmp_path)
    write(wanted, group=_GROUP)
    inodes = {one: one.stat().st_ino for one in tmp_path.rglob("*")}
    assert pending(wanted) == {}
    assert write(wanted, group=_GROUP) == ()
    assert {one: one.stat().st_ino for one in tmp_path.rglob("*")} == inodes


def test_what_comes_is_written_before_what_goes(tmp_path: Path) -> None:
    """New files in the order in which they are wanted, removals after them, the last one first."""
    wanted = _make(tmp_path)
    names = [str(one.relative_to(tmp_path)) for one in pending(wanted)]
    assert names == ["conf/a", "new/e", "d", "snippets/c", "conf/b"]


_SCRIPT = """
import sys
from pathlib import Path
from trustctl.errors import TargetError
from trustctl.publish.saved import write
d = Path(sys.argv[1])
wanted = {d / "conf" / "a": b"new a", d / "new" / "e": b"new e", d / "conf" / "b": None,
          d / "snippets" / "c": None, d / "d": b"new d"}
try:
    write(wanted, group=65533)
    print("written")
except TargetError as error:
    print("refused", error.message)
"""


def _injected(folder: Path, inject: str) -> str:
    require("strace")
    ran = subprocess.run(
        ["strace", "-qq", "-o", "/dev/null", "-e", f"inject={inject}",
         sys.executable, "-B", "-c", _SCRIPT, str(folder)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize(
    ("system", "counts"), [("rename", 3), ("unlink", 5), ("fsync", 9), ("fchmod", 3), ("chown", 4)]
)
def test_whichever_step_fails_everything_is_as_it_was(
    tmp_path: Path, system: str, counts: int
) -> None:
    """Each rename, removal, sync, mode and owner in turn fails once, the rest of the disk works."""
    refused = 0
    for number in range(1, counts + 1):
        folder = tmp_path / str(number)
        folder.mkdir()
        _make(folder)
        before = tree(folder)
        said = _injected(folder, f"{system}:error=EIO:when={number}")
        if said == "written\n":
            assert tree(folder) != before
            continue
        assert said.startswith("refused")
        assert tree(folder) == before, (system, number)
        refused += 1
    assert refused, "the control: nothing was ever refused"


def test_a_disk_that_stays_broken_is_told(tmp_path: Path) -> None:
    """Where nothing can be brought back either, the error is a clear one."""
    _make(tmp_path)
    assert _injected(tmp_path, "rename:error=EIO:when=2+").startswith("refused")


def test_one_file_that_cannot_be_restored_does_not_keep_the_others(tmp_path: Path) -> None:
    """All the others are brought back, and the one is named."""
    wanted = _make(tmp_path)
    saved = write(wanted, group=_GROUP)
    blocked = tmp_path / "d"
    blocked.unlink()
    blocked.mkdir()
    assert saved[0].path != blocked
    assert saved[-1].path != blocked, "there are some before and some after it"
    with pytest.raises(TargetError, match=str(blocked)):
        restore(saved)
    assert _seen(tmp_path / "conf" / "a") == (b"old conf/a", 0o604, _OWNER, _GROUP)
    assert _seen(tmp_path / "conf" / "b") == (b"old conf/b", 0o640, _OWNER, _GROUP)
    assert _seen(tmp_path / "snippets" / "c") == (b"old snippets/c", 0o600, _OWNER, _GROUP)
    assert not (tmp_path / "new").exists() or not os.listdir(tmp_path / "new")


@pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    """Nothing is read or written through it."""
    path = tmp_path / "x"
    if kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    before = tree(tmp_path)
    for call in (lambda: save(path), lambda: write({path: b"new"}, group=None)):
        with pytest.raises(TargetError, match=r"link|not a file"):
            call()
    assert tree(tmp_path) == before


def test_a_folder_of_everybodys_is_refused(tmp_path: Path) -> None:
    """What Exim reads from it could be swapped; what was written before is brought back."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    before = tree(tmp_path)
    wanted: dict[Path, bytes | None] = {tmp_path / "a": b"new", tmp_path / "open" / "b": b"new"}
    with pytest.raises(TargetError, match="everybody may write"):
        write(wanted, group=None)
    assert tree(tmp_path) == before


def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    """In the folders that are written to."""
    left = tmp_path / ".trustctl-tmp-a-999999999"
    left.write_bytes(b"half")
    write({tmp_path / "a": b"new"}, group=None)
    assert os.listdir(tmp_path) == ["a"]
