"""A systemd of its own, first process of a PID namespace: /etc, /home, /run, /var are private.

What it runs is sandboxed as on any machine. When the tests end, however they end, the kernel kills
all of it; nothing of the machine's own is written.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.lab.network import child_of

_TARGETS = (
    "boot", "sysinit", "basic", "timers", "network-online", "nss-lookup", "time-sync", "shutdown",
    "umount", "network", "multi-user",
)  # fmt: skip
_BARE = "[Unit]\nDescription={name}\nDefaultDependencies=no\n"
_EXIM = """[Unit]
Description=Exim
[Service]
Type=exec
ExecStart=/usr/sbin/exim4 -bdf -q30m
ExecReload=/bin/kill -HUP $MAINPID
"""
_CGROUP = """
set -e
mount --make-rprivate /
mount -t cgroup2 none "$1/cgroup"
mkdir "$1/cgroup/$2"
echo $$ > "$1/cgroup/$2/cgroup.procs"
shift 2
exec unshare --cgroup --pid --uts --ipc --net --fork --kill-child sh -c "$@"
"""
_BOOT = """
set -e
mount -t proc proc /proc
umount "$1/cgroup"
for one in etc home var usr/local/sbin; do
  mkdir -p "$1/upper/$one" "$1/aside/$one"
  mount -t overlay overlay -o "lowerdir=/$one,upperdir=$1/upper/$one,workdir=$1/aside/$one" "/$one"
done
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/lock /run/systemd/system /run/exim4
chown Debian-exim:Debian-exim /run/exim4
umount -R /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
mount --make-rshared /
ip link set lo up
exec env -i container=lab SYSTEMD_UNIT_PATH="$1/units" PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --system --unit=boot.target --log-target=console --log-level=notice \
  --show-status=0
"""
_TIDY = """
mount --make-rprivate /
mount -t cgroup2 none "$1/cgroup"
find "$1/cgroup/$2" -depth -type d -exec rmdir {} +
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a unit's run ended: systemd's result, the exit status, and what it printed."""

    result: str
    status: int
    said: str


class Manager:
    """The systemd. ``units`` are its unit files; ``/usr/local/sbin/trustctl`` runs this tree."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.units = base / "units"
        self._group = f"trustctl-test-{os.getpid()}"
        for one in ("units", "cgroup", "upper/usr/local/sbin"):
            (base / one).mkdir(parents=True)
        (base / "upper/etc").mkdir()
        (base / "upper/etc/hostname").write_text("mx.us.test\n")
        for name in _TARGETS:
            (self.units / f"{name}.target").write_text(_BARE.format(name=name))
        (self.units / "exim4.service").write_text(_EXIM)
        (base / "trustctl").write_text(
            f"#!/bin/sh\nexport PYTHONPATH={':'.join(sys.path)}\n"
            f'exec {sys.executable} -m trustctl "$@"\n'
        )
        (base / "trustctl").chmod(0o755)
        os.rename(base / "trustctl", base / "upper/usr/local/sbin/trustctl")
        self.log = base / "log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL", "unshare", "--mount"),
                    *("sh", "-c", _CGROUP, "sh", str(base), self._group, _BOOT, "sh", str(base)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        for _attempt in range(500):
            try:
                self.pid = child_of(self._process.pid)
                if self.run("systemctl", "is-active", "boot.target").returncode == 0:
                    return
            except (AssertionError, OSError):
                pass
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        self.close()
        raise AssertionError(f"no systemd here: {self.log.read_text()}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End it and everything that it runs."""
        self._process.kill()  # unshare takes its child along
        self._process.wait(timeout=20)
        words = ["unshare", "--mount", "sh", "-c", _TIDY, "sh", str(self.base), self._group]
        for _attempt in range(200):
            if subprocess.run(words, capture_output=True, check=False).returncode == 0:
                return
            time.sleep(0.02)

    def run(self, *command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a command beside it, outside of any unit."""
        return subprocess.run(
            ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--net", "--uts", "--",
             *command],
            input=stdin, capture_output=True, check=False, timeout=120,
        )  # fmt: skip

    def ok(self, *command: str, stdin: bytes = b"") -> str:
        """Run a command that has to succeed; its output."""
        ran = self.run(*command, stdin=stdin)
        assert ran.returncode == 0, (command, ran.stdout, ran.stderr)
        return ran.stdout.decode()

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file as it sees it."""
        words = ("sh", "-c", f"umask 077; mkdir -p '{os.path.dirname(path)}'; cat > '{path}'")
        self.ok(*words, stdin=text.encode())
        self.ok("chmod", f"{mode:o}", path)

    def await_queue(self, messages: int) -> None:
        """Wait until Exim has so many messages to deliver."""
        for _attempt in range(500):
            found = self.ok("/usr/sbin/exim4", "-bpc")
            if int(found) == messages:
                return
            time.sleep(0.02)
        raise AssertionError(self.ok("/usr/sbin/exim4", "-bp"))

    def await_log(self, words: str) -> str:
        """Exim's main log, once it has these words."""
        for _attempt in range(500):
            text = self.run("cat", "/var/log/exim4/mainlog").stdout.decode("utf-8", "replace")
            if words in text:
                return text
            time.sleep(0.02)
        raise AssertionError(f"{words!r} is not in {text}")

    def install(self, unit: Path, *more: str) -> None:
        """Install a unit file, with a drop-in of these lines of its section [Service].

        The sandbox hides where this tree may lie: it is let in again, to be read.
        """
        (self.units / unit.name).write_bytes(unit.read_bytes())
        folder = self.units / f"{unit.name}.d"
        folder.mkdir(exist_ok=True)
        tree = {sys.prefix, sys.base_prefix, *(one for one in sys.path if os.path.exists(one))}
        lines = [
            "[Service]",
            *(f"BindReadOnlyPaths={one}" for one in sorted(tree) if not one.startswith("/usr")),
            f"StandardOutput=append:{self.base}/said",
            f"StandardError=append:{self.base}/said",
            *more,
        ]
        (folder / "test.conf").write_text("\n".join(lines) + "\n")
        self.ok("systemctl", "daemon-reload")

    def start(self, unit: str) -> Ran:
        """Run a unit until it has ended."""
        said = self.base / "said"
        said.write_bytes(b"")
        self.run("systemctl", "start", unit)
        shown = self.ok("systemctl", "show", "-p", "Result", "-p", "ExecMainStatus", unit)
        values = dict(one.split("=", 1) for one in shown.splitlines())
        return Ran(values["Result"], int(values["ExecMainStatus"]), said.read_text())
