"""Whether a certificate's own key made its signature: checked, not guessed from its names."""

from __future__ import annotations

import contextlib
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from trustctl.facts.certificate import CertificateFacts

_MAXIMUM_RSA_BITS = 16384  # beyond it a check costs a hostile key's owner nothing and us seconds
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
        key: Any = certificate.public_key()
        signature, signed = certificate.signature, certificate.tbs_certificate_bytes
        if isinstance(key, rsa.RSAPublicKey):
            scheme = certificate.signature_algorithm_parameters or padding.PKCS1v15()
            key.verify(signature, signed, scheme, _hash(certificate, facts))  # type: ignore[arg-type]
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(_hash(certificate, facts)))
        elif facts.key_kind == "dsa":
            key.verify(signature, signed, _hash(certificate, facts))
        else:
            key.verify(signature, signed)
        return True
    return False


def _hash(certificate: x509.Certificate, facts: CertificateFacts) -> hashes.HashAlgorithm:
    found = certificate.signature_hash_algorithm
    if found is not None:
        return found
    return _OLD[facts.signature_hash or ""]()
