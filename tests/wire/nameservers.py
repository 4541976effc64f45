"""Real name servers on loopback: dnsmasq, and unbound, which validates zones that are signed here.

Neither can send a packet anywhere else: dnsmasq knows no other server, unbound has a root of its
own that is empty, and may use no address but 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import pytest

from tests.tools import require


def _path() -> str:
    """Where name servers are, on a user's machine too."""
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has, for UDP and TCP."""
    while True:
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
            stream.bind(("127.0.0.1", 0))
            port = int(stream.getsockname()[1])
            with contextlib.suppress(OSError):
                datagram.bind(("127.0.0.1", port))
                return port


@contextlib.contextmanager
def dnsmasq(*options: str) -> Iterator[str]:
    """dnsmasq with these options, which knows everything below .test; its address."""
    require("dnsmasq", path=_path())

    def command(port: int) -> list[str]:
        return [
            "dnsmasq", "--no-daemon", "--no-resolv", "--no-hosts", "--conf-file=/dev/null",
            f"--port={port}", "--listen-address=127.0.0.1", "--bind-interfaces", "--pid-file=",
            "--user=root", "--local=/test/", *options,
        ]  # fmt: skip

    with _running(command) as address:
        yield address


@contextlib.contextmanager
def unbound(folder: Path, zones: dict[str, Path], anchors: Sequence[Path]) -> Iterator[str]:
    """unbound that serves and validates zone files; its address.

    Args:
        zones: by name. anchors: files of the keys that it takes for the zones' own.
    """
    require("unbound", path=_path())
    lines = [
        "server:", "chroot: ''", "username: ''", f"directory: '{folder}'", "pidfile: ''",
        "do-daemonize: no", "use-syslog: no", "logfile: ''", "interface: 127.0.0.1",
        "outgoing-interface: 127.0.0.1", "module-config: 'validator iterator'",
        "do-not-query-localhost: no", "num-threads: 1", "trust-anchor-signaling: no",
        "local-zone: 'test.' nodefault", "access-control: 127.0.0.0/8 allow", "do-ip6: no",
        "so-rcvbuf: 0", "so-sndbuf: 0", "hide-version: yes",
        *(f"trust-anchor-file: '{one}'" for one in anchors),
        "remote-control:", "control-enable: no",
    ]  # fmt: skip
    # the root is here too, and empty: nothing is left to ask anybody
    for name, path in {".": zone(folder, "", ""), **zones}.items():
        lines += [
            "auth-zone:", f"name: '{name}'", f"zonefile: '{path}'", "for-downstream: no",
            "for-upstream: yes", "fallback-enabled: no",
        ]  # fmt: skip

    def command(port: int) -> list[str]:
        configuration = folder / "unbound.conf"
        configuration.write_text("\n".join([*lines, "server:", f"port: {port}", ""]))
        return ["unbound", "-d", "-c", str(configuration)]

    with _running(command) as address:
        yield address


def sign(folder: Path, name: str, records: str) -> tuple[Path, Path]:
    """A zone, signed with a key of its own: its file, and that of the public key.

    Args:
        records: lines of a zone file, relative to the zone.
    """
    require("ldns-keygen", "ldns-signzone")
    plain = zone(folder, name, records)
    ran = subprocess.run(
        ["ldns-keygen", "-k", "-a", "ECDSAP256SHA256", name],
        cwd=folder, check=True, capture_output=True, text=True,
    )  # fmt: skip
    key = ran.stdout.strip()
    signed = folder / f"{name}.signed"
    subprocess.run(
        ["ldns-signzone", "-f", str(signed), str(plain), key],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    return signed, folder / f"{key}.key"


def zone(folder: Path, name: str, records: str) -> Path:
    """A zone's file, not signed."""
    path = folder / f"{name or 'root'}.zone"
    path.write_text(
        f"$ORIGIN {name}.\n$TTL 3600\n@ IN SOA ns root 1 3600 900 86400 300\n@ IN NS ns\n"
        f"ns IN A 127.0.0.1\n{records}\n"
    )
    return path


@contextlib.contextmanager
def _running(command: Callable[[int], list[str]]) -> Iterator[str]:
    """A server that answers on a port that is free, until it is not needed any more."""
    environment = {**os.environ, "PATH": _path()}
    for _try in range(3):  # somebody else may have taken the port in the meantime
        port = free_port()
        process = subprocess.Popen(
            command(port), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert process.stderr is not None
        with process.stderr as errors:
            try:
                if _answers(process, port):
                    yield f"127.0.0.1:{port}"
                    return
            finally:
                process.terminate()
                process.wait(10)
            said = errors.read().decode()
    pytest.fail(f"the name server does not answer: {said}")


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    query = dns.message.make_query("nobody.test", "A")
    ends = time.monotonic() + 20
    while time.monotonic() < ends and process.poll() is None:
        with contextlib.suppress(dns.exception.DNSException, OSError):
            dns.query.udp(query, "127.0.0.1", 0.2, port)
            return True
        time.sleep(0.02)
    return False
