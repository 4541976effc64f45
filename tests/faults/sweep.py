"""Runs an operation again and again, and lets it fail at each of its system calls in turn.

``strace -e inject`` counts a call out and kills the process on entering it, or makes the call fail.
All that an operation does to files lies between two of the calls in ``CALLS``: so the state that a
kill at each of them leaves is every state that a dying process can leave. It is not what a power
cut can leave: for that ``test_syncs`` looks at what was forced to the disk, and when.
"""

from __future__ import annotations

import collections
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults import state
from tests.faults.spawner import Ended, Spawner
from trustctl.files import TEMPORARY

CALLS = (
    "pwrite64", "write", "writev", "pwritev", "pwritev2", "copy_file_range", "sendfile",
    "fsync", "fdatasync", "syncfs", "sync_file_range", "msync", "ftruncate", "truncate",
    "fallocate", "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat",
    "symlink", "symlinkat", "mkdir", "mkdirat", "rmdir", "chmod", "fchmod", "fchmodat", "chown",
    "fchown", "lchown", "fchownat", "flock",
)  # fmt: skip
"""Every call by which a process alters files or folders, or waits for the disk."""

MANY = ("pwrite64", "write", "fchown", "fchmod")
"""Calls that follow one another by the dozen with nothing else between."""

DOCUMENTED = (6, 7)
"""The exit codes of an unusable inventory and of an unusable target."""

INTERRUPTED = 130
"""The exit code after ^C, as a shell has it."""

_CLAIM = re.compile(r"nothing was (changed|overwritten)|it was left as it is")


@dataclass(frozen=True)
class Operation:
    """A command and the state it begins in.

    Attributes:
        before: the commands that make that state. prepare: what else does.
        complete: what it says when there is nothing left to do, where that is an error.
    """

    arguments: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    prepare: Callable[[Path], None] | None = None
    complete: str | None = None


_TARGETS = ("exim", "bundle", "tree")


@dataclass(frozen=True)
class Seen:
    """What is there: the inventory, what readers of the targets see, and every file of theirs."""

    inventory: state.Inventory | None
    in_force: dict[str, dict[str, bytes] | None]
    bundle: bytes | None
    tree: state.Tree


