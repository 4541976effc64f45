"""Drafts hosts that differ in names, keys and serial numbers alone: a thousand at once.

The library drafts the first. Of the others what differs is put together here, between the very
bytes that the library wrote of what does not: signing each sample, too, and reading each
certificate back would take twice as long as all else that is done for a host.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from itertools import groupby

from cryptography import x509

from trustctl.ca.draft import COMMON_NAME_LIMIT, draft
from trustctl.errors import InputError
from trustctl.facts.certificate import CertificateFacts, parse_certificate
from trustctl.facts.der import (
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    TRUE,
    certificate_fields,
    children,
    element,
    encode,
    encode_integer,
)
from trustctl.facts.issuance import Draft, KeyKind, Template

_SET, _UTF8, _DNS_NAME, _EXTENSIONS = 0x31, 0x0C, 0x82, 0xA3
_COMMON_NAME = encode(OBJECT_IDENTIFIER, bytes.fromhex("550403"))
_OWN_KEY, _NAMES = (encode(OBJECT_IDENTIFIER, bytes((0x55, 0x1D, one))) for one in (14, 17))
_OWN_KEY_START = bytes.fromhex("301d") + _OWN_KEY + bytes.fromhex("04160414")
"""A SubjectKeyIdentifier up to the twenty octets that differ."""


class Series:
    """Hosts of one profile, issuer and validity.

    Each draft is what :func:`~trustctl.ca.draft.draft` makes of the same template (this is checked
    of the first, and of every shape in the tests). The samples all carry the first one's throwaway
    signature; what lint looks at is above it.
    """

    def __init__(self, first: Template, issuer: x509.Certificate, kind: KeyKind) -> None:
        """Let the library draft the first.

        Raises:
            InputError: the library has it otherwise than it is put together here.
        """
        self._common = _common(first)
        one = draft(first, issuer, kind)
        fields = certificate_fields(one.sample)
        version, _serial, algorithm, _issuer, validity = fields[:5]
        self._version = one.sample[version.start : version.end]
        self._middle = one.sample[algorithm.start : validity.end]
        self._extensions = _runs(
            [
                _identified(one.sample[each.start : each.end])
                for each in children(one.sample, children(one.sample, fields[-1])[0])
            ]
        )
        self._algorithm = one.algorithm
        self._ending = one.sample[_body_end(one.sample) :]
        self._keys = _Keys()
        self._like: dict[bytes, CertificateFacts] = {}
        if self.draft(first) != one:
            raise InputError("the library writes certificates in a way that is not known here")

    def draft(self, template: Template) -> Draft:
        """The draft of another host.

        Raises:
            ValueError: it differs in more than names, key and serial number.
        """
        if _common(template) != self._common:
            raise ValueError(f"{template.subject} belongs to another series")
        bits = self._keys.parts(template.public_key)[1]
        extensions = [
            one if isinstance(one, bytes) else one(template, bits) for one in self._extensions
        ]
        tbs = encode(
            SEQUENCE,
            self._version,
            encode_integer(template.serial),
            self._middle,
            _subject(template.subject),
            template.public_key,
            encode(_EXTENSIONS, encode(SEQUENCE, *extensions)),
        )
        return Draft(
            template=template,
            tbs=tbs,
            tbs_sha256=hashlib.sha256(tbs).hexdigest(),
            algorithm=self._algorithm,
            sample=encode(SEQUENCE, tbs, self._ending),
            spki=hashlib.sha256(template.public_key).hexdigest(),
        )

    def facts(self, one: Draft, der: bytes) -> CertificateFacts:
        """What :func:`~trustctl.facts.certificate.parse_certificate` says of what a draft became.

        It is asked about the first with each kind of key, and about every RSA key.
        """
        algorithm = self._keys.parts(one.template.public_key)[0]
        like = self._like.get(algorithm)
        if like is None:
            like = parse_certificate(der)
            if like.key_kind != "rsa":  # its size stands in the key itself: each is read
                self._like[algorithm] = like
            return like
        template = one.template
        named = len(template.subject) <= COMMON_NAME_LIMIT
        return CertificateFacts(
            fingerprint=hashlib.sha256(der).hexdigest(),
            spki=one.spki,
            subject=f"CN={template.subject}" if named else "",
            issuer=like.issuer,
            serial=f"{template.serial:x}",
            names=tuple(dict.fromkeys(template.hosts)),
            not_before=like.not_before,
            not_after=like.not_after,
            is_ca=like.is_ca,
            self_signed=like.self_signed,
            key_kind=like.key_kind,
            key_bits=like.key_bits,
            curve=like.curve,
            signature_hash=like.signature_hash,
            version=like.version,
            problems=like.problems,
        )


class _Keys:
    """Takes SubjectPublicKeyInfos apart. Where one is as long as another, and the same up to the
    key's bits, so are all its lengths and its AlgorithmIdentifier."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[bytes, bytes]] = {}

    def parts(self, spki: bytes) -> tuple[bytes, bytes]:
        """The AlgorithmIdentifier, and the key's bits."""
        before, algorithm = self._known.get(len(spki), (b"", b""))
        if not before or not spki.startswith(before):
            identifier, bits = children(spki, element(spki, 0, len(spki)))
            algorithm = spki[identifier.start : identifier.end]
            before = spki[: bits.content + 1]
            self._known[len(spki)] = before, algorithm
        return algorithm, spki[len(before) :]


