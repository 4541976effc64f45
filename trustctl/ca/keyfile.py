"""Private keys at rest: PKCS #8 under scrypt and AES-256, 0600, created exclusively.

The library writes PBKDF2 alone; what it reads is more. So the envelope (RFC 5958, RFC 8018 section
6.2, RFC 7914 section 7) is put together here and read back by the library, and by OpenSSL.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives import padding, serialization
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from trustctl import files
from trustctl.ca.kinds import PrivateKey, kind_of, spki_of
from trustctl.errors import InputError, TargetError, UsageError
from trustctl.facts.der import OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, encode, encode_integer
from trustctl.facts.pem import pem

COST, BLOCK_SIZE, PARALLEL = 1 << 15, 7, 1
"""scrypt's N, r and p: 28 MiB and about 70 ms for each guess (RFC 7914, 2). With the usual r of 8
it is a little more than the 32 MiB that OpenSSL grants a key file: it could not read its own."""

MINIMUM_PASSPHRASE = 12
_PBES2 = bytes.fromhex("2a864886f70d01050d")
_SCRYPT = bytes.fromhex("2b06010401da47040b")
_AES256_CBC = bytes.fromhex("60864801650304012a")
_P256_SIZE = 138
_P256_BEFORE = bytes.fromhex(
    "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420"
)
_P256_BETWEEN = bytes.fromhex("a144034200")
_P256_PUBLIC = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
"""A P-256 key's PKCS #8 up to its 32 private bytes, from there to its 65 public ones, and what
stands before those in a SubjectPublicKeyInfo."""


def private_der(key: PrivateKey) -> bytes:
    """The key as PKCS #8, not encrypted."""
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def demand_strong(passphrase: bytes) -> None:
    """Refuse a passphrase for new keys that is too short.

    Raises:
        UsageError: it has fewer than twelve bytes.
    """
    if len(passphrase) < MINIMUM_PASSPHRASE:
        raise UsageError(
            f"the passphrase has {len(passphrase)} characters, {MINIMUM_PASSPHRASE} are needed",
            "take a few words of a book: whoever has the file can guess as long as they like",
        )


def encrypt(key: PrivateKey, passphrase: bytes) -> bytes:
    """The key as an encrypted PKCS #8 in PEM.

    Raises:
        UsageError: the passphrase is shorter than twelve bytes.
    """
    demand_strong(passphrase)
    salt, vector = os.urandom(16), os.urandom(16)
    secret = Scrypt(salt=salt, length=32, n=COST, r=BLOCK_SIZE, p=PARALLEL).derive(passphrase)
    padder = padding.PKCS7(128).padder()
    plain = padder.update(private_der(key)) + padder.finalize()
    cipher = Cipher(algorithms.AES256(secret), modes.CBC(vector)).encryptor()
    body = cipher.update(plain) + cipher.finalize()
    kdf = encode(
        SEQUENCE,
        encode(OBJECT_IDENTIFIER, _SCRYPT),
        encode(
            SEQUENCE,
            encode(OCTET_STRING, salt),
            *(encode_integer(one) for one in (COST, BLOCK_SIZE, PARALLEL, 32)),
        ),
    )
    scheme = encode(SEQUENCE, encode(OBJECT_IDENTIFIER, _AES256_CBC), encode(OCTET_STRING, vector))
    algorithm = encode(SEQUENCE, encode(OBJECT_IDENTIFIER, _PBES2), encode(SEQUENCE, kdf, scheme))
    return pem(encode(SEQUENCE, algorithm, encode(OCTET_STRING, body)), "ENCRYPTED PRIVATE KEY")


def create(path: Path, key: PrivateKey, passphrase: bytes) -> None:
    """Write a new encrypted key file and force it to the disk.

    Raises:
        UsageError: the passphrase is too short.
        TargetError: the file is there already, or cannot be written.
    """
    text = encrypt(key, passphrase)
    with files.explained(path):
        try:
            files.create(path, [text], mode=0o600, group=None)
        except FileExistsError:
            raise TargetError(
                f"{path} exists already; it was left as it is", "no key is ever overwritten"
            ) from None
        files.sync(path)
        files.sync(path.parent)


def load(path: Path, passphrase: bytes) -> PrivateKey:
    """The key in an encrypted key file.

    Raises:
        UsageError: the passphrase is wrong. InputError: the file is missing or is no key.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: {(error.strerror or str(error)).lower()}",
            "the CA's keys lie beside the inventory, in ca/; restore them from a backup",
        ) from error
    try:
        key: Any = serialization.load_pem_private_key(data, passphrase)
    except TypeError:
        raise InputError(
            f"{path}: this key is not encrypted", "openssl pkcs8 -topk8 -scrypt encrypts it"
        ) from None
    except ValueError:
        raise UsageError(f"{path}: the passphrase is not the key's", "type it again") from None
    kind_of(key)
    return cast(PrivateKey, key)


def private_pem(key: PrivateKey) -> bytes:
    """The key in PEM, not encrypted: as an MTA reads it at its start."""
    return pem(private_der(key), "PRIVATE KEY")


def halves(key: PrivateKey) -> tuple[bytes, bytes]:
    """:func:`private_pem` of a key, and its SubjectPublicKeyInfo.

    OpenSSL writes the public half of a P-256 key behind the private one (RFC 5915, 3): there it is
    copied from, which takes an eighth of the time of asking for it.
    """
    der = private_der(key)
    if len(der) == _P256_SIZE and der.startswith(_P256_BEFORE) and der[68:73] == _P256_BETWEEN:
        return pem(der, "PRIVATE KEY"), _P256_PUBLIC + der[73:]
    return pem(der, "PRIVATE KEY"), spki_of(key.public_key())


def load_plain(path: Path) -> PrivateKey:
    """A host's key as an MTA reads it.

    Raises:
        TargetError: it is a link, or everybody may read it. InputError: it is no key.
    """
    with files.explained(path):
        if path.is_symlink() or path.stat().st_mode & 0o007:
            raise TargetError(f"{path} is there, and not as trustctl writes keys", "look at it")
        data = path.read_bytes()
    try:
        key: Any = serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError):
        raise InputError(
            f"{path} is there already, and is no key; nothing was issued", "move it away"
        ) from None
    kind_of(key)
    return cast(PrivateKey, key)
