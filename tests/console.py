"""The command line as a user has it: in this process, in one of its own, or on a terminal."""

from __future__ import annotations

import codecs
import io
import json
import os
import select
import sqlite3
import subprocess
import sys
import unicodedata
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.certs import Made
from tests.publish.box import tree
from trustctl import cli

ANN = "Ann <ann@bar.test>"
BOB = "Bob <bob@bar.test>"
_TABLES = ("list", "show", "journal", "generations", "set", "adopt", "prove")
_BY_LINE = ("fetch", "probe", "history", "prove")
_TARGETED = {"export", "generations", "rollback"}
_PATIENCE_SECONDS = 30
# a terminal of its own, so that ^C reaches it
_ON_TERMINAL = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job ignores it
os.login_tty(0)
os.execv(sys.executable, [sys.executable, "-m", "trustctl", *sys.argv[1:]])
"""


@dataclass(frozen=True)
class Ran:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its answer, where that is JSON."""
        return json.loads(self.out)


class Console:
    """A folder with an inventory that may not be there yet, and a user who types commands.

    What holds for every command is looked at after every command (:func:`inspect`).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.db = folder / "inventory" / "trustctl.db"
        self.target = folder / "target"

    def __call__(self, *words: str, stdin: bytes = b"", code: int = 0) -> Ran:
        """Run a command in this process; it has to end with this exit code."""
        ran = self.any(*words, stdin=stdin)
        assert ran.code == code, ran
        return ran

    def any(self, *words: str, stdin: bytes = b"") -> Ran:
        """Run a command in this process, however it may end."""
        self._guard(words)
        streams = [io.TextIOWrapper(io.BytesIO(one), encoding="utf-8") for one in (stdin, b"", b"")]
        before = sys.stdin, sys.stdout, sys.stderr
        sys.stdin, sys.stdout, sys.stderr = streams
        try:
            code = cli.run(["--db", str(self.db), *words])
        finally:
            for one in streams[1:]:
                one.flush()
            sys.stdin, sys.stdout, sys.stderr = before
        out, err = (one.buffer.getvalue().decode() for one in streams[1:])
        ran = Ran(code, out, err)
        inspect(ran, words)
        return ran

    def fails(self, *words: str, code: int, stdin: bytes = b"") -> Ran:
        """Run a command that has to fail with this exit code, and change nothing."""
        before = self.state()
        ran = self(*words, code=code, stdin=stdin)
        assert self.state() == before, "a failing command changed something"
        return ran

    def write(self, name: str, content: bytes) -> str:
        """Write a file into the folder; its path."""
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def pin(self, made: Made, peer: str, *words: str) -> Ran:
        """Pin a certificate to a peer and its domain PEER.test, vouched for by Ann on the phone."""
        file = self.write(f"{made.fingerprint[:16]}.pem", made.pem)
        return self(
            "add", file, "--peer", peer, "--domain", f"{peer}.test", "--fingerprint",
            made.fingerprint, "--vouched-by", ANN, "--via", "phone", *words,
        )  # fmt: skip

    def states(self, *words: str) -> dict[str, str]:
        """Each pin's state in ``trustctl list``, by fingerprint."""
        listed = self("list", "--all", "--json", *words).json
        return {one["fingerprint"]: one["state"] for one in listed if "fingerprint" in one}

    def state(self) -> tuple[list[str] | None, dict[str, str]]:
        """All that a command could change: the inventory's rows, every other file's bytes."""
        files = {
            path: seen
            for path, seen in tree(self.folder).items()
            if not path.endswith(("-wal", "-shm", ".db"))
        }
        if not self.db.exists():
            return None, files
        uri = f"file:{self.db}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            return list(connection.iterdump()), files

    def _guard(self, words: tuple[str, ...]) -> None:
        """Stop a command that would fall back to this machine's own Exim or inventory."""
        assert not (words and words[0].startswith("--db") and "" in words), "the system's inventory"
        if not set(words) & _TARGETED or set(words) & {"--help", "-h"}:
            return
        if any(one.partition("=")[0] in ("--to", "--of", "--from") for one in words):
            return
        known = 0
        if self.db.is_file() and "exim" not in words:
            with closing(sqlite3.connect(f"file:{self.db}?mode=ro", uri=True)) as connection:
                known = connection.execute("SELECT count(*) FROM target").fetchone()[0]
        assert known or "pem" in words, f"{words} would be about /etc/exim4"

    def process(
        self,
        *words: str,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        **how: Any,
    ) -> Ran:
        """Run a command in a process of its own."""
        self._guard(words)
        done = subprocess.run(
            [sys.executable, "-m", "trustctl", *words],
            input=stdin,
            stdout=how.pop("stdout", subprocess.PIPE),
            stderr=how.pop("stderr", subprocess.PIPE),
            env={**os.environ, "TRUSTCTL_DB": str(self.db), **(env or {})},
            check=False,
            timeout=_PATIENCE_SECONDS,
            **how,
        )
        said = [
            (one or b"").decode("utf-8", "backslashreplace") for one in (done.stdout, done.stderr)
        ]
        ran = Ran(done.returncode, *said)
        if done.stderr is not None:
            inspect(ran, words)
        return ran

    def terminal(self, *words: str) -> Terminal:
        """Run a command on a terminal of its own."""
        self._guard(words)
        return Terminal(words, {**os.environ, "TRUSTCTL_DB": str(self.db)})


