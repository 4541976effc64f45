"""Makes many peers as the JSON Lines that ``trustctl import`` reads.

python -m tests.bench.peers COUNT > peers.jsonl
"""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

_START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
_END = datetime.datetime(2036, 1, 1, tzinfo=datetime.UTC)


def name(number: int) -> str:
    """The name of a peer."""
    return f"peer{number:06}"


def domain(number: int) -> str:
    """The domain of a peer."""
    return f"{name(number)}.example"


def certificate(host: str) -> x509.Certificate:
    """A self-signed P-256 certificate for a host, with a key of its own."""
    # the process that measures stays small: what it runs inherits its peak of memory
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_START)
        .not_valid_after(_END)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )


def _texts(host: str) -> tuple[str, str]:
    from cryptography.hazmat.primitives import hashes, serialization

    one = certificate(host)
    pem = one.public_bytes(serialization.Encoding.PEM).decode()
    return pem, one.fingerprint(hashes.SHA256()).hex()


def lines(count: int) -> Iterator[str]:
    """``count`` peers, each with a domain, a certificate and a voucher."""
    for number in range(count):
        pem, fingerprint = _texts(f"mx.{domain(number)}")
        yield json.dumps(
            {
                "peer": name(number),
                "domains": [domain(number)],
                "certificate": pem,
                "fingerprint": fingerprint,
                "vouched_by": "Ann <ann@bar.test>",
                "via": "phone",
            }
        )


def file(count: int, cache: Path) -> Path:
    """The file of ``count`` peers in the folder ``cache``, made where it is not there yet."""
    path = cache / f"peers-{count}.jsonl"
    if not path.exists():
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}-{os.getpid()}")
        with unfinished.open("wb") as out:
            subprocess.run([sys.executable, "-m", __name__, str(count)], stdout=out, check=True)
        unfinished.rename(path)
    return path


def write_certificate(host: str, path: Path) -> str:
    """Write one more certificate to ``path``; its fingerprint, in hex."""
    ran = subprocess.run(
        [sys.executable, "-m", __name__, host, str(path)], capture_output=True, check=True
    )
    return ran.stdout.decode().strip()


if __name__ == "__main__":
    if len(sys.argv) == 3:
        text, digits = _texts(sys.argv[1])
        Path(sys.argv[2]).write_text(text)
        print(digits)
    else:
        for line in lines(int(sys.argv[1])):
            print(line)
