"""What a peer's CA is held to, as the inventory, the certificate and the next export have it."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.console import Console


def held(console: Console, peer: str = "foo") -> dict[str, Any]:
    """What ``trustctl show`` says of the peer's newest pin."""
    pins = console("show", peer, "--json").json[0]["pins"]
    assert isinstance(pins[-1], dict)
    return pins[-1]


class Exported:
    """What the next export writes."""

    def __init__(self, console: Console) -> None:
        console("export", "--to", str(console.target), "--format", "exim", "--yes", "--no-sign")
        self._root = console.target / "trustctl"
        text = (self._root / "current/peers.map").read_text()
        self.map = {line.split("\t")[0]: line.split("\t")[2] for line in text.splitlines()}

    def set(self, domain: str = "foo.test") -> list[str]:
        """The fingerprints in a domain's trust set."""
        name = self.map[domain].split()[0].partition("=")[2]
        return prints((self._root / "sets" / name).read_bytes())

    def bundle(self) -> list[str]:
        """The fingerprints in the bundle."""
        return prints((self._root / "current/ca-certificates.crt").read_bytes())


def prints(text: bytes) -> list[str]:
    """The fingerprints of certificates in PEM."""
    found = x509.load_pem_x509_certificates(text) if text else []
    return [hashlib.sha256(one.public_bytes(Encoding.DER)).hexdigest() for one in found]


def permitted(console: Console) -> list[str]:
    """What the cross-certificate itself says, and not what the inventory says of it."""
    with closing(sqlite3.connect(f"file:{console.db}?mode=ro", uri=True)) as raw:
        one = held(console)["held_by"]
        (der,) = raw.execute("SELECT der FROM certificate WHERE fingerprint = ?", (one,)).fetchone()
    found = x509.load_der_x509_certificate(der).extensions
    value = found.get_extension_for_class(x509.NameConstraints).value
    return [one.value for one in value.permitted_subtrees or ()]
