"""Throwaway certificates: made like a pinned one, with keys that live for one proof."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.pem import pem

PrivateKey = (
    ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
)
_CURVES = {"secp384r1": ec.SECP384R1(), "secp521r1": ec.SECP521R1()}
_RSA_BITS = (2048, 4096)
_DAY = 86400
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_COPIED = (
    x509.SubjectAlternativeName,
    x509.BasicConstraints,
    x509.KeyUsage,
    x509.ExtendedKeyUsage,
    x509.NameConstraints,
)
"""The extensions by which a verifier decides. The others (policies, where to find a CRL) name what
the throwaway certificate does not have."""


@dataclass(frozen=True, slots=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def der(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the DER, 64 lower-case hex digits."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def not_after(self) -> int:
        """When it ends, in seconds since 1970."""
        return int(self.certificate.not_valid_after_utc.timestamp())

    @property
    def pem(self) -> str:
        """The certificate in PEM."""
        return pem(self.der).decode("ascii")

    @property
    def key_pem(self) -> str:
        """The key in PEM (PKCS #8, not encrypted)."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode("ascii")


def new_key(facts: CertificateFacts | None = None) -> PrivateKey:
    """A key of the kind of a certificate's; P-256 where there is no such kind here. An RSA key has
    4096 bits at most: a larger one takes minutes to make."""
    kind = None if facts is None else facts.key_kind
    if facts is not None and kind == "rsa":
        least, most = _RSA_BITS
        return rsa.generate_private_key(65537, min(max(facts.key_bits or least, least), most))
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "ed448":
        return ed448.Ed448PrivateKey.generate()
    curve = "" if facts is None else facts.curve or ""
    return ec.generate_private_key(_CURVES.get(curve, ec.SECP256R1()))


def like(
    der: bytes,
    facts: CertificateFacts,
    now: int,
    *,
    key: PrivateKey | None = None,
    issuer: Made | None = None,
    expired: bool = False,
) -> Made:
    """A certificate with the subject, the names, the serial number, the validity and the other
    marks of this one, but with a key of ours.

    Args:
        issuer: who signs it; None: its own key does. expired: its validity has ended.
    """
    private = key if key is not None else new_key(facts)
    try:
        model = x509.load_der_x509_certificate(der)
        hashed = _HASHES.get(facts.signature_hash or "", hashes.SHA256())
        return _sealed(_copy(model, now, expired=expired), model.subject, private, issuer, hashed)
    except Exception:  # a pinned certificate may be as odd as it likes: its names are known anyhow
        ends = now - _DAY if expired else now + 90 * _DAY
        return leaf(facts.names, now, ends=ends, key=private, issuer=issuer, ca=bool(facts.is_ca))


def _copy(model: x509.Certificate, now: int, *, expired: bool) -> x509.CertificateBuilder:
    begins, ends = model.not_valid_before_utc, model.not_valid_after_utc
    if expired:
        ends = _moment(now - _DAY)
        begins = min(begins, _moment(now - 90 * _DAY))
    builder = (
        x509.CertificateBuilder()
        .subject_name(model.subject)
        .serial_number(model.serial_number)
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    for one in model.extensions:
        if isinstance(one.value, _COPIED):
            builder = builder.add_extension(one.value, one.critical)
    return builder


def leaf(
    names: tuple[str, ...],
    now: int,
    *,
    ends: int | None = None,
    key: PrivateKey | None = None,
    issuer: Made | None = None,
    ca: bool = False,
) -> Made:
    """A certificate for these host names, as anybody would make one."""
    subject = _named(names[0] if names and len(names[0]) <= 64 else "host")
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_moment(min(now, ends or now) - _DAY))
        .not_valid_after(_moment(ends if ends is not None else now + 90 * _DAY))
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
    )
    if names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
        builder = builder.add_extension(alternatives, critical=False)
    if not ca:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        builder = builder.add_extension(usage, critical=False)
    return _sealed(builder, subject, key if key is not None else new_key(), issuer)


def authority(name: str, now: int, *, subject: x509.Name | None = None) -> Made:
    """An authority that nobody has heard of."""
    named = subject or _named(name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_moment(now - 900 * _DAY))
        .not_valid_after(_moment(now + 900 * _DAY))
        .add_extension(x509.BasicConstraints(True, None), critical=True)
    )
    return _sealed(builder, named, new_key(), None)


def issuer_of(der: bytes, now: int) -> Made:
    """An authority with the name of this certificate's issuer."""
    try:
        subject = x509.load_der_x509_certificate(der).issuer
        subject.public_bytes()
        return authority("", now, subject=subject)
    except Exception:  # as in like()
        return authority("throwaway CA", now)


def revocation_list(issuer: Made, revoked: Iterable[Made], now: int) -> str:
    """The list, in PEM, by which the issuer revokes certificates (RFC 5280, 5)."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(_moment(now - _DAY))
        .next_update(_moment(now + 30 * _DAY))
    )
    for one in revoked:
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(one.certificate.serial_number)
            .revocation_date(_moment(now - _DAY))
            .build()
        )
        builder = builder.add_revoked_certificate(entry)
    signed = builder.sign(issuer.key, _algorithm(issuer.key, None))
    return signed.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _sealed(
    builder: x509.CertificateBuilder,
    subject: x509.Name,
    key: PrivateKey,
    issuer: Made | None,
    hashed: hashes.HashAlgorithm | None = None,
) -> Made:
    signer: PrivateKey = key if issuer is None else issuer.key
    named = builder.issuer_name(subject if issuer is None else issuer.certificate.subject)
    signed = named.public_key(key.public_key()).sign(signer, _algorithm(signer, hashed))
    return Made(signed, key)


def _algorithm(signer: PrivateKey, hashed: hashes.HashAlgorithm | None) -> Any:
    if isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        return None  # these have a hash of their own
    return hashed or hashes.SHA256()


def _named(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _moment(seconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
