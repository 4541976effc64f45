"""A running Postfix: started anew for each attempt, given mail, and ended with all it started."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from trustctl.errors import NotEnforcedError
from trustctl.prove import maillog
from trustctl.prove.mta import MESSAGE, SENDER

QUEUES = (
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop",
    "pid", "private", "public", "saved", "trace",
)  # fmt: skip
"""What a Postfix keeps mail and sockets in; what else lies beside them is of a chroot."""
_SECONDS = 30
_AGAIN_SECONDS = 2
_SILENT = 2
_SILENT_SECONDS = 5
"""Where nothing became of that many mails, less time is waited for the next ones."""
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


@dataclass(slots=True)
class Instance:
    """One Postfix, and what it was given since it was started.

    Attributes:
        commands, daemons: the folders of its programs. sendmail: the one that takes mail.
        history: the logs of those before it.
    """

    directory: Path
    queue: Path
    data: Path
    commands: Path
    daemons: Path
    sendmail: str
    log: Path = Path("/nonexistent")
    history: list[str] = field(default_factory=list)
    _sent: list[str] = field(default_factory=list)
    _checked: bool = False
    _silent: int = 0

    def restart(self) -> None:
        """Have one that remembers nothing and has nothing in its queue.

        Raises:
            NotEnforcedError: it does not start.
        """
        self.stop()
        self.history.append(self.logged())
        self.log.unlink(missing_ok=True)
        self._sent.clear()
        for folder in (self.data, *(self.queue / one for one in QUEUES)):
            for one in folder.iterdir() if folder.is_dir() else ():
                if one.is_dir() and not one.is_symlink():
                    shutil.rmtree(one)
                else:
                    one.unlink()
        if not self._checked:
            self._require("postfix check", self.commands / "postfix", "check")
            self._checked = True
        self._require("Postfix's master", self.daemons / "master", "-w")

    def stop(self) -> None:
        """End it and all that it started: they were left to us, the first process."""
        with suppress(OSError, ValueError):
            group = int((self.queue / "pid/master.pid").read_text())
            os.killpg(group, signal.SIGKILL)
            with suppress(ChildProcessError):
                while True:
                    os.waitpid(-group, 0)

    def _require(self, name: str, program: Path, *words: str) -> None:
        status, told = _on_terminal([str(program), "-c", str(self.directory), *words])
        if status:
            why = " ".join((told.strip() or self.logged()).split())
            raise NotEnforcedError(f"{name} fails: {why[-600:]}", "postfix check")

    def send(self, recipients: Sequence[str]) -> None:
        """Hand in one mail, and wait until something became of it for each recipient."""
        before = len(self.logged())
        words = ("-C", str(self.directory), "-i", "-f", SENDER, "--", *recipients)
        self._run(self.sendmail, *words, stdin=MESSAGE)
        self._sent += recipients
        self._settle(recipients, before)

    def flush(self) -> None:
        """Try all that waits again, and wait until something became of it."""
        self._settle(self._sent, len(self.logged()), flush=True)

    def _settle(self, recipients: Collection[str], before: int, *, flush: bool = False) -> None:
        """A run of the queue that is under way swallows the next one: it is asked for again."""
        wanted = {one.lower() for one in recipients}
        begin = time.monotonic()
        asked = begin - _AGAIN_SECONDS
        seconds = _SECONDS if self._silent < _SILENT else _SILENT_SECONDS
        while (now := time.monotonic()) < begin + seconds:
            if flush and now - asked >= _AGAIN_SECONDS:
                self._run(str(self.commands / "postqueue"), "-c", str(self.directory), "-f")
                asked = now
            text = self.logged()[before:]
            told = {name for one in maillog.fates(text) for name in one.addresses}
            if wanted <= told or maillog.broken(text):
                return
            time.sleep(0.005)
        self._silent += 1

    def waiting(self) -> list[str]:
        """Whose mail is in the queue."""
        told = self._run(str(self.commands / "postqueue"), "-c", str(self.directory), "-p")
        return told.decode("utf-8", "replace").lower().split()

    def _run(self, *command: str, stdin: bytes = b"") -> bytes:
        """What a command says; it may speak to a Postfix that does not answer."""
        with suppress(subprocess.TimeoutExpired):
            return subprocess.run(
                command, input=stdin, capture_output=True, check=False, timeout=_SECONDS,
                env=_ENVIRONMENT, cwd="/",
            ).stdout  # fmt: skip
        return b""

    def logged(self) -> str:
        """What it has logged."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""


def _on_terminal(command: Sequence[str]) -> tuple[int, str]:
    """Its status, and what it says to somebody at a terminal: to others it says why it fails in the
    log alone, which may be what fails."""
    ours, theirs = os.openpty()
    said = b""
    try:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=_ENVIRONMENT,
            cwd="/", start_new_session=True,
        ) as process:  # fmt: skip
            end, done = time.monotonic() + _SECONDS, False
            while not done:
                done = process.poll() is not None  # what it said before is there then
                if time.monotonic() > end:
                    process.kill()
                while select.select([ours], [], [], 0 if done else 0.005)[0]:
                    said += os.read(ours, 4096)
        return process.returncode, said.decode("utf-8", "replace").replace("\r\n", "\n")
    finally:
        os.close(ours)
        os.close(theirs)
