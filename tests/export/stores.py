"""The same peers for every format, and the programs that read what is made of them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests import certs, odd
from tests.trusts import HOSTILE, hostile, trust, trusted
from trustctl.export import formats
from trustctl.export.format import Options, bounded
from trustctl.facts.records import PeerTrust

PASSWORD = b"correct horse"
NAMES = tuple(one for one in formats.MODULES if one != "postfix")


def peers() -> tuple[PeerTrust, ...]:
    """Two peers with a host's certificate each, one without any."""
    return (
        trust("bar", trusted(BAR)),
        trust("foo", trusted(FOO), domains=("foo.test", "foo.example")),
        trust("gone"),
    )


def hostile_peers() -> list[PeerTrust]:
    """A peer for each hostile string, which is all that its certificate says."""
    return [trust(f"h{number:02}", trusted(hostile(text))) for number, text in enumerate(HOSTILE)]


def odd_peers() -> list[PeerTrust]:
    """Peers with certificates that some parsers refuse, and others take for what they are not."""
    base = certs.self_signed("mx.odd.test", ca=False)
    deep = b""
    for _ in range(1000):
        deep = certs.tlv(0x30, deep)
    names = odd.alternative_names(b"a.test")
    strange = [
        odd.altered(base, serial=b"\x02\x01\x80"),
        odd.altered(base, serial=b"\x02\x01\x00"),
        odd.altered(base, version=b"", extensions=()),
        odd.altered(base, extensions=[names, names]),
        odd.altered(base, extensions=[odd.extension("2.5.29.17", b"\x30\x7f\x00")]),
        odd.altered(base, extensions=[odd.extension("2.5.29.17", deep)]),
        odd.altered(base, subject=deep),
        odd.altered(base, subject=odd.common_name(b"\xff\xfe")),
        odd.altered(base, subject=odd.common_name(b"\x00", 0x1E)),
        odd.altered(base, subject=odd.common_name(b"\xff@*", 0x13)),
    ]
    return [trust(f"o{number:02}", trusted(one)) for number, one in enumerate(strange)]


def made(name: str, *trusts: PeerTrust, directory: Path = Path("/t")) -> dict[str, bytes]:
    """What a format makes of these peers, as an export has it."""
    chosen = formats.load(name)
    mine = [bounded(one, chosen)[0] for one in trusts]
    return formats.files(chosen, mine, Options(str(directory), PASSWORD))


def write(directory: Path, made: Mapping[str, bytes]) -> Path:
    """The files as a target has them; the folder that consumers read."""
    current = directory / "current"
    for name, content in made.items():
        path = current / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return current


def run(*words: object, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program, however it ends."""
    return subprocess.run(
        [str(one) for one in words], capture_output=True, text=True, check=False, timeout=60,
        errors="backslashreplace", env={**os.environ, **(env or {})},
    )  # fmt: skip


FOO, BAR, STRANGER = (
    certs.self_signed(f"mx.{one}.test", ca=False) for one in ("foo", "bar", "stranger")
)