class Terminal:
    """One command on a pseudo-terminal, with a person before it."""

    def __init__(self, words: tuple[str, ...], env: Mapping[str, str]) -> None:
        self._master, slave = os.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _ON_TERMINAL, *words],
            stdin=slave, stdout=slave, stderr=slave, env=env,
        )  # fmt: skip
        os.close(slave)
        self.seen = ""
        self._read_to = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def expect(self, text: str) -> str:
        """Read until ``text`` is shown after what was expected before; return what came with it."""
        while (at := self.seen.find(text, self._read_to)) < 0:
            more = self._read()
            assert more, f"never shown: {text!r}; shown: {self.seen!r}"
            self.seen += more
        since, self._read_to = self._read_to, at + len(text)
        return self.seen[since : self._read_to]

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._master, text.encode() + b"\r")

    def leave(self, key: bytes) -> int:
        """Press ``\\x03`` (^C) or ``\\x04`` (^D) and read to the end; the exit code.

        It is pressed again where a second later it still waits: a signal that comes between a
        prompt and its read is seen after the next key.
        """
        os.write(self._master, key)
        for _ in range(_PATIENCE_SECONDS):
            if select.select([self._master], [], [], 1)[0]:
                more = self._read()
                if not more:
                    break
                self.seen += more
            else:
                os.write(self._master, key)
        return self.end()

    def end(self) -> int:
        """Read all that is still shown; the exit code."""
        while more := self._read():
            self.seen += more
        os.close(self._master)
        code = self._process.wait(_PATIENCE_SECONDS)
        assert "Traceback" not in self.seen
        return code

    def _read(self) -> str:
        ready, _, _ = select.select([self._master], [], [], _PATIENCE_SECONDS)
        if not ready:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f"it waits for something; shown: {self.seen!r}")
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return ""  # Linux's way to say that the other side has closed the terminal
        # part of a character: the rest is on its way
        return self._decoder.decode(data) or (self._read() if data else "")


def inspect(ran: Ran, words: tuple[str, ...]) -> None:
    """What holds for every command, however it ends."""
    said = ran.out + ran.err
    assert "Traceback" not in said, ran
    assert "internal error" not in said, ran
    driving = {one for one in said if one != "\n" and is_hidden(one)}
    assert not driving, (driving, ran)
    if ran.code not in (0, 1):
        lines = ran.err.splitlines()
        errors = [one for one in lines if one.startswith("trustctl: error: ")]
        assert len(errors) == 1 or "Usage:" in ran.err, ran
    if ran.code in (0, 1) and "--json" in words and "--help" not in words:
        assert ran.out.isascii(), ran
        for one in ran.out.splitlines() if words[0] in _BY_LINE else [ran.out]:
            json.loads(one)
    elif (
        words
        and words[0] in _TABLES
        and "--help" not in words
        and (words[0] != "set" or len(words) == 1)  # what is set is told in its whole length
    ):
        assert all(len(one) <= 80 for one in ran.out.splitlines()), ran


def is_hidden(character: str) -> bool:
    """Whether a terminal obeys it, or a reader cannot see it."""
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
