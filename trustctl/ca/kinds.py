"""The kinds of key that the CA makes and signs with."""

from __future__ import annotations

import functools
from typing import cast

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa

from trustctl.errors import UsageError
from trustctl.facts.issuance import KEY_KINDS, KeyKind

PrivateKey = (
    ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | mldsa.MLDSA65PrivateKey
)
PublicKey = (
    ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey | mldsa.MLDSA65PublicKey
)
SignatureHash = hashes.SHA256 | hashes.SHA384
RSA_BITS = 3072


def generate(kind: KeyKind) -> PrivateKey:
    """A new private key."""
    match kind:
        case "ecdsa-p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ecdsa-p384":
            return ec.generate_private_key(ec.SECP384R1())
        case "rsa-3072":
            return rsa.generate_private_key(65537, RSA_BITS)
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "ml-dsa-65":
            return mldsa.MLDSA65PrivateKey.generate()


def kind_of(key: object) -> KeyKind:
    """The kind of a private or public key.

    Raises:
        UsageError: it is none that the CA works with.
    """
    match key:
        case ec.EllipticCurvePrivateKey() | ec.EllipticCurvePublicKey():
            if key.curve.name in ("secp256r1", "secp384r1"):
                return "ecdsa-p256" if key.curve.name == "secp256r1" else "ecdsa-p384"
        case rsa.RSAPrivateKey() | rsa.RSAPublicKey():
            if key.key_size >= RSA_BITS:
                return "rsa-3072"
            raise UsageError(
                f"an RSA key of {key.key_size} bits: {RSA_BITS} are needed",
                "make a new key: ECDSA P-256 is understood by every mail server",
            )
        case ed25519.Ed25519PrivateKey() | ed25519.Ed25519PublicKey():
            return "ed25519"
        case mldsa.MLDSA65PrivateKey() | mldsa.MLDSA65PublicKey():
            return "ml-dsa-65"
    raise UsageError(
        "this kind of key is not one that the CA works with", f"it makes {', '.join(KEY_KINDS)}"
    )


def foreign_kind_of(key: object) -> str:
    """The kind of a public key that a peer's CA may have: one of ours, or of
    :data:`~trustctl.facts.issuance.FOREIGN_KINDS`.

    Raises:
        UsageError: it is neither.
    """
    match key:
        case rsa.RSAPublicKey() if 2048 <= key.key_size < RSA_BITS:
            return "rsa-2048"
        case ec.EllipticCurvePublicKey() if key.curve.name == "secp521r1":
            return "ecdsa-p521"
        case ec.EllipticCurvePublicKey() if key.curve.name.startswith("brainpoolP"):
            return "ecdsa-brainpool"
        case ed448.Ed448PublicKey():
            return "ed448"
    return kind_of(key)


@functools.cache
def throwaway(kind: KeyKind) -> PrivateKey:
    """A key that signs what lint looks at, and nothing else; its signatures have the same
    AlgorithmIdentifier as those of any key of this kind."""
    if kind == "rsa-3072":
        return rsa.generate_private_key(65537, 2048)  # a second quicker, and it signs nothing real
    return generate(kind)


def signature_hash(kind: KeyKind) -> SignatureHash | None:
    """The hash that a key of this kind signs with; None where the scheme has its own."""
    match kind:
        case "ecdsa-p256" | "rsa-3072":
            return hashes.SHA256()
        case "ecdsa-p384":
            return hashes.SHA384()
    return None


@functools.cache
def signature_algorithm(kind: KeyKind) -> bytes:
    """The AlgorithmIdentifier of signatures by keys of this kind, in DER."""
    from cryptography import x509

    from trustctl.facts.der import signed_parts

    request = x509.CertificateSigningRequestBuilder(x509.Name([]))
    sample = request.sign(throwaway(kind), signature_hash(kind))
    return signed_parts(sample.public_bytes(serialization.Encoding.DER))[1]


def load_public_key(spki: bytes, *, foreign: bool = False) -> PublicKey:
    """The public key in a SubjectPublicKeyInfo. ``foreign``: it may be a peer's CA's.

    Raises:
        UsageError: it is none that the CA works with.
    """
    key = read_public_key(spki)
    (foreign_kind_of if foreign else kind_of)(key)
    return cast(PublicKey, key)


def read_public_key(spki: bytes) -> object:
    """The public key in a SubjectPublicKeyInfo, of whatever kind.

    Raises:
        UsageError: it is none.
    """
    try:
        return serialization.load_der_public_key(spki)
    except Exception:  # hostile bytes make the library raise anything
        raise UsageError(
            "the public key cannot be read", f"the CA works with {', '.join(KEY_KINDS)}"
        ) from None


def spki_of(key: PublicKey) -> bytes:
    """The key's SubjectPublicKeyInfo in DER."""
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
