"""Certificates out of whatever people have: PEM, DER, or what ``openssl s_client`` printed."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

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
_PKCS7 = (b"PKCS7", b"CMS")
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
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
_PRIVATE = "a private key"
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


@dataclass(frozen=True, slots=True)
class Block:
    """One thing in an input: certificates, a private key, or what is neither.

    Attributes:
        line: where it begins; 0 where the input is no PEM.
        ders: the certificates (of PKCS #7 there may be several).
        why: why it is no certificate, in our own words; empty where it is.
        key: whether it is a private key. Nothing of it is kept.
    """

    line: int
    ders: tuple[bytes, ...] = ()
    why: str = ""
    key: bool = False


def scan(data: bytes) -> Iterator[Block]:
    """All that is in a store, in order: what cannot be read hides nothing that follows it.

    PEM with any text around the blocks, one certificate in DER, PKCS #7 (RFC 5652, 5.1) as either.
    Requests, revocation lists and parameters are passed over: nothing is trusted for them.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            data = data.decode("utf-16").encode()
        except UnicodeError:
            yield Block(0, why="broken UTF-16")
            return
    if b"-----BEGIN " in data or _KEY.search(data):
        yield from _blocks(data)
    elif data.strip():
        yield _read(data, 0)


def _blocks(data: bytes) -> Iterator[Block]:
    line, counted, done = 1, 0, 0
    begins = _BEGIN.finditer(data)
    begin = next(begins, None)
    if (key := _KEY.search(data)) is not None:  # one is enough to refuse the whole
        yield Block(data.count(b"\n", 0, key.start()) + 1, why=_PRIVATE, key=True)
    while begin is not None:
        line += data.count(b"\n", counted, begin.start())
        counted = begin.start()
        if _END.search(data, done, begin.start()):
            yield Block(line, why="a PEM block before this line has no beginning")
        following = next(begins, None)
        end = len(data) if following is None else following.start()
        block = _BLOCK.match(data, begin.start(), end)
        done = begin.end() if block is None else block.end()
        if begin[1] in _KINDS or begin[1] in _PKCS7:
            if block is None:
                done = end
                yield Block(line, why="the PEM block has no end: it was cut off")
            else:
                yield _read(block[2], line, begin[1])
        begin = following
    if _END.search(data, done):
        yield Block(line, why="a PEM block after this line has no beginning")


def _read(body: bytes, line: int, label: bytes = b"") -> Block:
    try:
        if not label or label in _PKCS7:
            der = _decoded(body, "") if label else body
            if (found := _pkcs7(der)) is not None:
                return Block(line, found)
            return Block(line, (_der(der, ""),))
        return Block(line, (_block(body, label, ""),))
    except InputError as error:
        key = error.hint is _PRIVATE_HINT
        return Block(line, why=_PRIVATE if key else error.message.removeprefix(": "), key=key)


def _pkcs7(data: bytes) -> tuple[bytes, ...] | None:
    """The certificates of a SignedData in DER; None where it is none."""
    try:
        outer = element(data, 0, len(data))
        kind, wrapped = children(data, outer)
        if data[kind.start : kind.end] != _SIGNED_DATA:
            return None
        fields = children(data, element(data, wrapped.content, wrapped.end))
        found = [one for one in fields if one.tag == 0xA0]
        certificates = children(data, found[0]) if found else []
        return tuple(_der(data[one.start : one.end], "") for one in certificates)
    except ValueError:
        return None


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
    der = _decoded(body, where)
    if label == b"TRUSTED CERTIFICATE":
        der = _first(der)  # OpenSSL's own trust settings follow the certificate
    return _der(der, where)


def _decoded(body: bytes, where: str) -> bytes:
    body = _SPACE.sub(b"", body)
    try:
        if not _BASE64.fullmatch(body):
            raise binascii.Error
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        raise InputError(
            f"{where}: the PEM block is not base64: it was altered on its way", "copy it again"
        ) from None


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
