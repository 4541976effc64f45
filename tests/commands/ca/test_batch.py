"""Tests of trustctl.commands.ca.batch: new files that appear whole, and what killed runs left."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from trustctl.commands.ca.batch import create_together, create_whole, resume
from trustctl.files import TEMPORARY


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def left(folder: Path, name: str, pid: int, content: bytes = b"new") -> Path:
    """An unfinished file of some process."""
    path = folder / f"{TEMPORARY}{name}-{pid}"
    path.write_bytes(content)
    return path


def names(folder: Path) -> list[str]:
    """What is there."""
    return sorted(one.name for one in folder.iterdir())


def test_they_are_there_and_nothing_else(tmp_path: Path) -> None:
    """With their content and mode; a second time nothing is overwritten and nothing is left."""
    new = [(f"{tmp_path}/{one}.crt", one.encode()) for one in "abc"]
    create_together(tmp_path, new, [])
    create_whole(f"{tmp_path}/a.key", b"key", mode=0o600)
    assert names(tmp_path) == ["a.crt", "a.key", "b.crt", "c.crt"]
    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        create_together(tmp_path, [(f"{tmp_path}/c.crt", b"other")], [])
    with pytest.raises(FileExistsError):
        create_whole(f"{tmp_path}/a.key", b"other", mode=0o600)
    assert names(tmp_path) == ["a.crt", "a.key", "b.crt", "c.crt"]
    assert (tmp_path / "c.crt").read_bytes() == b"c"


def test_a_run_that_had_begun_to_show_is_finished(tmp_path: Path, dead: int) -> None:
    """Where one file has appeared the others had been written whole: they appear too."""
    first = left(tmp_path, "a.crt", dead)
    left(tmp_path, "b.crt", dead)
    os.link(first, tmp_path / "a.crt")
    assert resume(tmp_path) == {tmp_path / "a.crt", tmp_path / "b.crt"}
    assert names(tmp_path) == ["a.crt", "b.crt"]


def test_a_run_that_had_not_is_forgotten(tmp_path: Path, dead: int) -> None:
    """What may be half a file never appears: not beside somebody else's file of that name, and not
    beside another run's."""
    (tmp_path / "a.crt").write_bytes(b"new")
    left(tmp_path, "a.crt", dead)
    left(tmp_path, "b.crt", dead, b"ne")
    left(tmp_path, "b.key", dead, b"ke")
    assert resume(tmp_path) == set()
    assert names(tmp_path) == ["a.crt"]


def test_a_run_that_still_writes_is_left_alone(tmp_path: Path) -> None:
    """Its files are its own; so is what is none of ours."""
    mine = left(tmp_path, "a.crt", os.getpid())
    (tmp_path / f"{TEMPORARY}notes-1x").write_bytes(b"")
    os.link(mine, tmp_path / "a.crt")
    assert resume(tmp_path) == set()
    assert mine.exists()
