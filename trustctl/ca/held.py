"""What a CA has signed already, and what verifiers will make of it once the CA is held to names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from cryptography import x509

from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.names import within

E = TypeVar("E", bound=x509.ExtensionType)


def outside(der: bytes, facts: CertificateFacts, permitted: Sequence[str]) -> list[str]:
    """The names of a host's certificate that are not within the permitted ones: DNS names and IP
    addresses, or its common name where it has no alternative names at all."""
    names = _extension(der, x509.SubjectAlternativeName)
    said: Sequence[str] = facts.names
    if names is not None:
        addresses = names.get_values_for_type(x509.IPAddress)
        said = [*names.get_values_for_type(x509.DNSName), *map(str, addresses)]
    return [one for one in said if not any(within(_host(one), name) for name in permitted)]


def by_serial(der: bytes) -> bool:
    """Whether it names its issuer by serial number, the original's (RFC 5280, 4.2.1.1)."""
    key = _extension(der, x509.AuthorityKeyIdentifier)
    return key is not None and key.authority_cert_serial_number is not None


def permitted_by(certificate: x509.Certificate) -> list[str] | None:
    """The DNS names that a CA's name constraints permit; None where it has none."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return None
    subtrees = found.permitted_subtrees or []
    return [one.value for one in subtrees if isinstance(one, x509.DNSName)]


def _extension(der: bytes, kind: type[E]) -> E | None:
    try:
        found = x509.load_der_x509_certificate(der).extensions
        return found.get_extension_for_class(kind).value
    except (ValueError, x509.ExtensionNotFound):
        return None


def _host(name: str) -> str:
    return name.lower().removeprefix("*.")
