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
        done = subprocess.run(
            self.inside(sys.executable, _SOME, "postfix", str(self.db), peer, *attacks),
            capture_output=True, text=True, check=False, timeout=200, env=os.environ,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        *rows, last = (json.loads(one) for one in done.stdout.splitlines())
        failed = last["problems"] or any(one["held"] is False for one in rows)
        return Proof(int(bool(failed)), rows, last["problems"])

    def everything(self) -> dict[str, str]:
        """All that the running MTA reads and writes: modes, owners, content."""
        folders = ("etc/postfix", "var/spool/postfix", "var/lib/postfix", "var/log")
        return {path: told for one in folders for path, told in tree(self.box.root / one).items()}
