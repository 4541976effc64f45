"""What signs: a key that can be asked for a signature, wherever it is."""

from __future__ import annotations

from typing import Protocol

from cryptography import exceptions
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from trustctl.ca.kinds import PrivateKey, PublicKey, kind_of, signature_hash
from trustctl.errors import InputError
from trustctl.facts.issuance import KeyKind


class Signer(Protocol):
    """A private key of an authority of ours: in memory, or in a token that never gives it away."""

    @property
    def public_key(self) -> PublicKey:
        """Its public half."""

    @property
    def kind(self) -> KeyKind:
        """Its kind, which decides the signature's algorithm."""

    def sign(self, data: bytes) -> bytes:
        """The signature over ``data`` as X.509 carries it (RFC 3279, RFC 8410, RFC 9881)."""


class KeySigner:
    """A private key in memory."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self._public = key.public_key()
        self._kind = kind_of(key)
        self._hash = signature_hash(self._kind)

    @property
    def public_key(self) -> PublicKey:
        """Its public half."""
        return self._public

    @property
    def kind(self) -> KeyKind:
        """Its kind."""
        return self._kind

    def sign(self, data: bytes) -> bytes:
        """The signature over ``data``."""
        key, digest = self._key, self._hash
        if digest is None:
            return key.sign(data)  # type: ignore[call-arg]
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key.sign(data, ec.ECDSA(digest))
        assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101  (the other kind with a hash)
        return key.sign(data, padding.PKCS1v15(), digest)


def verify(key: PublicKey, signature: bytes, data: bytes) -> None:
    """Check a signature that X.509 carries.

    Raises:
        InputError: it is not this key's over this data.
    """
    digest = signature_hash(kind_of(key))
    try:
        if digest is None:
            key.verify(signature, data)  # type: ignore[call-arg]
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(digest))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), digest)
    except exceptions.InvalidSignature:
        raise InputError("the signature is not the authority's") from None
