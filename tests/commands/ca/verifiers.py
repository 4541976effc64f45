"""What other programs say of a chain: OpenSSL and GnuTLS, each with its exit status alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

_END = b"-----END CERTIFICATE-----\n"


def openssl(root: Path, chain: Path, *options: str, strict: bool = True) -> bool:
    """Whether ``openssl verify -x509_strict`` finds the first certificate of a file good."""
    leaf, end, above = chain.read_bytes().partition(_END)
    first, rest = chain.with_suffix(".first"), chain.with_suffix(".rest")
    first.write_bytes(leaf + end)
    rest.write_bytes(above)
    untrusted = ["-untrusted", str(rest)] if above else []
    done = subprocess.run(
        ["openssl", "verify", *["-x509_strict"] * strict, "-CAfile", str(root), *untrusted,
         *options, str(first)],
        capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode == 0


def certtool(root: Path, chain: Path, *options: str) -> bool:
    """Whether ``certtool --verify`` finds a chain good."""
    done = subprocess.run(
        ["certtool", "--verify", "--load-ca-certificate", str(root), *options],
        input=chain.read_bytes(), capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode == 0


def both(root: Path, chain: Path, *, strict: bool = True) -> bool:
    """Whether the two find it good; they have to be of one mind."""
    said = {openssl(root, chain, strict=strict), certtool(root, chain)}
    assert len(said) == 1, "OpenSSL and GnuTLS are of two minds"
    return said.pop()
