"""Tests of trustctl.commands.ca.batch: new files that appear whole, and what killed runs left."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from trustctl.ca.keyfile import private_pem
from trustctl.ca.kinds import generate
from trustctl.commands.ca.batch import NewFolder, create_together, create_whole, resume
from trustctl.errors import TargetError
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


def left_folder(folder: Path, pid: int) -> Path:
    """What a killed run left of a new folder: a key, half a key, and a certificate."""
    scratch = folder.with_name(f"{TEMPORARY}{folder.name}-{pid}")
    scratch.mkdir(0o700)
    for name, content in (
        ("a.key", private_pem(generate("ecdsa-p256"))), ("b.key", b"-----BEGIN"), ("a.crt", b"?"),
    ):  # fmt: skip
        (scratch / name).write_bytes(content)
        (scratch / name).chmod(0o600)
    return scratch


def test_a_new_folder_appears_with_all_that_is_in_it(tmp_path: Path) -> None:
    """Until then nothing has its name; then its files are whole, it is private, and nothing else
    is left."""
    folder = tmp_path / "out"
    new = NewFolder(folder)
    assert not new.taken_up
    (new.scratch / "a.key").write_bytes(b"key")
    assert not folder.exists()
    new.appear([(f"{new.scratch}/a.crt", b"certificate")], [f"{new.scratch}/a.key"])
    assert names(tmp_path) == ["out"]
    assert names(folder) == ["a.crt", "a.key"]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "a.crt").stat().st_mode & 0o777 == 0o644
    assert (folder / "a.crt").read_bytes() == b"certificate"


def test_the_keys_of_a_killed_run_are_taken_up(tmp_path: Path, dead: int) -> None:
    """Those that are whole; what may be half a file is not. Another folder's, whose name only
    begins alike, and those of a run that still writes are left alone."""
    folder = tmp_path / "out"
    key = (left_folder(folder, dead) / "a.key").read_bytes()
    others = [left_folder(tmp_path / "out-2", dead), left_folder(folder, os.getppid())]
    new = NewFolder(folder)
    assert new.taken_up
    assert names(new.scratch) == ["a.key"]
    assert (new.scratch / "a.key").read_bytes() == key
    assert [names(one) for one in others] == [["a.crt", "a.key", "b.key"]] * 2
    assert not (tmp_path / f"{TEMPORARY}out-{dead}").exists()


def test_the_keys_of_a_run_that_had_our_number_are_taken_up(tmp_path: Path) -> None:
    """Where numbers of processes are few, as in a container."""
    left_folder(tmp_path / "out", os.getpid())
    new = NewFolder(tmp_path / "out")
    assert new.taken_up
    assert names(new.scratch) == ["a.key"]


def test_keys_that_somebody_else_may_have_planted_are_not(tmp_path: Path, dead: int) -> None:
    """A folder where everybody may write, a link, another user's folder: none is taken for one that
    a killed run left."""
    folder = tmp_path / "out"
    planted = left_folder(folder, dead)
    planted.chmod(0o777)
    assert not NewFolder(folder).taken_up
    moved = planted.rename(tmp_path / "elsewhere")
    moved.chmod(0o700)
    planted.symlink_to(moved)
    assert not NewFolder(folder).taken_up
    assert names(moved) == ["a.crt", "a.key", "b.key"]


def test_an_empty_folder_that_a_killed_run_left_is_removed(tmp_path: Path, dead: int) -> None:
    """There is nothing in it to take up; given up, the new one goes too."""
    (tmp_path / f"{TEMPORARY}out-{dead}").mkdir()
    new = NewFolder(tmp_path / "out")
    assert not new.taken_up
    new.give_up()
    assert names(tmp_path) == []


def test_where_the_last_files_cannot_be_written_the_keys_stay(tmp_path: Path) -> None:
    """They are keys of certificates by then: the folder appears with them alone."""
    folder = tmp_path / "out"
    new = NewFolder(folder)
    (new.scratch / "a.key").write_bytes(b"key")
    certificates = [(f"{new.scratch}/a.crt", b"a"), (f"{new.scratch}/no/b.crt", b"b")]
    with pytest.raises(FileNotFoundError):
        new.appear(certificates, [f"{new.scratch}/a.key"])
    assert names(tmp_path) == ["out"]
    assert names(folder) == ["a.key"]


def test_a_folder_that_another_run_made_meanwhile_is_joined(tmp_path: Path) -> None:
    """Both runs' files are in it; one that is there is not overwritten, and the other's stay where
    they are found again."""
    folder = tmp_path / "out"
    first, second, third = NewFolder(folder), tmp_path / "second", tmp_path / "third"
    for number, name in ((first.scratch, "a"), (second, "b"), (third, "a")):
        number.mkdir(exist_ok=True)
        (number / f"{name}.key").write_bytes(number.name.encode())
        (number / f"{name}.crt").write_bytes(b"certificate")
    first.appear([], [])
    for scratch, joins in ((second, True), (third, False)):
        new = NewFolder(folder.with_name("other"))
        os.rmdir(new.scratch)
        scratch.rename(new.scratch)
        new._folder = folder
        if joins:
            new.appear([], [])
            assert not new.scratch.exists()
        else:
            with pytest.raises(FileExistsError):
                new.appear([], [])
            assert names(new.scratch) == ["a.crt", "a.key"]
    assert names(folder) == ["a.crt", "a.key", "b.crt", "b.key"]
    assert (folder / "a.key").read_bytes() == first.scratch.name.encode()


def test_nothing_is_joined_to_a_folder_where_everybody_may_write(tmp_path: Path) -> None:
    """Or to what a link leads to: the files stay where they are."""
    folder = tmp_path / "out"
    new = NewFolder(folder)
    (new.scratch / "a.key").write_bytes(b"key")
    folder.mkdir()
    (folder / "x").write_bytes(b"")
    folder.chmod(0o777)
    with pytest.raises(TargetError):
        new.appear([], [])
    assert names(folder) == ["x"]
    assert names(new.scratch) == ["a.key"]
