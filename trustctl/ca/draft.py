"""Drafts a certificate: the TBSCertificate that will be signed, and a sample to be looked at first.

The library builds and signs in one step. So it signs with a throwaway key; lint looks at that
sample; and what an authority signs afterwards is the very same TBS bytes, as boulder does it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from trustctl.ca.kinds import PublicKey, load_public_key, signature_hash, throwaway
from trustctl.ca.profile import KEY_USAGES
from trustctl.facts.der import signed_parts
from trustctl.facts.issuance import Draft, KeyKind, Template

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXTENDED = {
    "server_auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "email_protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "ocsp_signing": ExtendedKeyUsageOID.OCSP_SIGNING,
}
COMMON_NAME_LIMIT = 64  # ub-common-name (RFC 5280, appendix A.1)
_NO_ADDRESS = tuple(x509.IPAddress(ipaddress.ip_network(one)) for one in ("0.0.0.0/0", "::/0"))


def new_serial() -> int:
    """A serial number of 127 random bits, the highest set: 16 octets, positive (RFC 5280,
    4.1.2.2)."""
    return secrets.randbits(126) | 1 << 126


def authority_name(which: str, hierarchy: str, number: int, public_key: bytes) -> str:
    """The common name of one of our own authorities. It carries some digits of the key: no two
    authorities anywhere have the same."""
    digits = hashlib.sha256(public_key).hexdigest()[:8].upper()
    return f"{hierarchy[:32]} {which} {number} {digits}"


def draft(template: Template, issuer: x509.Certificate | None, kind: KeyKind) -> Draft:
    """The draft of what the template says.

    Args:
        issuer: the authority's certificate; None for a certificate that signs itself.
        kind: the kind of key that will sign.
    """
    key = load_public_key(template.public_key, foreign=template.cross_of is not None)
    of = None if template.cross_of is None else x509.load_der_x509_certificate(template.cross_of)
    subject = _name(template.subject) if of is None else of.subject
    builder = x509.CertificateBuilder(
        issuer_name=subject if issuer is None else issuer.subject,
        subject_name=subject,
        public_key=key,
        serial_number=template.serial,
        not_valid_before=_moment(template.not_before),
        not_valid_after=_moment(template.not_after),
        extensions=_extensions(template, key, issuer, of),
    )
    sample = builder.sign(throwaway(kind), signature_hash(kind))
    der = sample.public_bytes(serialization.Encoding.DER)
    tbs, algorithm, _signature = signed_parts(der)
    return Draft(
        template=template,
        tbs=tbs,
        tbs_sha256=hashlib.sha256(tbs).hexdigest(),
        algorithm=algorithm,
        sample=der,
        spki=hashlib.sha256(template.public_key).hexdigest(),
    )


def _extensions(
    template: Template,
    key: PublicKey,
    issuer: x509.Certificate | None,
    of: x509.Certificate | None,
) -> list[x509.Extension[x509.ExtensionType]]:
    profile = template.profile
    own = x509.SubjectKeyIdentifier.from_public_key(key) if of is None else _own_key(of)
    length = profile.path_length if profile.ca else None
    if of is not None and (original := _path_length(of)) is not None:
        length = original if length is None else min(length, original)
    found: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(profile.ca, length), True),
        (_key_usage(profile.key_usage), True),
        (own, False),
    ]
    if issuer is not None:
        found.append((_authority_key(issuer), False))
    if profile.extended_key_usage:
        usages = [_EXTENDED[one] for one in profile.extended_key_usage]
        found.append((x509.ExtendedKeyUsage(usages), False))
    if template.hosts:
        names = [x509.DNSName(one) for one in template.hosts]
        # a subject that is empty makes the names critical (RFC 5280, 4.2.1.6)
        critical = of is None and len(template.subject) > COMMON_NAME_LIMIT
        found.append((x509.SubjectAlternativeName(names), critical))
    if template.permitted is not None:
        permitted = [x509.DNSName(one) for one in template.permitted]
        found.append((x509.NameConstraints(permitted, _NO_ADDRESS), True))
    return [x509.Extension(value.oid, critical, value) for value, critical in found]


def _path_length(certificate: x509.Certificate) -> int | None:
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return None
    return found.path_length


@lru_cache(maxsize=32)
def _key_usage(names: tuple[str, ...]) -> x509.KeyUsage:
    flags = {one: one in names for one in KEY_USAGES}
    return x509.KeyUsage(**flags, encipher_only=False, decipher_only=False)


def _authority_key(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(_own_key(issuer))


def _own_key(certificate: x509.Certificate) -> x509.SubjectKeyIdentifier:
    """What certificates below this one name as their authority's key."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        key: Any = certificate.public_key()
        return x509.SubjectKeyIdentifier.from_public_key(key)


def _name(common: str) -> x509.Name:
    if len(common) > COMMON_NAME_LIMIT:
        return x509.Name([])
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _moment(seconds: int) -> datetime:
    return _EPOCH + timedelta(seconds=seconds)
