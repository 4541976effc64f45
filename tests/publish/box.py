"""A stock Debian Exim of its own: copies of its folders, bound over the real ones in a mount
namespace, with a network namespace where nobody answers."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

FOLDERS = ("/etc/exim4", "/var/lib/exim4", "/var/spool/exim4", "/var/log/exim4", "/run/exim4")
_READY = "mounted"
_PATIENCE_SECONDS = 30
# with -oX Exim writes no pid file unless it is named
DAEMON = ("-bd", "-q30m", "-oX", "127.0.0.1.2525", "-oP", "/run/exim4/exim.pid")

# what a command does with these layers, in a process of its own inside the namespace
DRIVER = """
import json, sys
from pathlib import Path
from trustctl.errors import TrustctlError
from trustctl.export.exim import configuration as texts_for
from trustctl.publish import configuration, exim
from trustctl.publish.debian import exim_group

action, directory, *rest = sys.argv[1:]
found, texts = configuration.site(Path(directory)), texts_for(directory)
try:
    if action == "write":
        said = [str(o.path) for o in configuration.write(
            configuration.planned(found, texts), group=exim_group())]
    elif action == "apply":
        said = exim.apply(found, texts, group=exim_group())
    elif action == "withdraw":
        said = exim.withdraw(found, reload=True, group=exim_group())
    elif action == "edited":
        said = configuration.edited(found)
    else:
        state = exim.state(found, texts, rest)
        said = {"effective": state.effective, "differences": state.differences, "why": state.why,
                "notices": state.notices, "tls": state.program.tls if state.program else None}
    print(json.dumps({"said": said}))
except TrustctlError as error:
    said = "\\n".join([error.message, *error.details])
    print(json.dumps({"error": type(error).__name__, "message": said}))
"""


def missing() -> str | None:
    """Why no such Exim can be made here; None where it can."""
    if os.geteuid() != 0:
        return "needs root for mount namespaces"
    for one in ("exim4", "update-exim4.conf", "unshare", "nsenter"):
        if shutil.which(one, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
            return f"{one} is not installed"
    return None


class Box:
    """One Exim. ``etc`` is what it finds in /etc/exim4, and so on."""

    def __init__(self, folder: Path, configtype: str, *, split: bool) -> None:
        self.etc, self.lib, self.spool, self.log, self.run = (
            folder / one.strip("/").replace("/", "-") for one in FOLDERS
        )
        for real in FOLDERS:
            copy = folder / real.strip("/").replace("/", "-")
            subprocess.run(["cp", "-a", real, str(copy)], check=True)
        for one in (self.spool, self.log, self.run):
            for entry in one.rglob("*"):
                if not entry.is_dir():
                    entry.unlink()
        self.set(configtype=configtype, split=split)
        # a machine on which trustctl is in use has data of its own there
        shutil.rmtree(self.etc / "trustctl", ignore_errors=True)
        (self.etc / "trustctl").mkdir(mode=0o750)
        shutil.chown(self.etc / "trustctl", group="Debian-exim")
        mounts = " && ".join(
            f"mount --bind {folder / one.strip('/').replace('/', '-')} {one}" for one in FOLDERS
        )
        self._holder = subprocess.Popen(
            ["unshare", "-mn", "--propagation", "private", "sh", "-c",
             f"ip link set lo up; {mounts} && echo {_READY} && exec sleep 600"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline().strip() == _READY
        self.command("update-exim4.conf")

    @property
    def pid(self) -> int:
        """The process that holds the namespaces."""
        return self._holder.pid

    def set(self, *, configtype: str | None = None, split: bool | None = None) -> None:
        """What `dpkg-reconfigure exim4-config` would change."""
        path = self.etc / "update-exim4.conf.conf"
        text = path.read_text()
        if configtype is not None:
            text = re.sub(
                "(?m)^dc_eximconfig_configtype=.*", f"dc_eximconfig_configtype='{configtype}'", text
            )
            text = re.sub("(?m)^dc_smarthost=.*", "dc_smarthost='smart.example'", text)
        if split is not None:
            text = re.sub(
                "(?m)^dc_use_split_config=.*", f"dc_use_split_config='{str(split).lower()}'", text
            )
        path.write_text(text)

    def command(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run something inside."""
        return subprocess.run(
            ["nsenter", "-m", "-n", "-t", str(self._holder.pid), "--", *words],
            capture_output=True, text=True, check=check, timeout=120,
        )  # fmt: skip

    def trustctl(self, action: str, *rest: str, directory: str = "/etc/exim4") -> dict[str, Any]:
        """What a layer's function says or raises."""
        done = self.command(sys.executable, "-c", DRIVER, action, directory, *rest, check=False)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def daemon(self) -> int:
        """Start Exim's daemon as Debian's start script does."""
        self.command("/usr/sbin/exim4", *DAEMON)
        file, end = self.run / "exim.pid", time.monotonic() + _PATIENCE_SECONDS
        while not (file.exists() and file.read_text().endswith("\n")):
            assert time.monotonic() < end, "the daemon did not start"
            time.sleep(0.02)
        return int(file.read_text())

    def routers(self) -> list[str]:
        """The routers of the configuration that Exim reads, in order."""
        return self.command("exim4", "-bP", "router_list").stdout.split()

    def tree(self) -> dict[str, str]:
        """Everything in /etc/exim4 and the generated configuration: modes, owners, content."""
        return {**tree(self.etc), **tree(self.lib)}

    def close(self) -> None:
        """End the daemons and the namespace."""
        for name in ("exim.pid", "eximqr.pid"):
            if (self.run / name).exists():
                pid = (self.run / name).read_text().strip()
                self.command("kill", pid, check=False)
        self._holder.kill()
        self._holder.wait()
        if self._holder.stdout is not None:
            self._holder.stdout.close()


def tree(folder: Path) -> dict[str, str]:
    """Path -> mode, owner, group and content's hash or link's target."""
    found = {}
    for one in sorted(folder.rglob("*")):
        info = one.lstat()
        content = ""
        if one.is_symlink():
            content = os.readlink(one)
        elif stat.S_ISREG(info.st_mode):
            content = hashlib.sha256(one.read_bytes()).hexdigest()
        found[str(one)] = f"{info.st_mode:o} {info.st_uid}:{info.st_gid} {content}"
    return found
