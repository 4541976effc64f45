"""A mail server whose administrator proves it: Debian's Postfix, protected by trustctl."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.prove.postfix_box import PostfixBox
from tests.prove.site import Administrator, Proof
from tests.publish.box import tree

_SOME = str(Path(__file__).with_name("some.py"))


class PostfixSite(Administrator):
    """A machine with a Postfix and an inventory."""

    def __init__(self, box: PostfixBox, folder: Path) -> None:
        super().__init__(box.pid, folder, ("--format", "postfix", "--to", "/etc/postfix"))
        self.box = box
        self._player: subprocess.Popen[str] | None = None

    @contextmanager
    def edited(self, *settings: str) -> Iterator[None]:
        """The installed configuration with other settings, as ``postconf`` takes them."""
        main, master = (self.box.etc / one for one in ("main.cf", "master.cf"))
        files = {one: one.read_bytes() for one in (main, master)}
        services = [one for one in settings if "/" in one.partition("=")[0]]
        others = [one for one in settings if one not in services]
        try:
            if others:
                self.box.command("postconf", "-e", *others)
                os.utime(main, (0, 0))  # Postfix waits for a second before it reads a new one
            if services:
                self.box.command("postconf", "-P", *services)
            yield
        finally:
            for path, content in files.items():
                path.write_bytes(content)
                os.utime(path, (0, 0))

    def some(self, *attacks: str, peer: str = "foo") -> Proof:
        """What became of the true peer's mail, and of these attacks."""
        if self._player is None:
            self._player = subprocess.Popen(
                self.inside(sys.executable, _SOME),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ,
            )  # fmt: skip
        asked, said = self._player.stdin, self._player.stdout
        assert asked is not None
        assert said is not None
        asked.write(json.dumps(["postfix", str(self.db), peer, attacks]) + "\n")
        asked.flush()
        told = json.loads(said.readline())
        failed = told["problems"] or any(one["held"] is False for one in told["rows"])
        return Proof(int(bool(failed)), told["rows"], told["problems"])

    def close(self) -> None:
        """End what plays."""
        if self._player is not None:
            self._player.communicate(timeout=60)
        self.box.close()

    def everything(self) -> dict[str, str]:
        """All that the running MTA reads and writes: modes, owners, content."""
        folders = ("etc/postfix", "var/spool/postfix", "var/lib/postfix", "var/log")
        return {path: told for one in folders for path, told in tree(self.box.root / one).items()}
