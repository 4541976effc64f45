"""Keys in a PKCS #11 token: made there, never given away, asked for signatures (extra ``pkcs11``).

A key's place is a PKCS #11 URI (RFC 7512) that names the token and the key, never the PIN.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from trustctl.ca.kinds import RSA_BITS, PublicKey, kind_of
from trustctl.ca.signer import verify
from trustctl.ca.token_uri import parse_uri, uri
from trustctl.errors import InputError, TrustctlError, UsageError
from trustctl.facts.der import OCTET_STRING, encode
from trustctl.facts.issuance import KeyKind

_CURVES: dict[str, tuple[str, type[ec.EllipticCurve]]] = {
    "ecdsa-p256": ("secp256r1", ec.SECP256R1),
    "ecdsa-p384": ("secp384r1", ec.SECP384R1),
}
_ED25519 = bytes.fromhex("06032b6570")  # the OID, as CKA_EC_PARAMS may hold it (PKCS #11 3.0)
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # RFC 8017, 9.2


class Token:
    """A token that is open; it stays so until the process ends."""

    def __init__(self, session: Any, label: str, serial: bytes) -> None:
        self._session, self._label, self._serial = session, label, serial

    @property
    def name(self) -> str:
        """Its URI."""
        return uri({"token": self._label.encode(), "serial": self._serial})

    def generate(self, kind: KeyKind, label: str) -> TokenSigner:
        """A new key pair in the token, whose private key can never leave it.

        Raises:
            UsageError: the token cannot make such keys. InputError: it fails, or would give the
                key away.
        """
        from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag
        from pkcs11 import exceptions as errors
        from pkcs11.util.ec import encode_named_curve_parameters

        how: dict[str, Any] = {
            "id": os.urandom(16),
            "label": label,
            "store": True,
            "capabilities": MechanismFlag.SIGN | MechanismFlag.VERIFY,
            "private_template": {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
        }
        try:
            with _told(self._label):
                if kind in _CURVES:
                    domain = {Attribute.EC_PARAMS: encode_named_curve_parameters(_CURVES[kind][0])}
                    made = self._session.create_domain_parameters(KeyType.EC, domain, local=True)
                    public, private = made.generate_keypair(**how)
                elif kind == "rsa-3072":
                    public, private = self._session.generate_keypair(KeyType.RSA, RSA_BITS, **how)
                elif kind == "ed25519":
                    domain = {Attribute.EC_PARAMS: _ED25519}
                    made = self._session.create_domain_parameters(
                        KeyType.EC_EDWARDS, domain, local=True
                    )
                    public, private = made.generate_keypair(
                        mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN, **how
                    )
                else:
                    raise _cannot(self._label, kind)
        except InputError as error:
            if isinstance(
                error.__cause__,
                errors.MechanismInvalid | errors.FunctionNotSupported | errors.DomainParamsInvalid,
            ):
                raise _cannot(self._label, kind) from error
            raise
        try:
            with _told(self._label):
                if private[Attribute.EXTRACTABLE] or not private[Attribute.SENSITIVE]:
                    raise InputError(
                        f"the token {self._label} would give its private keys away",
                        "take another token",
                    )
                found = TokenSigner(
                    _public_key(kind, public), private, self._label, self._place(how["id"])
                )
            found.prove()
        except TrustctlError:
            for one in (public, private):
                with suppress(Exception):  # the first error is the one to tell
                    one.destroy()
            raise
        found.public_object = public
        return found

    def _place(self, key_id: bytes) -> str:
        return uri({"token": self._label.encode(), "serial": self._serial, "id": key_id})

    def signer(self, place: str, public_key: PublicKey) -> TokenSigner:
        """The key at ``place``, which has to be the one that belongs to ``public_key``.

        Raises:
            InputError: it is not there, another one is, or the token fails.
        """
        from pkcs11 import Attribute, ObjectClass

        named = parse_uri(place)
        search: dict[Any, Any] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
        if "id" in named:
            search[Attribute.ID] = named["id"]
        if "object" in named:
            search[Attribute.LABEL] = named["object"].decode("utf-8", "replace")
        with _told(self._label):
            keys = list(self._session.get_objects(search))
        if len(keys) != 1:
            raise InputError(
                f"the token {self._label} has {len(keys)} keys at {place}",
                "restore the token from its backup, or roll over",
            )
        found = TokenSigner(public_key, keys[0], self._label, place)
        found.prove()
        return found


class TokenSigner:
    """A private key in a token.

    Attributes:
        place: its URI. public_object: the public key's object, where it was made just now.
    """

    public_object: Any = None

    def __init__(self, public_key: PublicKey, key: Any, label: str, place: str) -> None:
        self._public, self._key, self._label = public_key, key, label
        self._kind = kind_of(public_key)
        self.place = place

    @property
    def public_key(self) -> PublicKey:
        """Its public half."""
        return self._public

    @property
    def kind(self) -> KeyKind:
        """Its kind."""
        return self._kind

    def sign(self, data: bytes) -> bytes:
        """The signature over ``data``, in the form that X.509 carries.

        Raises:
            InputError: the token fails.
        """
        from pkcs11 import Mechanism

        with _told(self._label):
            if self._kind == "rsa-3072":
                text = _SHA256_INFO + hashlib.sha256(data).digest()
                signed: bytes = self._key.sign(text, mechanism=Mechanism.RSA_PKCS)
                return signed
            if self._kind == "ed25519":
                plain: bytes = self._key.sign(data, mechanism=Mechanism.EDDSA)
                return plain
            digest = (hashlib.sha384 if self._kind == "ecdsa-p384" else hashlib.sha256)(data)
            raw: bytes = self._key.sign(digest.digest(), mechanism=Mechanism.ECDSA)
        half = len(raw) // 2
        r, s = (int.from_bytes(one, "big") for one in (raw[:half], raw[half:]))
        return encode_dss_signature(r, s)

    def prove(self) -> None:
        """Let it sign something, before anything is committed to.

        Raises:
            InputError: the key is not the public key's, or the token fails.
        """
        challenge = b"trustctl: is this the key? " + os.urandom(16)
        try:
            verify(self._public, self.sign(challenge), challenge)
        except InputError as error:
            if error.__cause__ is not None:
                raise
            raise InputError(
                f"the token {self._label} has another key at {self.place}",
                "restore the token from its backup, or roll over",
            ) from None

    def destroy(self) -> None:
        """Remove a key that nothing was signed with."""
        with _told(self._label):
            for one in (self.public_object, self._key):
                if one is not None:
                    one.destroy()


def _cannot(label: str, kind: KeyKind) -> UsageError:
    return UsageError(
        f"the token {label} cannot make keys of kind {kind}", "--key ecdsa-p256, or rsa-3072"
    )


@contextmanager
def _told(label: str) -> Iterator[None]:
    """Turn the library's errors into ours."""
    from pkcs11 import PKCS11Error

    try:
        yield
    except PKCS11Error as error:
        raise InputError(
            f"the token {label} failed ({words(error)})", "is it still there? type it again"
        ) from error


def words(error: BaseException) -> str:
    """``DeviceRemoved`` as ``device removed``; what it says beside that."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
    return f"{name}: {error}" if str(error) else name


def _public_key(kind: KeyKind, public: Any) -> PublicKey:
    from pkcs11 import Attribute

    try:
        if kind == "rsa-3072":
            exponent, modulus = (
                int.from_bytes(public[one], "big")
                for one in (Attribute.PUBLIC_EXPONENT, Attribute.MODULUS)
            )
            return rsa.RSAPublicNumbers(exponent, modulus).public_key()
        point: bytes = public[Attribute.EC_POINT]
        size = 32 if kind == "ed25519" else {"ecdsa-p256": 65, "ecdsa-p384": 97}[kind]
        if len(point) != size:  # as the standard has it; some tokens leave the outer shape out
            bare = point[-size:]
            if encode(OCTET_STRING, bare) != point:
                raise ValueError("not a point")
            point = bare
        if kind == "ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(point)
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[kind][1](), point)
    except (ValueError, KeyError) as error:
        raise InputError(f"the token's new public key cannot be read ({error})") from error
