"""Certificates out of whatever people have: PEM, DER, or what ``openssl s_client`` printed."""

from __future__ import annotations

import base64
import binascii
import re

from trustctl.errors import InputError
from trustctl.facts.der import Element, certificate_fields, children, element

LIMIT = 100
"""The most certificates that one input may have: a chain has a handful."""

_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,60})-----")
_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,60})-----(.*?)-----END \1-----", re.DOTALL)
_END = re.compile(rb"-----END (?:X509 |TRUSTED )?CERTIFICATE-----")
_KEY = re.compile(
    rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    rb"|---- BEGIN SSH2 [A-Z ]{0,20}PRIVATE KEY ----|PuTTY-User-Key-File-\d"
)
_KINDS = (b"CERTIFICATE", b"X509 CERTIFICATE", b"TRUSTED CERTIFICATE")
_SPACE = re.compile(rb"[\s\0]+")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_OTHERS = {
    b"CERTIFICATE REQUEST": "a certificate request (CSR), not a certificate",
    b"NEW CERTIFICATE REQUEST": "a certificate request (CSR), not a certificate",
    b"X509 CRL": "a revocation list (CRL), not a certificate",
    b"PUBLIC KEY": "a public key without a certificate",
    b"PKCS7": "PKCS #7: take the certificates out with openssl pkcs7 -print_certs",
    b"PGP PUBLIC KEY BLOCK": "an OpenPGP key, not a certificate",
    b"SSH2 PUBLIC KEY": "an SSH key, not a certificate",
}
_PRIVATE_HINT = (
    "nothing of it was stored or shown; ask the peer for the certificate alone, and tell them "
    "that a key that left its host has to be replaced"
)


def split_certificates(data: bytes, where: str) -> list[bytes]:
    """The DER of each certificate, in order, repeats left out.

    ``openssl s_client`` prints the peer's certificate first, older versions again at the end.

    Args:
        where: the input's name, for messages.

    Raises:
        InputError: there is none, one is broken, there are more than ``LIMIT``, or a private key
            is among them.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            data = data.decode("utf-16").encode()
        except UnicodeError:
            raise InputError(f"{where} is broken UTF-16", "save it as plain PEM") from None
    if not data.strip():
        raise InputError(f"{where} is empty", "give a certificate in PEM or DER")
    # a key is refused before anything else is looked at, whatever stands around it
    if _KEY.search(data):
        raise InputError(f"{where} holds a PRIVATE KEY", _PRIVATE_HINT)
    if b"-----BEGIN " not in data:
        return [_der(data, where)]
    return _pem(data, where)


def _pem(data: bytes, where: str) -> list[bytes]:
    begins = list(_BEGIN.finditer(data))
    if len(begins) > 2 * LIMIT:
        raise InputError(
            f"{where} holds {len(begins)} blocks: more than {LIMIT} certificates are no chain",
            "trustctl import reads many peers at once",
        )
    found: dict[bytes, None] = {}
    blocks = 0
    for number, begin in enumerate(begins):
        line = data.count(b"\n", 0, begin.start()) + 1
        label = begin[1]
        if label not in _KINDS:
            said = _OTHERS.get(label)
            if said is None:
                continue  # parameters, session data and the like around a certificate
            raise InputError(f"{where}, line {line}: this is {said}", "give the certificate")
        end = begins[number + 1].start() if number + 1 < len(begins) else len(data)
        block = _BLOCK.match(data, begin.start(), end)
        if block is None:
            raise InputError(
                f"{where}, line {line}: the PEM block has no end: it was cut off",
                "copy it whole, from -----BEGIN to -----END",
            )
        found[_block(block[2], label, f"{where}, line {line}")] = None
        blocks += 1
    if len(_END.findall(data)) > blocks:
        # else the next certificate would be taken for the peer's
        raise InputError(
            f"{where}: a PEM block has no beginning: it was cut off",
            "copy it whole, from -----BEGIN to -----END",
        )
    if not found:
        raise InputError(f"{where} holds no certificate", "give PEM: -----BEGIN CERTIFICATE-----")
    if len(found) > LIMIT:
        raise InputError(
            f"{where} holds {len(found)} certificates: more than {LIMIT} are no chain",
            "trustctl import reads many peers at once",
        )
    return list(found)


def _block(body: bytes, label: bytes, where: str) -> bytes:
    body = _SPACE.sub(b"", body)
    try:
        if not _BASE64.fullmatch(body):
            raise binascii.Error
        der = base64.b64decode(body, validate=True)
    except binascii.Error:
        raise InputError(
            f"{where}: the PEM block is not base64: it was altered on its way", "copy it again"
        ) from None
    if label == b"TRUSTED CERTIFICATE":
        der = _first(der)  # OpenSSL's own trust settings follow the certificate
    return _der(der, where)


def _first(data: bytes) -> bytes:
    try:
        return data[: element(data, 0, len(data)).end]
    except ValueError:
        return data


def _der(data: bytes, where: str) -> bytes:
    try:
        certificate_fields(data)
    except ValueError:
        said = _otherwise(data)
        if said == _PRIVATE:
            raise InputError(f"{where} holds a PRIVATE KEY", _PRIVATE_HINT) from None
        raise InputError(
            f"{where}: {said}", "give one certificate in DER, or certificates in PEM"
        ) from None
    return data


_PRIVATE = "a private key"


def _otherwise(data: bytes) -> str:
    """What the bytes are, since they are no certificate."""
    try:
        outer = element(data, 0, len(data))
        parts = children(data, outer) if outer.tag == 0x30 else []
    except ValueError:
        cut = data[:1] == b"\x30" and len(data) > 20 and data[1] & 0x80
        return "a certificate that was cut off" if cut else "this is no certificate"
    if outer.end != len(data) and _whole(data[: outer.end]):
        return f"{len(data) - outer.end} bytes follow the certificate"
    if _is_key(data, parts):
        return _PRIVATE
    return "this is no certificate"


def _whole(data: bytes) -> bool:
    try:
        certificate_fields(data)
    except ValueError:
        return False
    return True


def _is_key(data: bytes, parts: list[Element]) -> bool:
    """PKCS #8 (plain or encrypted), PKCS #1, SEC 1, or PKCS #12, told by their first fields."""
    tags = [one.tag for one in parts]
    if len(tags) >= 2 and tags[0] == 0x02:  # a version first: keys and PKCS #12 have one
        return True
    if tags == [0x30, 0x04]:  # EncryptedPrivateKeyInfo (RFC 5958, 3)
        return data[parts[0].content] == 0x06
    return False
