"""Adds, exports and readers at once, each a process of its own."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests import certs
from tests.console import ANN, Console

pytestmark = pytest.mark.faults
WRITERS, EACH, EXPORTERS = 3, 4, 2
_SET = re.compile(rb"set=([0-9a-f]{64})\.pem")
_LOOP = """
import subprocess, sys
count, *words = sys.argv[1:]
for number in range(int(count)):
    done = subprocess.run(
        [sys.executable, "-m", "trustctl", *(one.replace("@", str(number)) for one in words)],
        capture_output=True, text=True, check=False,
    )
    print(done.returncode, done.stderr.replace("\\n", "|"))
"""


class Reader(threading.Thread):
    """Reads what is in force again and again, as an MTA does, and notes what is not whole."""

    def __init__(self, target: Path) -> None:
        super().__init__()
        self._root, self._done = target / "trustctl", threading.Event()
        self.broken: list[str] = []
        self.seen: set[frozenset[bytes]] = set()

    def run(self) -> None:
        while not self._done.is_set():
            try:
                self._read()
            except (OSError, AssertionError) as error:
                self.broken.append(repr(error))

    def _read(self) -> None:
        # one look at the link, as a directory that is held open: then it is one generation's
        folder = os.open(self._root / "current", os.O_RDONLY | os.O_DIRECTORY)
        try:
            parts = {}
            for name in ("peers.map", "manifest"):
                handle = os.open(name, os.O_RDONLY, dir_fd=folder)
                with os.fdopen(handle, "rb") as file:
                    parts[name] = file.read()
        finally:
            os.close(folder)
        digest = hashlib.sha256(parts["peers.map"]).hexdigest().encode()
        assert digest + b" " in parts["manifest"], "a map of another generation"
        for name in _SET.findall(parts["peers.map"]):
            content = (self._root / "sets" / f"{name.decode()}.pem").read_bytes()
            assert hashlib.sha256(content).hexdigest().encode() == name, "a torn trust set"
        self.seen.add(frozenset(line.split(b"\t")[0] for line in parts["peers.map"].splitlines()))

    def stop(self) -> None:
        """End it."""
        self._done.set()
        self.join()


def test_adds_exports_and_readers_at_once(console: Console, foo: certs.Made) -> None:
    """No add is lost, every export that succeeds is a state that the inventory had, a reader sees
    only whole states, and a last export has them all."""
    console.pin(foo, "foo")
    console.target.mkdir(mode=0o755)
    export = ("export", "--to", "target", "--format", "exim", "--yes")
    console(*export)
    for number in range(WRITERS * EACH):
        made = certs.self_signed(f"mx.p{number}.test")
        console.write(f"p{number // EACH}-{number % EACH}.pem", made.pem)
        console.write(f"p{number // EACH}-{number % EACH}.sha256", made.fingerprint.encode())
    reader = Reader(console.target)
    reader.start()
    try:
        running = [
            subprocess.Popen(
                [sys.executable, "-c", _LOOP, str(EACH), "--db", str(console.db), "add",
                 f"p{writer}-@.pem", "--peer", f"p{writer}-@", "--domain", f"p{writer}-@.test"],
                stdout=subprocess.PIPE, text=True, cwd=console.folder,
            )
            for writer in range(WRITERS)
        ]  # fmt: skip
        running += [
            subprocess.Popen(
                [sys.executable, "-c", _LOOP, str(EACH), "--db", str(console.db), *export],
                stdout=subprocess.PIPE, text=True, cwd=console.folder,
            )
            for _ in range(EXPORTERS)
        ]  # fmt: skip
        said = [one.communicate()[0].splitlines() for one in running]
    finally:
        reader.stop()
    adds = [line for lines in said[:WRITERS] for line in lines]
    exports = [line for lines in said[WRITERS:] for line in lines]
    assert [line for line in adds if not line.startswith("0 ")] == []
    others = [line for line in exports if not line.startswith("0 ")]
    assert all(
        line.startswith("7 ") and "another export was made meanwhile" in line for line in others
    )
    assert reader.broken == []
    assert len(reader.seen) > 1, "the reader saw no change: nothing was tested"
    console(*export)
    listed = {one["peer"] for one in console("list", "--json").json}
    assert listed == {"foo"} | {f"p{w}-{n}" for w in range(WRITERS) for n in range(EACH)}
    domains = (console.target / "trustctl/current/peers.map").read_bytes()
    assert all(f"{one}.test".encode() in domains for one in listed)
    assert "is sound" in console("db", "check").out
    assert ANN in console("dump").out
