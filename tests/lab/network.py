"""A private network of real mail servers: namespaces, DNS, and nothing left when it ends.

Everything lives in one network, mount and PID namespace whose first process waits for its input to
end: when the tests end, however they end, the kernel kills all of it.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

_HERE = Path(__file__).resolve().parent
_TABLES = ("tcp", "tcp6")
_SETUP = """
set -e
ip link set lo up
ip route add local 203.0.113.0/24 dev lo
mount --bind "$1/resolv.conf" /etc/resolv.conf
[ -z "$2" ] || mount --bind "$2" /usr/sbin/exim4
echo ready
exec cat
"""


class Network:
    """203.0.113.0/24 and 2001:db8::/32 (for documentation, RFC 5737, RFC 3849), and a DNS server
    that says what it is told."""

    def __init__(self, directory: Path, exim: Path | None = None) -> None:
        """Begin it. ``exim``: the program that is Exim in there; None for the installed one."""
        self.directory, self.exim = directory, exim
        self._zone: dict[str, dict[str, list[str]]] = {}
        self._last_address = 1
        self._children: list[subprocess.Popen[bytes]] = []
        directory.mkdir(parents=True, exist_ok=True)
        resolver = "nameserver 127.0.0.1\noptions timeout:1 trust-ad\n"
        (directory / "resolv.conf").write_text(resolver)
        self._holder = subprocess.Popen(
            [
                *("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
                *("sh", "-c", _SETUP, "sh", str(directory), str(exim or "")),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        _ready(self._holder)
        self.pid = child_of(self._holder.pid)
        self.dns({})
        self.spawn([sys.executable, str(_HERE / "nameserver.py"), str(directory / "zone.json")])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything in the namespaces."""
        for one in (self._holder, *self._children):
            for pipe in (one.stdin, one.stdout):
                if pipe is not None:
                    pipe.close()
        for one in (self._holder, *self._children):
            one.wait(timeout=20)

    def inside(self, pid: int | None = None) -> list[str]:
        """The command that runs another one inside (for a host: with the host's files)."""
        target = str(pid or self.pid)
        return ["nsenter", "--target", target, "--net", "--mount", "--pid", "--"]

    def run(
        self, command: Sequence[str], *, pid: int | None = None, stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command inside; its status is the caller's to judge."""
        return subprocess.run(
            [*self.inside(pid), *command],
            input=stdin,
            capture_output=True,
            check=False,
            timeout=120,
        )

    def spawn(self, command: Sequence[str], *, stdin: bool = False) -> int:
        """Start a server inside that says ``ready``; its process, seen from here."""
        started = subprocess.Popen(
            [*self.inside(), *command],
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._children.append(started)
        _ready(started)
        return child_of(started.pid)

    def background(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a server inside that stays in the foreground; it ends with the network."""
        started = subprocess.Popen(
            [*self.inside(), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._children.append(started)
        return started

    def listening(self, *places: tuple[str, int]) -> None:
        """Wait until somebody listens at each of these addresses and ports."""
        wanted = {_as_in_proc(*one) for one in places}
        for _attempt in range(1000):
            seen = "".join(Path(f"/proc/{self.pid}/net/{one}").read_text() for one in _TABLES)
            if all(one in seen for one in wanted):
                return
            time.sleep(0.02)
        raise AssertionError(f"nobody listens on {places}")

    def address(self) -> str:
        """An address that nobody has yet."""
        self._last_address += 1
        assert self._last_address < 255, "the network is full"
        return f"203.0.113.{self._last_address}"

    def address6(self) -> str:
        """An IPv6 address that nobody has yet."""
        address = f"2001:db8::{self.address().rpartition('.')[2]}"
        add = ("ip", "-6", "address", "add", f"{address}/128", "dev", "lo", "nodad")
        added = self.run(add)
        assert added.returncode == 0, added.stderr
        return address

    def dns(self, records: dict[str, dict[str, list[str]]]) -> None:
        """From now on DNS says exactly this."""
        self._zone = records
        new = self.directory / "zone.new"
        new.write_text(json.dumps(records))
        new.replace(self.directory / "zone.json")

    def mail_for(self, domain: str, *hosts: tuple[str, str], tlsa: str | None = None) -> None:
        """Let DNS name these (host name, address) for a domain, best first; the rest stays. A host
        may have several addresses, of either kind."""
        names = list(dict.fromkeys(name for name, _address in hosts))
        self._zone[domain] = {"MX": [f"{10 + at} {name}" for at, name in enumerate(names)]}
        for name in names:
            self._zone[name] = {}
            self._zone.pop(f"_25._tcp.{name}", None)
            if tlsa is not None:
                self._zone[f"_25._tcp.{name}"] = {"TLSA": [tlsa]}
        for name, address in hosts:
            self._zone[name].setdefault("AAAA" if ":" in address else "A", []).append(address)
        self.dns(self._zone)


def _as_in_proc(address: str, port: int) -> str:
    """How the kernel shows a listener: the address in words of its own byte order."""
    packed = ipaddress.ip_address(address).packed
    words = [packed[at : at + 4][::-1] for at in range(0, len(packed), 4)]
    nobody = "0" * len(packed) * 2
    return f"{b''.join(words).hex().upper()}:{port:04X} {nobody}:0000 0A"


def _ready(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == b"ready\n", f"a part of the lab did not start: {line!r}"


def child_of(pid: int) -> int:
    """The only child of a process."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    for _attempt in range(200):
        found = children.read_text().split()
        if found:
            return int(found[0])
        time.sleep(0.01)
    raise AssertionError(f"process {pid} has no child")
