"""A private CA made by the command line, for tests of whatever it signs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.certs import Made
from tests.console import Console, Ran

PASSPHRASE = b"a few words of a book"


class OwnCa:
    """A user with a CA called main. ``console`` types commands for it."""

    def __init__(self, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        self.console = console
        self.secret = Path(console.write("passphrase", PASSPHRASE + b"\n"))
        self.secret.chmod(0o600)
        self._monkeypatch = monkeypatch
        self.present()

    def present(self) -> None:
        """Somebody is there who knows the passphrase."""
        self._monkeypatch.setenv("TRUSTCTL_CA_PASSPHRASE_FILE", str(self.secret))

    def absent(self) -> None:
        """Nobody is there who knows it, as in a cron job."""
        self._monkeypatch.delenv("TRUSTCTL_CA_PASSPHRASE_FILE", raising=False)

    def __call__(self, *words: str, code: int = 0) -> Ran:
        """Run ``trustctl ca ...``."""
        return self.console("ca", *words, code=code)

    def init(self, *words: str) -> None:
        """Make the CA."""
        self("init", *words)

    def issue(self, *hosts: str) -> list[Path]:
        """Certificates for hosts: each HOST.crt (with the chain), beside HOST.key."""
        out = self.console.folder / "issued"
        self("issue", *hosts, "--out", str(out))
        return [out / f"{one}.crt" for one in hosts]

    def certificate(self, which: str) -> Path:
        """The root's or the issuing CA's certificate in a file."""
        path = self.console.folder / f"{which}.pem"
        path.write_bytes(self("certificate", which).out.encode())
        return path

    def trust_for(self, peer: str, *words: str) -> None:
        """Pin the root as the authority of PEER.test."""
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding

        root = self.certificate("root")
        der = x509.load_pem_x509_certificate(root.read_bytes()).public_bytes(Encoding.DER)
        self.console(
            "add", str(root), "--peer", peer, "--domain", f"{peer}.test", "--role", "authority",
            "--fingerprint", hashlib.sha256(der).hexdigest(), *words,
        )  # fmt: skip


def first(chain: Path) -> Path:
    """The first certificate of a chain file, in a file of its own."""
    end = b"-----END CERTIFICATE-----\n"
    path = chain.with_suffix(".leaf.pem")
    path.write_bytes(chain.read_bytes().partition(end)[0] + end)
    return path


def made(chain: Path) -> tuple[Made, list[bytes]]:
    """A host's certificate with its key, and the certificates above it, in PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

    found = x509.load_pem_x509_certificates(chain.read_bytes())
    key = load_pem_private_key(chain.with_suffix(".key").read_bytes(), None)
    leaf = Made(found[0].public_bytes(Encoding.DER), key)  # type: ignore[arg-type]
    return leaf, [one.public_bytes(Encoding.PEM) for one in found[1:]]