class Sweep:
    """One operation, with its state before and after an undisturbed run."""

    def __init__(self, operation: Operation, folder: Path, inputs: Path, spawner: Spawner) -> None:
        self.operation, self._folder, self._spawner = operation, folder, spawner
        self._template, self.world = folder / "template", folder / "world"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copytree(inputs, self.world)
        for name in _TARGETS:
            (self.world / name).mkdir(mode=0o755)
        if operation.prepare is not None:
            operation.prepare(self.world)
        for arguments in operation.before:
            ended = spawner.run(self.world, ("--db", "inventory/trustctl.db", *arguments))
            assert ended.code == 0, ended.err
        self.world.rename(self._template)
        self._left: set[bytes] = set()
        self.restore()
        self.old = self.see()
        self._begun_with = self._generations()
        log = folder / "calls"
        self.undisturbed = self.run("-y", "-o", str(log), "-e", "trace=" + ",".join(CALLS))
        assert self.undisturbed.code == 0, self.undisturbed.err
        self.log = [line for line in log.read_text().splitlines() if not line.startswith("+++")]
        self.counts = collections.Counter(line.partition("(")[0] for line in self.log)
        self.new = self.see()
        assert self.new != self.old, "the operation alters nothing: nothing would be tested"
        assert state.leftovers(self.world) == []

    def run(self, *strace: str) -> Ended:
        """Run the operation."""
        arguments = ("--db", "inventory/trustctl.db", *self.operation.arguments)
        return self._spawner.run(self.world, arguments, strace)

    def restore(self) -> None:
        """Bring back the state before."""
        shutil.rmtree(self.world, ignore_errors=True)
        shutil.copytree(self._template, self.world, symlinks=True)
        for one in self._template.rglob("*"):  # copytree leaves groups out
            if not one.is_symlink() and (info := one.lstat()).st_gid != 0:
                shutil.chown(self.world / one.relative_to(self._template), group=info.st_gid)

    def see(self) -> Seen:
        """What is there now; what is torn or broken fails here."""
        published = self.world / "bundle/ca-certificates.crt"
        roots = [
            self.world / "exim/trustctl",
            self.world / "tree",
            *self.world.glob("inventory/generations/*"),
        ]
        for root in roots:
            state.assert_none_torn(root)
        return Seen(
            state.inventory(self.world / "inventory", self._folder / "looked-at"),
            {str(one.relative_to(self.world)): state.in_force(one) for one in roots},
            published.read_bytes() if published.exists() else None,
            {
                f"{one}/{path}": found
                for one in _TARGETS
                for path, found in state.tree(self.world / one).items()
            },
        )

    def _generations(self) -> list[Path]:
        return sorted(self.world.glob("**/generations/0*"))

    def chosen(self, call: str) -> list[int]:
        """The numbers of the calls to stop at: all, but of a long run of the same ``MANY`` alone
        the first and the last three, and every tenth between."""
        numbers = list(range(1, self.counts[call] + 1))
        if call not in MANY or len(numbers) <= 8:
            return numbers
        return numbers[:3] + numbers[3:-3:10] + numbers[-3:]

    def kill(self, call: str, number: int) -> None:
        """Let it be killed on entering the numbered call, look, and let it run again."""
        self.restore()
        ended = self.run(*_inject(call, f"signal=SIGKILL:when={number}"))
        assert ended.code == -signal.SIGKILL, f"{call} {number}: {ended}"
        left = state.signature(self.world)
        if left in self._left:
            return  # to the byte what an earlier kill left: it was looked at then
        self._left.add(left)
        self.look(f"killed at {call} {number}")
        self._again(f"after a kill at {call} {number}")

    def interrupt(self, call: str, number: int, sent: signal.Signals) -> None:
        """Let the numbered call be interrupted by a signal, look, and let it run again."""
        self.restore()
        why = f"{sent.name} at {call} {number}"
        ended = self.run(*_inject(call, f"signal={sent.name}:when={number}"))
        seen = self.look(why)
        if sent is signal.SIGINT:
            assert ended.code in (0, INTERRUPTED), f"{why}: {ended}"
            assert "Traceback" not in ended.err, ended
            assert "interrupted" in ended.err or ended.code == 0, ended
            if _CLAIM.search(ended.err):
                assert seen.inventory == self.old.inventory, f"it claims no change; {why}"
        else:
            assert ended.code == -sent, f"{why}: {ended}"
        self._again(f"after {why}")

    def fail(self, call: str, error: str, when: str) -> Ended:
        """Let calls fail, look, and let it run again once they no longer do."""
        self.restore()
        ended = self.run(*_inject(call, f"error={error}:when={when}"))
        why = f"{call} {when} failing with {error}: {ended}"
        seen = self.look(why)
        # what cannot be removed stays
        tidy = call != "unlink"
        if ended.code == 0:
            self._compare_end(why, tidy=tidy)
        else:
            assert ended.code in DOCUMENTED, why
            assert_told(ended, why, silent=call == "write")
            assert not tidy or state.leftovers(self.world) == [], why
            if tidy and (seen.in_force, seen.bundle) == (self.old.in_force, self.old.bundle):
                assert self._generations() == self._begun_with, f"one more is left, {why}"
            if _CLAIM.search(ended.err):
                changed = seen.inventory != self.old.inventory and not _is_empty(seen.inventory)
                assert not changed, f"it claims no change; {why}"
        self._again(why, tidy=tidy)
        return ended

    def look(self, why: str) -> Seen:
        """Each of the parts is wholly old or wholly new, and none is ahead of what it tells of."""
        seen, old, new = self.see(), self.old, self.new
        begun = old.inventory is None and _is_empty(seen.inventory)
        assert begun or seen.inventory in (old.inventory, new.inventory), f"the inventory, {why}"
        assert seen.bundle in (old.bundle, new.bundle), f"the bundle, {why}"
        for name, found in seen.in_force.items():
            known = [one.in_force.get(name) for one in (old, new)]
            assert found in known, f"what is in force at {name}, {why}"
        if seen.inventory == new.inventory != old.inventory:
            ahead = (seen.in_force, seen.bundle) != (new.in_force, new.bundle)
            assert not ahead, f"the inventory tells of what is not there, {why}"
        for folder in self._claimed(seen):
            assert (folder / "manifest").exists(), f"{folder} is told of and is not there, {why}"
        for path, (_mode, content) in seen.tree.items():
            if TEMPORARY in path or "/sets/" in path:
                continue  # a set's name is its hash: see() has looked at those that count
            allowed = [one.tree[path][1] for one in (old, new) if path in one.tree]
            assert content in allowed, f"{path} is neither the old nor the new one, {why}"
        return seen

    def _claimed(self, seen: Seen) -> list[Path]:
        """The generations that the inventory says are in force, where anything is."""
        if seen.inventory is None:
            return []
        roots = {"exim": self.world / "exim/trustctl", "tree": self.world / "tree"}
        for one in self.world.glob("inventory/generations/*"):
            roots["bundle"] = one
        return [
            root / f"generations/{number:08}"
            for path, number in seen.inventory.claims.items()
            if (root := roots.get(Path(path).name)) is not None
            and os.path.lexists(root / "current")
        ]

    def _again(self, why: str, *, tidy: bool = True) -> None:
        complete = self.operation.complete is not None and self.see() == self.new
        ended = self.run()
        if complete:
            assert str(self.operation.complete) in ended.err, f"typed again: {ended}, {why}"
        else:
            assert ended.code == 0, f"typed again: {ended}, {why}"
        self._compare_end(f"typed again, {why}", tidy=tidy)

    def _compare_end(self, why: str, *, tidy: bool) -> None:
        seen = self.see()
        assert seen.inventory == self.new.inventory, why
        assert (seen.in_force, seen.bundle) == (self.new.in_force, self.new.bundle), why
        for folder in self._claimed(seen):
            assert folder == (folder.parents[1] / "current").resolve(), f"{folder}, {why}"
        names = [name for found in self.new.in_force.values() for name in found or ()]
        assert state.settled(seen.tree, names) == state.settled(self.new.tree, names), why
        assert state.orphans(self.world / "exim/trustctl") == set(), why
        assert not tidy or state.leftovers(self.world) == [], why


def _is_empty(found: state.Inventory | None) -> bool:
    """Whether it is an inventory that has just been made: nothing is in it but its version."""
    return found is not None and all(
        not rows for name, rows in found.rows.items() if name != "alembic_version"
    )


def assert_told(ended: Ended, why: str, *, silent: bool = False) -> None:
    """The error is one line and a hint, no traceback. ``silent``: stderr may have failed too."""
    assert "Traceback" not in ended.err, why
    assert "internal error" not in ended.err, why
    if not silent:
        lines = ended.err.splitlines()
        assert [one for one in lines[:-1] if one.startswith("trustctl: error: ")], why
        assert lines[-1].startswith("hint: "), why


def _inject(call: str, what: str) -> Iterator[str]:
    yield from ("-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{what}")
