"""Certificate revocation lists (RFC 5280, 5), put together as bytes.

The library's builder copies the list with each entry that is added; this takes a second for
100,000. What is signed is the TBSCertList that was looked at, so that a token can sign it as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from trustctl.ca.finish import assemble
from trustctl.ca.kinds import load_public_key, signature_algorithm
from trustctl.ca.signer import Signer, verify
from trustctl.errors import InputError
from trustctl.facts.der import (
    ENUMERATED,
    GENERALIZED_TIME,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    TRUE,
    UTC_TIME,
    certificate_fields,
    children,
    element,
    encode,
    encode_integer,
    encode_time,
    signed_parts,
    subject_public_key_info,
)
from trustctl.facts.revocation import REASON_CODES, CrlContent, Revoked

_V2 = encode_integer(1)
_REASON, _NUMBER, _DELTA, _AUTHORITY_KEY, _SUBJECT_KEY, _FRESHEST = (
    encode(OBJECT_IDENTIFIER, bytes((0x55, 0x1D, one))) for one in (21, 20, 27, 35, 14, 46)
)
_EXTENSIONS, _KEY_IDENTIFIER = 0xA0, 0x80
_REASONS = {
    name: b""
    if code is None
    else encode(
        SEQUENCE,
        encode(SEQUENCE, _REASON, encode(OCTET_STRING, encode(ENUMERATED, bytes((code,))))),
    )
    for name, code in REASON_CODES.items()
}


def entry(one: Revoked) -> bytes:
    """One element of revokedCertificates (RFC 5280, 5.1.2.6)."""
    return encode(SEQUENCE, encode_integer(one.serial), encode_time(one.at), _REASONS[one.reason])


def due_entries(
    revoked: Iterable[Revoked], last: CrlContent | None, *, here: bool = True
) -> tuple[bytes, ...]:
    """The entries of the next whole CRL.

    A certificate that has expired leaves only after a CRL that was issued later has named it once
    more (RFC 5280, 3.3).

    Args:
        last: the whole CRL before; None for the first.
        here: whether the list is signed here. Where it is not, what it says of a certificate
            counts: when that was revoked is known better where the key is.
    """
    if last is None:
        return tuple([entry(one) for one in revoked])
    if not here:
        said = serials(last.entries)
        return (*last.entries, *[entry(one) for one in revoked if one.serial not in said])
    named = frozenset(last.entries)
    found = []
    for one in revoked:
        text = entry(one)
        expired_before = one.not_after < last.this_update
        # not named, and revoked long before: it was dropped in its time
        if expired_before and (text in named or one.at < last.this_update - _SLACK_SECONDS):
            continue
        found.append(text)
    return tuple(found)


_SLACK_SECONDS = 86400


def sign(
    certificate: bytes,
    signer: Signer,
    entries: Sequence[bytes],
    *,
    number: int,
    base: int | None,
    this_update: int,
    next_update: int,
    freshest: bytes | None = None,
) -> bytes:
    """A CRL's DER.

    Args:
        certificate: the authority's, in DER. base: for a delta, the number of the CRL that it is
            to be applied to. freshest: where deltas to it are to be found (:func:`found_at`).

    Raises:
        InputError: the key is not the certificate's, or the signature is not the key's.
    """
    algorithm = signature_algorithm(signer.kind)
    extensions = [
        encode(
            SEQUENCE,
            _AUTHORITY_KEY,
            encode(
                OCTET_STRING, encode(SEQUENCE, encode(_KEY_IDENTIFIER, key_identifier(certificate)))
            ),
        ),
        encode(SEQUENCE, _NUMBER, encode(OCTET_STRING, encode_integer(number))),
    ]
    if base is not None:
        extensions.append(
            encode(SEQUENCE, _DELTA, TRUE, encode(OCTET_STRING, encode_integer(base)))
        )
    if freshest is not None:
        extensions.append(encode(SEQUENCE, _FRESHEST, encode(OCTET_STRING, freshest)))
    body = encode(
        SEQUENCE,
        _V2,
        algorithm,
        subject(certificate),
        encode_time(this_update),
        encode_time(next_update),
        encode(SEQUENCE, *entries) if entries else b"",  # an empty list is left out (5.1.2.6)
        encode(_EXTENSIONS, encode(SEQUENCE, *extensions)),
    )
    der = assemble(body, algorithm, signer)
    look(der, certificate, entries)
    return der


def found_at(url: str) -> bytes:
    """FreshestCRL: one place where deltas are (RFC 5280, 5.2.6). OpenSSL looks for a delta only
    where the whole list says that there is one."""
    name = encode(0xA0, encode(0xA0, encode(0x86, url.encode("ascii"))))
    return encode(SEQUENCE, encode(SEQUENCE, name))


def look(der: bytes, certificate: bytes, entries: Collection[bytes] | None = None) -> CrlContent:
    """Read a CRL back and refuse one that is not the authority's, whole and signed by it.

    Args:
        certificate: the authority's, in DER. entries: what it has to say; None for anything.

    Raises:
        InputError: it is not.
    """
    found = read(der)
    if found.issuer != subject(certificate):
        raise InputError("the CRL is another CA's")
    if found.this_update >= found.next_update:
        raise InputError("the CRL ends before it begins")
    if entries is not None and found.entries != tuple(entries):
        raise InputError("the CRL does not say what it has to say")
    body, _algorithm, signature = signed_parts(der)
    verify(load_public_key(subject_public_key_info(certificate)), signature, body)
    return found


def read(der: bytes) -> CrlContent:
    """What a CRL says; its signature is not checked.

    Raises:
        InputError: it is none, or not one of the kind that trustctl signs.
    """
    try:
        return _read(der)
    except (ValueError, IndexError, UnicodeDecodeError):
        raise InputError("this is no CRL of version 2") from None


def _read(der: bytes) -> CrlContent:
    outer = element(der, 0, len(der))
    if outer.end != len(der):
        raise ValueError("trailing bytes")
    body = children(der, outer)[0]
    fields = children(der, body)
    if der[fields[0].start : fields[0].end] != _V2:
        raise ValueError("version")
    issuer = der[fields[2].start : fields[2].end]
    this_update, next_update = (_moment(one.tag, der[one.content : one.end]) for one in fields[3:5])
    entries: tuple[bytes, ...] = ()
    rest = fields[5:]
    if rest and rest[0].tag == SEQUENCE:
        entries = tuple([der[one.start : one.end] for one in children(der, rest.pop(0))])
    if len(rest) != 1 or rest[0].tag != _EXTENSIONS:
        raise ValueError("extensions")
    numbers: dict[bytes, int] = {}
    freshest = None
    for one in children(der, children(der, rest[0])[0]):
        parts = children(der, one)
        identifier = der[parts[0].start : parts[0].end]
        if identifier in (_NUMBER, _DELTA):
            inner = element(der, parts[-1].content, parts[-1].end)
            if inner.tag != INTEGER or inner.end != parts[-1].end:
                raise ValueError("number")
            numbers[identifier] = int.from_bytes(der[inner.content : inner.end], "big")
        elif identifier == _FRESHEST:
            freshest = der[parts[-1].content : parts[-1].end]
        elif identifier != _AUTHORITY_KEY and len(parts) == 3:
            raise ValueError("a critical extension")
    if _NUMBER not in numbers:
        raise ValueError("no number")
    return CrlContent(
        issuer, numbers[_NUMBER], numbers.get(_DELTA), this_update, next_update, entries, freshest
    )


def serials(entries: Iterable[bytes]) -> frozenset[int]:
    """The serial numbers that entries name."""
    found = []
    for one in entries:
        number = element(one, element(one, 0, len(one)).content, len(one))
        found.append(int.from_bytes(one[number.content : number.end], "big"))
    return frozenset(found)


def _moment(tag: int, text: bytes) -> int:
    form = {UTC_TIME: "%y%m%d%H%M%SZ", GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}.get(tag, "")
    return int(datetime.strptime(text.decode("ascii"), form).replace(tzinfo=UTC).timestamp())


def subject(certificate: bytes) -> bytes:
    """A certificate's subject as its own bytes."""
    fields = certificate_fields(certificate)
    found = fields[5]
    return certificate[found.start : found.end]


def key_identifier(certificate: bytes) -> bytes:
    """What certificates and CRLs below name as their authority's key (RFC 5280, 4.2.1.2)."""
    fields = certificate_fields(certificate)
    for one in children(certificate, children(certificate, fields[-1])[0]):
        parts = children(certificate, one)
        if certificate[parts[0].start : parts[0].end] == _SUBJECT_KEY:
            inner = element(certificate, parts[-1].content, parts[-1].end)
            return certificate[inner.content : inner.end]
    return key_hash(certificate)


def key_hash(certificate: bytes) -> bytes:
    """SHA-1 of the public key's bits, without tag, length and unused bits (RFC 6960, 4.1.1)."""
    info = subject_public_key_info(certificate)
    bits = children(info, element(info, 0, len(info)))[1]
    # a name for a key, as the standards have it, and no protection
    return hashlib.sha1(info[bits.content + 1 : bits.end], usedforsecurity=False).digest()
