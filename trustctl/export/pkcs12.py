"""``pkcs12``: a truststore for Java and what else reads PKCS #12 (RFC 7292).

Each certificate has Oracle's attribute that marks it as trusted, without which Java ignores it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

from trustctl.export.format import Format, Options, alias, certificates, password
from trustctl.facts.records import PeerTrust, TrustedCertificate

NAME = "truststore.p12"


def files(trusts: Sequence[PeerTrust], options: Options) -> Mapping[str, bytes]:
    """One store; each certificate has its peer's name as its friendly name.

    Where nobody is trusted there is none: PKCS #12 has no empty one, and Java trusts nobody then.

    Raises:
        UsageError: there is no password, or a poor one.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    secret = password(options)
    members = [
        pkcs12.PKCS12Certificate(x509.load_der_x509_certificate(one.der), alias(peer, one).encode())
        for peer, one in certificates(trusts)
    ]
    if not members:
        return {}
    encryption = BestAvailableEncryption(secret.encode())
    return {NAME: pkcs12.serialize_java_truststore(members, encryption)}


def keeps(made: Mapping[str, bytes], options: Options) -> bool:
    """Whether this password opens the store, whose salt is new each time."""
    from cryptography.hazmat.primitives.serialization import pkcs12

    secret = password(options).encode()
    try:
        pkcs12.load_pkcs12(made[NAME], secret)
    except (KeyError, ValueError):
        return False
    return True


def fits(certificate: TrustedCertificate) -> bool:
    """Whether the library that writes the store reads the certificate and all its extensions
    without a complaint: Java refuses a whole store for one certificate with an extension twice."""
    from cryptography import x509

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return x509.load_der_x509_certificate(certificate.der).extensions is not None
    except (ValueError, Warning, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return False


FORMAT = Format(
    name="pkcs12",
    help="A truststore with a password (PKCS #12), for Java and others.",
    files=files,
    use="-Djavax.net.ssl.trustStore={current}/truststore.p12",
    password=True,
    keeps=keeps,
    fits=fits,
)
