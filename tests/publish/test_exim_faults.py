"""Tests of trustctl.publish.exim: killed at each step, Exim still has a configuration to read."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable

import pytest

from tests.publish.box import DRIVER, Box

pytestmark = [pytest.mark.lab, pytest.mark.faults]
Make = Callable[..., Box]
_MOST = 40


def killed(box: Box, action: str, call: str, number: int) -> bool:
    """Run an action that is killed at its numbered call; False: it ended before that."""
    done = box.command(
        "strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
        "-e", f"inject={call}:signal=SIGKILL:when={number}",
        sys.executable, "-c", DRIVER, action, "/etc/exim4", check=False,
    )  # fmt: skip
    return done.returncode == -signal.SIGKILL


@pytest.fixture(autouse=True)
def _strace() -> None:
    if shutil.which("strace") is None:
        if os.environ.get("TRUSTCTL_REQUIRE_ALL") == "1":
            pytest.fail("strace is not installed")
        pytest.skip("strace is not installed")


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("call", ["rename", "fsync", "unlink"])
def test_a_kill_at_any_step_leaves_an_exim_that_works(exim: Make, split: bool, call: str) -> None:
    """After each kill Exim reads and generates its configuration, and the command then succeeds."""
    box = exim(split=split)
    (box.etc / "trustctl/lock").touch(mode=0o600)
    start, kills = box.tree(), 0
    for action in ("apply", "withdraw"):
        for number in range(1, _MOST):
            if action == "withdraw":
                assert "error" not in box.trustctl("apply")
            if not killed(box, action, call, number):
                break
            kills += 1
            box.command("update-exim4.conf")
            box.command("exim4", "-bP", "router_list")
            answer = box.trustctl(action)
            assert "error" not in answer, answer
            assert box.trustctl("state")["said"]["effective"] == (action == "apply")
            box.trustctl("withdraw")
            assert box.tree() == start, f"{action} killed at {call} {number}"
        box.trustctl("withdraw")
    assert kills, f"no {call} was ever hit"
