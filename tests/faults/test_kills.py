"""Killed at each system call: nothing is torn, nothing is lost, and typed again it succeeds."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.operations import OPERATIONS
from tests.faults.sweep import CALLS, Sweep

pytestmark = pytest.mark.faults
READING = {
    "access", "brk", "chdir", "clock_gettime", "close", "dup", "dup2", "exit_group",
    "faccessat", "faccessat2", "fcntl", "fstat", "fstatfs", "futex", "getcwd", "getdents64",
    "getegid", "geteuid", "getgid", "getpid", "getppid", "getrandom", "gettid", "getuid", "ioctl",
    "kill", "lseek", "lstat", "madvise", "mmap", "mprotect", "mremap", "munmap", "newfstatat",
    "open", "openat", "poll", "prctl", "pread64", "read", "readlink", "readlinkat", "rt_sigaction",
    "rt_sigprocmask", "rt_sigreturn", "socket", "connect", "stat", "statfs", "statx", "sysinfo",
    "uname",
}  # fmt: skip
"""Calls that leave every file's content and name alone. A file that one of them makes by opening
it is empty until the next call."""
GROUPED = [pytest.param(one, marks=pytest.mark.xdist_group(one)) for one in OPERATIONS]


@pytest.mark.parametrize("name", GROUPED)
def test_a_kill_leaves_the_old_or_the_new_state(sweep: Callable[[str], Sweep], name: str) -> None:
    """Killed at any call, the inventory is sound and it and each target are wholly old or wholly
    new, what the inventory tells of is there, and the same command then ends as if undisturbed."""
    swept = sweep(name)
    for call in swept.counts:
        for number in swept.chosen(call):
            swept.kill(call, number)


@pytest.mark.parametrize("name", GROUPED)
def test_no_call_that_alters_a_file_is_left_out(
    sweep: Callable[[str], Sweep], name: str, tmp_path: Path
) -> None:
    """Whatever an operation calls beside what is swept only reads, or opens."""
    swept, log = sweep(name), tmp_path / "calls"
    swept.restore()
    assert swept.run("-o", str(log)).code == 0
    called = set(re.findall(r"^(\w+)\(", log.read_text(), re.MULTILINE))
    assert called - set(CALLS) <= READING
    assert set(swept.counts) == called & set(CALLS)


@pytest.mark.parametrize("name", ["add-first", "export-exim-first", "rollback-pem", "db-upgrade"])
def test_a_forked_command_is_the_command(
    sweep: Callable[[str], Sweep], name: str, tmp_path: Path
) -> None:
    """What is swept makes the very calls of the command that a person types, in their order."""
    swept = sweep(name)
    swept.restore()
    log = tmp_path / "calls"
    subprocess.run(
        [
            "strace", "-f", "--seccomp-bpf", "-o", str(log), "-e", "trace=" + ",".join(CALLS),
            "trustctl", "--db", "inventory/trustctl.db", *swept.operation.arguments,
        ],
        cwd=swept.world,
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    lines = [line.partition(" ")[2].lstrip() for line in log.read_text().splitlines()]
    typed = [line.partition("(")[0] for line in lines if not line.startswith(("+++", "---"))]
    assert typed == [line.partition("(")[0] for line in swept.log]
