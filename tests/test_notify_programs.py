"""A program that others could change is not run: each way in, with the attack working without."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.faults.typed import world_can_reach
from tests.test_notify import REPORT, script
from tests.tools import require_root
from trustctl.errors import TargetError
from trustctl.notify import refuse_writable, run_command


@pytest.fixture
def unsafe(tmp_path: Path) -> Path:
    """A folder that a stranger may write in, with a hook of ours."""
    require_root()
    world_can_reach(tmp_path)
    folder = tmp_path / "hooks"
    folder.mkdir(mode=0o755)
    script(folder, "hook", f"touch {tmp_path}/ours")
    return folder


_STRANGER = 65534


def _as_stranger(command: str) -> int:
    words = ("setpriv", f"--reuid={_STRANGER}", f"--regid={_STRANGER}", "--clear-groups")
    return subprocess.run((*words, "sh", "-c", command), check=False, timeout=60).returncode


@pytest.mark.parametrize("way", ["file", "group", "folder", "above", "owner", "owned-folder"])
def test_a_program_that_a_stranger_can_change_is_not_run(unsafe: Path, way: str) -> None:
    """The stranger puts in what they like, and without the look it runs as us."""
    hook = unsafe / "hook"
    refuse_writable(str(hook))
    run_command((str(hook),), REPORT)
    if way == "file":
        hook.chmod(0o757)
    elif way == "group":
        os.chown(hook, 0, _STRANGER)
        hook.chmod(0o775)
    elif way == "folder":
        unsafe.chmod(0o777)
    elif way == "above":
        unsafe.parent.chmod(0o777)
    else:
        os.chown(hook if way == "owner" else unsafe, _STRANGER, 0)
    evil = f"#!/bin/sh\ntouch {unsafe.parent}/theirs\n"
    attack = f"printf %s {shlex.quote(evil)}"
    attack = {
        "folder": f"rm -f {hook} && {attack} > {hook} && chmod 755 {hook}",
        "owned-folder": f"rm -f {hook} && {attack} > {hook} && chmod 755 {hook}",
        "above": f"mv {unsafe} {unsafe}.old && mkdir {unsafe} && {attack} > {hook} "
        f"&& chmod -R 755 {unsafe}",
    }.get(way, f"{attack} > {hook}")
    assert _as_stranger(attack) == 0
    with pytest.raises(TargetError, match=r"others may write|belongs to user") as caught:
        run_command((str(hook),), REPORT)
    assert caught.value.hint
    assert not (unsafe.parent / "theirs").exists()
    subprocess.run([hook], check=True)
    assert (unsafe.parent / "theirs").exists()


def test_a_link_is_followed_and_each_step_is_looked_at(unsafe: Path) -> None:
    """A link in a safe folder, to a program in an unsafe one, is as unsafe as that."""
    link = unsafe.parent / "link"
    link.symlink_to("./hooks/../hooks/hook")
    refuse_writable(str(link))
    unsafe.chmod(0o777)
    with pytest.raises(TargetError, match="others may write"):
        refuse_writable(str(link))
    unsafe.chmod(0o755)
    os.chown(link, _STRANGER, 0, follow_symlinks=False)
    with pytest.raises(TargetError, match="belongs to user 65534"):
        refuse_writable(str(link))


@pytest.mark.parametrize("name", ["missing", "circle", ".", "pipe"])
def test_what_is_no_program_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing, links without end, a folder, a pipe: an error, and no traceback."""
    (tmp_path / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "pipe", 0o700)
    with pytest.raises(TargetError):
        run_command((f"{tmp_path}/{name}",), REPORT)


def test_a_file_that_cannot_be_executed_says_so(tmp_path: Path) -> None:
    """No permission; no interpreter; no program at all."""
    plain = script(tmp_path, "plain", "true")
    plain.chmod(0o644)
    with pytest.raises(TargetError, match="cannot be run: permission denied"):
        run_command((str(plain),), REPORT)
    plain.write_bytes(b"\0\1\2")
    plain.chmod(0o755)
    with pytest.raises(TargetError, match="cannot be run: exec format error"):
        run_command((str(plain),), REPORT)
