"""A mail server whose administrator proves it: a stock Exim in a box, protected by trustctl."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.authority import PASSPHRASE
from tests.certs import Made, pem
from tests.console import Ran
from tests.publish.box import Box, tree

TRANSPORT, ROUTER = "conf.d/transport/050_trustctl", "conf.d/router/050_trustctl"
_PATIENCE_SECONDS = 20


@dataclass(frozen=True)
class Proof:
    """What ``prove --json`` said."""

    code: int
    rows: list[dict[str, Any]]
    problems: list[str]

    @property
    def failed(self) -> set[str]:
        """The attacks that came out as they must not."""
        return {one["attack"] for one in self.rows if one["held"] is False}

    def did(self, attack: str, data: str = "throwaway") -> set[str]:
        """What the MTA did at an attack."""
        return {one["did"] for one in self.rows if (one["attack"], one["data"]) == (attack, data)}


class Administrator:
    """Somebody with an inventory on a machine in namespaces, who types trustctl's commands there.

    ``target``: the options that name what an export writes.
    """

    def __init__(self, pid: int, folder: Path, target: tuple[str, ...]) -> None:
        self.pid, self.folder, self.target = pid, folder, target
        self.db = folder / "inventory" / "trustctl.db"

    def inside(self, *words: str) -> list[str]:
        """The command line that runs another one there."""
        return [
            "nsenter", "-m", "-n", "-t", str(self.pid), "--", "env",
            f"TRUSTCTL_DB={self.db}", *words,
        ]  # fmt: skip

    def command(self, *words: str, before: tuple[str, ...] = ()) -> list[str]:
        """The command line that runs trustctl there. ``before``: what runs it there."""
        return self.inside(*before, sys.executable, "-m", "trustctl", *words)

    def __call__(self, *words: str, code: int = 0, before: tuple[str, ...] = ()) -> Ran:
        """Run trustctl there."""
        done = subprocess.run(
            self.command(*words, before=before), capture_output=True, text=True, check=False,
            timeout=200, env=os.environ,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        told = "\n".join(one for one in done.stdout.splitlines() if '"held": true' not in one)
        assert done.returncode == code, (words, done.returncode, told, done.stderr)
        return Ran(done.returncode, done.stdout, done.stderr)

    def pin(self, made: Made, peer: str, *more: str, domains: tuple[str, ...] = ()) -> None:
        """Add a peer's certificate, compared over the phone. ``more``: certificates or options."""
        path = self.folder / f"{peer}.pem"
        path.write_bytes(made.pem)
        words = [one for domain in domains or (f"{peer}.test",) for one in ("--domain", domain)]
        self(
            "add", str(path), "--peer", peer, *words, "--fingerprint", made.fingerprint,
            "--vouched-by", "Ann <ann@us.test>", "--via", "phone", *more,
        )  # fmt: skip

    def pin_own_ca(self, peer: str) -> tuple[str, ...]:
        """Make a CA of ours, and pin its root as a peer's authority.

        Returns:
            What a command is run by that has to know the passphrase.
        """
        secret = self.folder / "passphrase"
        secret.write_bytes(PASSPHRASE + b"\n")
        secret.chmod(0o600)
        knowing = ("env", f"TRUSTCTL_CA_PASSPHRASE_FILE={secret}")
        self("ca", "init", "--permit", "our.test", before=knowing)
        root = x509.load_pem_x509_certificate(self("ca", "certificate", "root").out.encode())
        der = root.public_bytes(Encoding.DER)
        path = self.folder / "root.pem"
        path.write_bytes(pem(der))
        self(
            "add", str(path), "--peer", peer, "--domain", f"{peer}.test", "--role", "authority",
            "--fingerprint", hashlib.sha256(der).hexdigest(),
        )  # fmt: skip
        return knowing

    def export(self) -> None:
        """Put the inventory in force."""
        self("export", *self.target, "--reload", "--yes")

    def prove(self, *words: str, code: int = 0) -> Proof:
        """The proof, as JSON."""
        said = self("prove", "--json", *words, code=code).out
        lines = [json.loads(one) for one in said.splitlines()]
        rows = [one for one in lines if "attack" in one]
        assert lines[-1]["proven"] == (code == 0)
        return Proof(code, rows, lines[-1]["problems"])

    def interrupt(self, how: signal.Signals) -> int:
        """Send a proof this signal while it plays, and see that all that it started ends with it.

        Returns:
            How the command ended.
        """
        process = subprocess.Popen(
            self.command("prove", "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b'{"peer"')
        inside = descendants(process.pid)
        assert len(inside) >= 2
        process.send_signal(how)
        process.communicate()
        wait_for_the_end(inside)
        return process.returncode


class Site(Administrator):
    """A box with an inventory. ``box`` has daemons only where a test starts one."""

    def __init__(self, box: Box, folder: Path) -> None:
        super().__init__(box.pid, folder, ("--to", "/etc/exim4"))
        self.box = box

    @contextmanager
    def edited(self, edits: Mapping[str, Mapping[str, str]]) -> Iterator[None]:
        """The installed configuration with strings replaced, by file; an empty one is the file."""
        before = {name: (self.box.etc / name).read_text() for name in edits}
        try:
            for name, pairs in edits.items():
                text = before[name]
                for old, new in pairs.items():
                    assert old in text, f"{name} has no {old!r}"
                    text = text.replace(old, new) if old else new
                (self.box.etc / name).write_text(text)
            self.box.command("update-exim4.conf")
            yield
        finally:
            for name, text in before.items():
                (self.box.etc / name).write_text(text)
            self.box.command("update-exim4.conf")

    def everything(self) -> dict[str, str]:
        """All that the running MTA reads and writes: modes, owners, content."""
        box = self.box
        return {
            path: told
            for folder in (box.etc, box.lib, box.spool, box.log, box.run)
            for path, told in tree(folder).items()
        }


def wait_for_the_end(processes: set[int]) -> None:
    """None of them is there any more."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while any(Path(f"/proc/{one}").exists() for one in processes):
        assert time.monotonic() < end, "something runs on"
        time.sleep(0.02)


def descendants(pid: int) -> set[int]:
    """The processes below a process, as this machine numbers them."""
    found: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found |= {int(child)} | descendants(int(child))
    return found


def numbered(text: str) -> int:
    """How many lines of a table tell of an attempt."""
    return len(re.findall(r"^  \S.*  (?:delivered|deferred|not tried)", text, re.MULTILINE))
