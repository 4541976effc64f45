"""Just enough DER (ITU-T X.690) to see a certificate's outer shape, to cut its key out, and to put
a signed structure together."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import NamedTuple

SEQUENCE, BIT_STRING, VERSION = 0x30, 0x03, 0xA0
OCTET_STRING, INTEGER, OBJECT_IDENTIFIER = 0x04, 0x02, 0x06
ENUMERATED, UTC_TIME, GENERALIZED_TIME, TRUE = 0x0A, 0x17, 0x18, b"\x01\x01\xff"
_YEAR_2050 = 2_524_608_000


class Element(NamedTuple):
    """One element: its tag, where it begins, where its content begins, where it ends."""

    tag: int
    start: int
    content: int
    end: int


def element(data: bytes, at: int, limit: int) -> Element:
    """The element at ``at``, which must end at ``limit`` at the latest.

    Raises:
        ValueError: there is none, or its length is indefinite or runs over.
    """
    if at + 2 > limit:
        raise ValueError("truncated")
    length, content = data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        if count == 0 or count > 4 or content + count > limit:
            raise ValueError("length")
        length, content = int.from_bytes(data[content : content + count], "big"), content + count
    if content + length > limit:
        raise ValueError("truncated")
    return Element(data[at], at, content, content + length)


def children(data: bytes, parent: Element) -> list[Element]:
    """The elements inside ``parent``.

    Raises:
        ValueError: they do not fill it exactly.
    """
    found, at = [], parent.content
    while at < parent.end:
        found.append(element(data, at, parent.end))
        at = found[-1].end
    return found


def certificate_fields(data: bytes) -> list[Element]:
    """The fields of a certificate's TBSCertificate (RFC 5280, 4.1), where it has that shape.

    Raises:
        ValueError: the bytes are no certificate, or bytes follow it.
    """
    outer = element(data, 0, len(data))
    if outer.tag != SEQUENCE or outer.end != len(data):
        raise ValueError("no certificate")
    parts = children(data, outer)
    if [one.tag for one in parts] != [SEQUENCE, SEQUENCE, BIT_STRING]:
        raise ValueError("no certificate")
    fields = children(data, parts[0])
    first = 1 if fields and fields[0].tag == VERSION else 0
    # a revocation list has the same outer shape; its times stand where the validity would
    if [one.tag for one in fields[first : first + 6]] != [INTEGER, *[SEQUENCE] * 5]:
        raise ValueError("no certificate")
    return fields


def subject_public_key_info(data: bytes) -> bytes:
    """The certificate's SubjectPublicKeyInfo as its own bytes (RFC 7469, 2.4).

    Raises:
        ValueError: the bytes are no certificate.
    """
    fields = certificate_fields(data)
    found = fields[6 if fields[0].tag == VERSION else 5]
    return data[found.start : found.end]


def signed_parts(data: bytes) -> tuple[bytes, bytes, bytes]:
    """What is signed, the AlgorithmIdentifier and the signature of a certificate, a CRL or a
    BasicOCSPResponse (RFC 5280, 4.1 and 5.1; RFC 6960, 4.2.1).

    Raises:
        ValueError: the bytes have no such shape.
    """
    outer = element(data, 0, len(data))
    parts = children(data, outer)
    if len(parts) < 3 or parts[2].tag != BIT_STRING or parts[2].content == parts[2].end:
        raise ValueError("nothing that is signed")
    body, algorithm = (data[one.start : one.end] for one in parts[:2])
    return body, algorithm, data[parts[2].content + 1 : parts[2].end]


def encode(tag: int, *parts: bytes) -> bytes:
    """One element of these content bytes."""
    content = parts[0] if len(parts) == 1 else b"".join(parts)
    return _before(tag, len(content)) + content


@lru_cache(maxsize=1024)
def _before(tag: int, size: int) -> bytes:
    """An element's tag and length."""
    if size < 0x80:
        return bytes((tag, size))
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length


def encode_integer(value: int) -> bytes:
    """A non-negative INTEGER."""
    return encode(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def encode_bits(content: bytes) -> bytes:
    """A BIT STRING of whole bytes."""
    return encode(BIT_STRING, b"\0", content)


def encode_time(seconds: int) -> bytes:
    """A moment as certificates and CRLs have it: UTCTime until 2049 (RFC 5280, 4.1.2.5)."""
    if seconds >= _YEAR_2050:
        return encode_generalized_time(seconds)
    return encode(UTC_TIME, time.strftime("%y%m%d%H%M%SZ", time.gmtime(seconds)).encode())


def encode_generalized_time(seconds: int) -> bytes:
    """A moment as OCSP responses have it (RFC 6960, 4.2.1)."""
    return encode(GENERALIZED_TIME, time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds)).encode())
