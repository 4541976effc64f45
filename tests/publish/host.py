"""A mail server of one's own with a private CA beside it, for tests of what its Exim presents."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from tests.authority import PASSPHRASE
from tests.console import Ran
from tests.publish.box import Box

MX = "mx.bar.test"
PAIR = ("exim.crt", "exim.key")


class Host:
    """A box, and the commands that its administrator types."""

    def __init__(self, box: Box, folder: Path) -> None:
        self.box, self.db = box, folder / "inventory" / "trustctl.db"
        self.secret = folder / "passphrase"
        self.secret.write_bytes(PASSPHRASE + b"\n")
        self.secret.chmod(0o600)
        assert self("ca", "init", "--permit", "bar.test").code == 0
        self.root = folder / "root.pem"
        self.root.write_text(self("ca", "certificate", "root").out)

    def command(self, *words: str, before: tuple[str, ...] = ()) -> list[str]:
        """The command line that runs trustctl in the box. ``before``: what runs it there."""
        given = {
            "TRUSTCTL_DB": str(self.db),
            "TRUSTCTL_CA_PASSPHRASE_FILE": str(self.secret),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        environment = [f"{key}={value}" for key, value in given.items()]
        return [
            "nsenter", "-m", "-n", "-t", str(self.box.pid), "--", "env", *environment, *before,
            sys.executable, "-m", "trustctl", *words,
        ]  # fmt: skip

    def __call__(self, *words: str, before: tuple[str, ...] = ()) -> Ran:
        """Run trustctl in the box."""
        done = subprocess.run(
            self.command(*words, before=before), capture_output=True, text=True, check=False,
            timeout=120, env=os.environ,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    def issue(self, *words: str) -> Ran:
        """Place a pair for the host."""
        return self("ca", "issue", MX, "--install", "exim", *words)

    def renew(self, *words: str) -> Ran:
        """Place the next one."""
        return self("ca", "renew", MX, "--install", "exim", *words)

    def tell(self, macros: str) -> None:
        """Write Exim's macros and generate its configuration."""
        (self.box.etc / "exim4.conf.localmacros").write_text(macros)
        self.box.command("update-exim4.conf")

    def read(self, name: str) -> bytes | None:
        """What Exim's user finds under a name in /etc/exim4; None for nothing."""
        done = self.box.command(
            "setpriv", "--reuid=Debian-exim", "--regid=Debian-exim", "--clear-groups",
            "cat", f"/etc/exim4/{name}", check=False,
        )  # fmt: skip
        return done.stdout.encode() if done.returncode == 0 else None

    def serial(self) -> str | None:
        """The serial number (hex) of the certificate in force, whose key has to be beside it."""
        chain, key = (self.read(one) for one in PAIR)
        if chain is None or key is None:
            assert chain is None
            assert key is None
            return None
        certificate = x509.load_pem_x509_certificates(chain)[0]
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert certificate.public_key().public_bytes(*form) == (
            load_pem_private_key(key, None).public_key().public_bytes(*form)
        ), "the key is not the certificate's"
        return f"{certificate.serial_number:x}"

    def issued(self) -> list[str]:
        """The serial numbers that the inventory knows, oldest first."""
        return [one["serial"] for one in self("ca", "list", "--json").json]

    def presents(self, name: str = MX) -> str:
        """What OpenSSL says when it verifies what the daemon presents, against our root."""
        done = self.box.command(
            "sh", "-c", "openssl s_client -connect 127.0.0.1:2525 -starttls smtp -status "
            f"-CAfile {self.root} -verify_hostname {name} -verify_return_error 2>&1 </dev/null",
            check=False,
        )  # fmt: skip
        return done.stdout
