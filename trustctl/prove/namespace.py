"""The inside of the namespaces: a network of its own, and a machine that nothing can be written to.

All of it is done by the process that is first in its mount, network and PID namespace: what it
mounts is seen by nobody else, and is gone when it ends, however it ends.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Collection
from pathlib import Path

from trustctl.errors import TargetError

NETWORK = "203.0.113.0/24"
"""Every address in it is this machine's in the namespace; it is for documentation (RFC 5737)."""
_STAGE = Path("/run")
_LIBC = ctypes.CDLL(None, use_errno=True)
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND = 1, 2, 4, 8, 32, 4096
_REC, _PRIVATE = 16384, 1 << 18
_FLAGS = {
    "nosuid": _NOSUID, "nodev": _NODEV, "noexec": _NOEXEC,
    "noatime": 1024, "nodiratime": 2048, "relatime": 1 << 21, "nosymfollow": 256,
}  # fmt: skip
_OCTAL = re.compile(rb"\\([0-7]{3})")


class Stage:
    """The scratch memory of the namespace, and what of the machine is covered by parts of it."""

    def __init__(self) -> None:
        """Cover ``/run`` with empty memory: the sockets of the machine's services are out of reach.

        Raises:
            TargetError: the kernel refuses.
        """
        _mount(None, "/", None, _REC | _PRIVATE)
        self._owners: dict[str, os.stat_result] = {}
        for one in _STAGE.iterdir():
            if one.is_dir() and not one.is_symlink():
                self._owners[str(one)] = one.stat()
        _mount("tmpfs", str(_STAGE), "tmpfs", _NODEV, "mode=755")
        self.root = _STAGE / "trustctl-prove"
        self.root.mkdir(mode=0o755)
        self._count = 0
        log = "/dev/log"
        if os.path.lexists(log) and stat.S_ISSOCK(os.lstat(log).st_mode):
            _mount("/dev/null", log, None, _BIND)

    def scratch(self, name: str = "") -> Path:
        """A path in the scratch memory that nothing has yet."""
        self._count += 1
        return self.root / f"{self._count:02}{name and '-'}{name}"

    def empty(self, folder: str) -> Path:
        """Cover a folder with an empty one of the same owner and mode; where it is now."""
        place = Path(os.path.realpath(folder))
        info = self._owners.get(str(place)) or (place.stat() if place.is_dir() else None)
        if _within(place, _STAGE):
            place.mkdir(parents=True, exist_ok=True)
            made = place
        elif info is None:
            return place  # the MTA has to do without, as it does outside
        else:
            made = self.scratch(place.name)
            made.mkdir()
            _mount(str(made), str(place), None, _BIND)
        if info is not None:
            for one in (made, place):
                _own_as(one, info)
        return place

    def copy(self, folder: str) -> Path:
        """Cover a folder with a copy of it, owners, modes and links as they are."""
        place = Path(os.path.realpath(folder))
        made = self.scratch(place.name)
        _copy(place, made)
        _mount(str(made), str(place), None, _BIND)
        return place

    def skeleton(self, folder: str, without: Collection[str]) -> Path:
        """As :meth:`copy`; but what the folders of these names hold stays out.

        Raises:
            TargetError: there is no such folder.
        """
        place = Path(os.path.realpath(folder))
        if not place.is_dir():
            raise TargetError(f"{place} is not there")
        made = self.scratch(place.name)
        made.mkdir()
        _own_as(made, place.stat())
        for one in place.iterdir():
            if one.name not in without:
                _copy(one, made / one.name)
            elif one.is_dir():
                (made / one.name).mkdir()
                _own_as(made / one.name, one.stat())
        _mount(str(made), str(place), None, _BIND)
        return place

    def file(self, path: str, content: bytes) -> None:
        """Cover a file with another content, its owner and mode as they are."""
        place = Path(os.path.realpath(path))
        if _within(place, _STAGE):  # its folder is covered already
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            return
        made = self.scratch(place.name)
        made.write_bytes(content)
        shutil.copystat(place, made)
        info = place.stat()
        os.chown(made, info.st_uid, info.st_gid)
        _mount(str(made), str(place), None, _BIND)

    def close(self) -> None:
        """From here on nothing can be written but what was covered.

        Raises:
            TargetError: some of the machine would stay open to writing.
        """
        for path, options in _mounts():
            if path == "/proc" or path.startswith(("/proc/", f"{_STAGE}/")) or path == str(_STAGE):
                continue
            if self._is_covered(path):
                continue
            flags = sum(value for name, value in _FLAGS.items() if name in options)
            try:
                _mount(None, path, None, _REMOUNT | _BIND | _RDONLY | flags)
            except TargetError:
                if os.path.ismount(path) and not _is_read_only(path):
                    raise
        if not _is_read_only("/"):
            raise TargetError("/ cannot be made read-only in a namespace")

    def _is_covered(self, path: str) -> bool:
        """Whether a mount is one of ours: on the memory that we brought."""
        try:
            return os.stat(path).st_dev == self.root.stat().st_dev
        except OSError:
            return True  # it lies under something that covers it


def network() -> None:
    """Bring up an interface that leads nowhere, with addresses for everybody who is played.

    Raises:
        TargetError: the kernel refuses.
    """
    for words in (
        ("link", "set", "lo", "up"),
        ("route", "add", "local", NETWORK, "dev", "lo"),
    ):
        ran = subprocess.run(["ip", *words], capture_output=True, check=False)
        if ran.returncode:
            said = ran.stderr.decode("utf-8", "replace").strip()[-300:]
            raise TargetError(f"ip {' '.join(words)} failed: {said}")


def _copy(place: Path, made: Path) -> None:
    ran = subprocess.run(
        ["cp", "-a", "--", str(place), str(made)], capture_output=True, check=False
    )
    if ran.returncode:
        said = ran.stderr.decode("utf-8", "replace").strip()[-300:]
        raise TargetError(f"{place} cannot be copied: {said}")


def _own_as(path: Path, info: os.stat_result) -> None:
    os.chown(path, info.st_uid, info.st_gid)
    os.chmod(path, stat.S_IMODE(info.st_mode))


def _is_read_only(path: str) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _within(path: Path, folder: Path) -> bool:
    return path == folder or folder in path.parents


def _mounts() -> list[tuple[str, frozenset[str]]]:
    """Where something is mounted, and how (proc_pid_mountinfo(5))."""
    found = []
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        fields = line.split(b" ")
        path = _OCTAL.sub(lambda octal: bytes([int(octal[1], 8)]), fields[4])
        found.append((os.fsdecode(path), frozenset(fields[5].decode("ascii").split(","))))
    return found


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    given = [None if one is None else os.fsencode(one) for one in (source, target, kind)]
    if _LIBC.mount(*given, ctypes.c_ulong(flags), data.encode() or None):
        reason = os.strerror(ctypes.get_errno()).lower()
        raise TargetError(f"{target} cannot be mounted in a namespace: {reason}")
