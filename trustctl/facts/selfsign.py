"""Whose key made a certificate's signature: checked, not guessed from its names."""

from __future__ import annotations

import contextlib
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa

from trustctl.facts.certificate import CertificateFacts

_MAXIMUM_RSA_BITS = 16384  # beyond it a check costs a hostile key's owner nothing and us seconds
_HASHLESS = frozenset(
    ("1.3.101.112", "1.3.101.113", *(f"2.16.840.1.101.3.4.3.{one}" for one in (17, 18, 19)))
)
"""Signatures for which there is no choice of hash: RFC 8410, 3 (EdDSA); RFC 9881, 2 (ML-DSA)."""
_OLD = {"md5": hashes.MD5, "sha1": hashes.SHA1}


def is_self_signed(certificate: x509.Certificate, facts: CertificateFacts) -> bool:
    """True where the signature verifies with the certificate's own key; False where it does not,
    or cannot be checked (then a weak hash counts against it, as it must)."""
    if facts.subject is None or facts.subject != facts.issuer:
        return False
    if facts.key_kind == "rsa" and (facts.key_bits or 0) > _MAXIMUM_RSA_BITS:
        return False
    # a hostile key or signature may raise anything: then nothing was verified
    with contextlib.suppress(Exception):
        _verify(certificate.public_key(), certificate, facts)
        return True
    return False


def is_signed_by(
    der: bytes,
    facts: CertificateFacts,
    issuer: bytes,
    issuer_facts: CertificateFacts,
    *,
    unsure: bool = True,
) -> bool:
    """Whether the issuer's key made the signature.

    Args:
        der, issuer: the two certificates.
        unsure: the answer where it cannot be checked (the program that verifies the chain may be
            able to); False where a forger is to gain nothing by that.
    """
    if issuer_facts.key_kind == "rsa" and (issuer_facts.key_bits or 0) > _MAXIMUM_RSA_BITS:
        return unsure
    try:
        key = x509.load_der_x509_certificate(issuer).public_key()
        _verify(key, x509.load_der_x509_certificate(der), facts)
    except InvalidSignature:
        return False
    except Exception:  # as above
        return unsure
    return True


def _verify(key: Any, certificate: x509.Certificate, facts: CertificateFacts) -> None:
    signature, signed = certificate.signature, certificate.tbs_certificate_bytes
    hashing = isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | dsa.DSAPublicKey)
    if hashing and certificate.signature_algorithm_oid.dotted_string in _HASHLESS:
        raise InvalidSignature  # another kind of key made it
    if isinstance(key, rsa.RSAPublicKey):
        scheme = certificate.signature_algorithm_parameters or padding.PKCS1v15()
        if isinstance(scheme, ec.ECDSA):
            raise InvalidSignature
        key.verify(signature, signed, scheme, _hash(certificate, facts))
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(_hash(certificate, facts)))
    elif isinstance(key, dsa.DSAPublicKey):
        key.verify(signature, signed, _hash(certificate, facts))
    else:
        key.verify(signature, signed)


def _hash(certificate: x509.Certificate, facts: CertificateFacts) -> hashes.HashAlgorithm:
    found = certificate.signature_hash_algorithm
    if found is not None:
        return found
    return _OLD[facts.signature_hash or ""]()