_Written = Callable[[Template, bytes], bytes]


def _runs(extensions: list[tuple[bytes, bytes]]) -> list[bytes | _Written]:
    """The extensions that are the same in each certificate, as few texts, and what writes those
    between."""
    new: dict[bytes, _Written] = {_OWN_KEY: _own_key, _NAMES: _names}
    found: list[bytes | _Written] = []
    for own, run in groupby(extensions, key=lambda one: new.get(one[0])):
        found.append(b"".join([whole for _identifier, whole in run]) if own is None else own)
    return found


def _identified(extension: bytes) -> tuple[bytes, bytes]:
    """An extension's OBJECT IDENTIFIER, and all of it."""
    first = children(extension, element(extension, 0, len(extension)))[0]
    return extension[first.start : first.end], extension


def _common(one: Template) -> tuple[object, ...]:
    return one.profile, one.not_before, one.not_after, one.permitted, one.cross_of


def _body_end(der: bytes) -> int:
    return element(der, element(der, 0, len(der)).content, len(der)).end


def _subject(common: str) -> bytes:
    if len(common) > COMMON_NAME_LIMIT:
        return encode(SEQUENCE)
    text = common.encode()
    return _before_name(len(text)) + text


@lru_cache(maxsize=128)
def _before_name(size: int) -> bytes:
    """A subject up to the common name of so many bytes."""
    name = encode(SEQUENCE, _COMMON_NAME, encode(_UTF8, bytes(size)))
    whole = encode(SEQUENCE, encode(_SET, name))
    return whole[: len(whole) - size]


def _own_key(_template: Template, bits: bytes) -> bytes:
    """The SubjectKeyIdentifier: SHA-1 of the key's bits (RFC 5280, 4.2.1.2, method 1)."""
    return _OWN_KEY_START + hashlib.sha1(bits, usedforsecurity=False).digest()


def _names(template: Template, _bits: bytes) -> bytes:
    names = b"".join([encode(_DNS_NAME, one.encode("ascii")) for one in template.hosts])
    return _before_names(len(names), len(template.subject) > COMMON_NAME_LIMIT) + names


@lru_cache(maxsize=1024)
def _before_names(size: int, unnamed: bool) -> bytes:
    """The alternative names' extension up to the names, which take so many bytes."""
    # a subject that is empty makes the names critical (RFC 5280, 4.2.1.6)
    critical = TRUE if unnamed else b""
    text = encode(OCTET_STRING, encode(SEQUENCE, bytes(size)))
    whole = encode(SEQUENCE, _NAMES, critical, text)
    return whole[: len(whole) - size]
