"""Makes many peers as the JSON Lines that ``trustctl import`` reads.

python -m tests.bench.peers COUNT > peers.jsonl
"""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Iterator

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
_END = datetime.datetime(2036, 1, 1, tzinfo=datetime.UTC)


def certificate(host: str) -> x509.Certificate:
    """A self-signed P-256 certificate for a host, as ``exim-gencert`` would make one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_START)
        .not_valid_after(_END)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )


def lines(count: int) -> Iterator[str]:
    """``count`` peers, each with a domain, a certificate and a voucher."""
    for number in range(count):
        one = certificate(f"mx.peer{number:06}.example")
        yield json.dumps(
            {
                "peer": f"peer{number:06}",
                "domains": [f"peer{number:06}.example"],
                "certificate": one.public_bytes(serialization.Encoding.PEM).decode(),
                "fingerprint": one.fingerprint(hashes.SHA256()).hex(),
                "vouched_by": "Ann <ann@bar.test>",
                "via": "phone",
            }
        )


if __name__ == "__main__":
    for line in lines(int(sys.argv[1])):
        print(line)
