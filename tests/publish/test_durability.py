"""What survives a loss of power: an audit of the system calls of real exports."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.publish.box import tree
from tests.tools import require
from trustctl.publish.place import Format

_CALL = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?(\w+)\((.*)\) += (-?\d+)(?:<(.*?)>)?")
_TRACED = (
    "openat,write,pwrite64,writev,ftruncate,mkdir,symlink,rename,renameat,renameat2,link,unlink,"
    "rmdir,fsync,fdatasync,syncfs"
)
_SCRIPT = """
import sys
from pathlib import Path
from tests.publish.targets import Target
from trustctl.publish import history
target = Target(Path(sys.argv[1]), sys.argv[2])
peers = [target.peer(f"p{one}", one) for one in range(4)]
assert target.export(*peers)
assert target.export(*peers[1:], target.peer("new", 9))
history.rollback(target.place, 1)
"""


class Audit:
    """What is on the disk and what is in memory alone, call by call.

    A file is dirty from its first write to its sync; a folder from a change of its entries to its
    sync. ``steps`` are the renames, each with what was dirty below it and elsewhere.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.files: set[str] = set()
        self.folders: set[str] = set()
        self.links: set[str] = set()
        self.steps: list[tuple[str, str]] = []
        self.faults: list[str] = []

    def call(self, name: str, arguments: str, returned: str, opened: str | None) -> None:
        """One system call that succeeded."""
        quoted = [
            os.path.normpath(os.path.join(self.folder, one))
            for one in re.findall(r'"((?:[^"\\]|\\.)*)"', arguments)
        ]
        handle = re.match(r"\d+<(.*?)>", arguments)
        path = handle[1] if handle else ""
        if name == "openat" and "O_CREAT" in arguments and opened and self._ours(opened):
            self.files.add(opened)
            self.folders.add(os.path.dirname(opened))
        elif name in ("write", "pwrite64", "writev", "ftruncate") and self._ours(path):
            self.files.add(path)
        elif name in ("mkdir", "unlink", "rmdir") and self._ours(quoted[-1]):
            self.folders.add(os.path.dirname(quoted[-1]))
            self.files.discard(quoted[-1])
            self.folders.discard(quoted[-1])
        elif name == "symlink" and self._ours(quoted[-1]):
            self.links.add(quoted[-1])
            self.folders.add(os.path.dirname(quoted[-1]))
        elif name in ("fsync", "fdatasync"):
            self.files.discard(path)
            self.folders.discard(path)
        elif name == "syncfs":
            self.files.clear()
            self.folders.clear()
        elif name.startswith("rename") and self._ours(quoted[-1]):
            self._rename(quoted[-2], quoted[-1])

    def _ours(self, path: str) -> bool:
        return path.startswith(self.folder) and os.path.basename(path) != "lock"

    def _rename(self, old: str, new: str) -> None:
        below = [one for one in self.files | self.folders if (one + "/").startswith(old + "/")]
        self.faults += [f"{new}: renamed before {one} was synced" for one in below]
        if os.path.basename(new) in ("current", "ca-certificates.crt"):
            # what it puts in force has to be there, names and all; its own folder follows
            rest = (self.files | self.folders) - {os.path.dirname(new), os.path.dirname(old)}
            self.faults += [f"{new}: in force before {one} was synced" for one in rest]
        self.steps.append((old, new))
        self.files.discard(old)
        self.folders.add(os.path.dirname(new))

    def end(self) -> None:
        """Nothing that was put in force may be in memory alone when the command says so."""
        self.faults += [f"{one} was never synced" for one in self.files]
        renamed = {os.path.dirname(new) for _old, new in self.steps}
        self.faults += [f"{one} was never synced" for one in self.folders & renamed]


def _audit(folder: Path, script: str, *arguments: str) -> Audit:
    require("strace")
    trace = folder.parent / f"{folder.name}.trace"
    ran = subprocess.run(
        ["strace", "-f", "-y", "-qq", "-s", "4096", "-o", str(trace), "-e", f"trace={_TRACED}",
         sys.executable, "-B", "-c", script, str(folder), *arguments],
        capture_output=True, text=True, check=False, timeout=120,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    audit = Audit(folder)
    for line in trace.read_text(errors="replace").splitlines():
        found = _CALL.match(line)
        if found is not None and int(found[3]) >= 0:
            audit.call(found[1], found[2], found[3], found[4])
    audit.end()
    return audit


@pytest.mark.parametrize("format_name", ["exim", "pem"])
def test_what_is_put_in_force_is_on_the_disk(tmp_path: Path, format_name: Format) -> None:
    """In two exports and a rollback: each file was synced before its rename, everything before it
    was put in force, and then the folder that has its name."""
    folder = tmp_path / "world"
    folder.mkdir()
    audit = _audit(folder, _SCRIPT, format_name)
    names = [os.path.basename(new) for _old, new in audit.steps]
    assert names.count("current") == 3, names
    assert names.count("00000002") == 1
    assert names.count("ca-certificates.crt") == (3 if format_name == "pem" else 0)
    assert audit.faults == []
    assert tree(folder)


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("o.write(b'x'); os.rename('a.new', 'a')", "before"),
        ("o.write(b'x'); os.fsync(o.fileno()); os.rename('a.new', 'a')", "never synced"),
    ],
    ids=["the file is not synced", "the folder is not synced"],
)
def test_the_audit_finds_what_is_missing(tmp_path: Path, script: str, fault: str) -> None:
    """The control: a rename without a sync of the file before it, or of the folder after it."""
    folder = tmp_path / "world"
    folder.mkdir()
    before = "import os, sys; os.chdir(sys.argv[1]); o = open('a.new', 'wb', buffering=0); "
    audit = _audit(folder, before + script)
    assert any(fault in one for one in audit.faults)
