"""Several files that take the place of what is there: all of them, or none."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.publish.box import tree
from tests.tools import require
from trustctl import files
from trustctl.files import New

_SCRIPT = """
import sys
from pathlib import Path
from trustctl.files import New, replace_together
folder = Path(sys.argv[1])
replace_together([New(folder / name, b"new", 0o600, None, None) for name in ("a.key", "a.crt")])
"""


def _begin(folder: Path) -> None:
    for name in ("a.key", "a.crt"):
        (folder / name).write_bytes(b"old")
        (folder / name).chmod(0o600)


def _strace(folder: Path, *options: str) -> str:
    require("strace")
    done = subprocess.run(
        ["strace", "-f", "-qq", "-y", *options, sys.executable, "-B", "-c", _SCRIPT, str(folder)],
        capture_output=True, text=True, check=False, env=os.environ,
    )  # fmt: skip
    return done.stderr


def test_nothing_lies_between_the_two_renames(tmp_path: Path) -> None:
    """Both are written and on the disk before the first; then one call follows the other."""
    _begin(tmp_path)
    told = _strace(tmp_path, "-e", "trace=write,fsync,rename")
    calls = re.findall(rf"(write|fsync|rename)\([^\n]*{re.escape(str(tmp_path))}", told)
    assert calls == ["write", "fsync", "write", "fsync", "rename", "rename", "fsync"]


@pytest.mark.parametrize(("at", "seen"), [(1, ["old", "old"]), (2, ["new", "old"])])
def test_a_kill_between(tmp_path: Path, at: int, seen: list[str]) -> None:
    """The one moment at which a key and its certificate can be of two minds: why an Exim's pair is
    swapped by one rename. Typed again, it ends well."""
    _begin(tmp_path)
    _strace(tmp_path, "-o", "/dev/null", "-e", f"inject=rename:signal=SIGKILL:when={at}")
    assert [(tmp_path / name).read_text() for name in ("a.key", "a.crt")] == seen
    _strace(tmp_path, "-o", "/dev/null", "-e", "trace=rename")
    assert [(tmp_path / name).read_text() for name in ("a.key", "a.crt")] == ["new", "new"]


def test_one_that_cannot_be_written_leaves_all_as_they_were(tmp_path: Path) -> None:
    """And no half-written file either."""
    _begin(tmp_path)
    before = tree(tmp_path)
    new = [New(tmp_path / name, b"new", 0o600, None, None) for name in ("a.key", "x" * 250)]
    with pytest.raises(OSError, match="too long"):
        files.replace_together(new)
    assert tree(tmp_path) == before
