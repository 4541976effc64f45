"""Certificates as the public CAs make them: with all that the CA/Browser Forum asks for."""

from __future__ import annotations

import datetime
import ipaddress
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.certs import DAY, Made, PrivateKey, new_key


def root(name: str, *, key_cert_sign: bool = True) -> Made:
    """A root."""
    return _make(
        None, name, None, new_key(), None, int(time.time()) - 900 * DAY, 1800, key_cert_sign
    )


def intermediate(
    above: Made, name: str, *, key: PrivateKey | None = None, serial: int | None = None
) -> Made:
    """An issuing CA."""
    begins = int(time.time()) - 400 * DAY
    return _make(above, name, None, key or new_key(), serial, begins, 900, True)


def host(above: Made, name: str, *, not_before: int | None = None, days: int = 90) -> Made:
    """A host's certificate, for a name or an address."""
    begins = int(time.time()) - DAY if not_before is None else not_before
    return _make(above, name, name, new_key(), None, begins, days, False)


def _make(
    above: Made | None,
    subject: str,
    host: str | None,
    key: PrivateKey,
    serial: int | None,
    begins: int,
    days: int,
    signs: bool,
) -> Made:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    issuer = Made(b"", key) if above is None else above
    start = datetime.datetime.fromtimestamp(begins, datetime.UTC)
    public = key.public_key()
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=signs, crl_sign=signs,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if above is None else above.certificate.subject)
        .public_key(public)
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=days))
        .add_extension(usage, critical=True)
        .add_extension(x509.BasicConstraints(host is None, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
            critical=False,
        )
    )
    if host is not None:
        try:
            own: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            own = x509.DNSName(host)
        builder = builder.add_extension(x509.SubjectAlternativeName([own]), critical=False)
        server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(server, critical=False)
    signed = builder.sign(issuer.key, hashes.SHA256())
    return Made(signed.public_bytes(Encoding.DER), key)
