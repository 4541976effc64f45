"""SHA-256 fingerprints and SPKI pins: as people give them, as people read them aloud."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Literal

from trustctl.errors import UsageError
from trustctl.facts.words import from_words, looks_like_words

_OPENSSL = re.compile(r"(sha-?\d+|md5)\s*fingerprint\s*=\s*(.*)", re.IGNORECASE)
_OTHER = re.compile(r"(sha-?(?:1|224|384|512)|md5):", re.IGNORECASE)
_SPKI_BASE64 = re.compile(
    r"""(?:sha256//|pin-sha256\s*[:=]\s*"?)([A-Za-z0-9+/_-]{43}=?)"?;?""", re.ASCII | re.IGNORECASE
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{43}=?", re.ASCII)
_SEPARATORS = re.compile(r"[:\s\u00a0\u2009\u202f-]+")
_LENGTHS = {32: "MD5", 40: "SHA-1", 56: "SHA-224", 96: "SHA-384", 128: "SHA-512"}
_WEAK = {
    "MD5": "MD5 collisions are made in seconds",
    "SHA-1": "SHA-1 collisions have been made, so it proves nothing (RFC 9155)",
}
_HINT = "ask for the SHA-256: openssl x509 -in peer.pem -noout -fingerprint -sha256"
_GROUP = 4
_GROUPS_A_LINE = 8


@dataclass(frozen=True, slots=True)
class GivenFingerprint:
    """What a person gave. ``value``: 64 lower-case hex digits. Bare hex may name either one."""

    kind: Literal["certificate", "spki", "either"]
    value: str


def parse_fingerprint(text: str) -> GivenFingerprint:
    """Read a SHA-256 fingerprint or SPKI pin in the forms in use.

    Hex with or without colons, spaces or hyphens; OpenSSL's ``sha256 Fingerprint=..``;
    ``SHA256:base64``; for the key ``spki:HEX``, ``sha256//BASE64`` (curl) and
    ``pin-sha256="BASE64"`` (RFC 7469, 2.1.1); 24 words (facts/words.py).

    Raises:
        UsageError: it is none of them, or one of a hash that proves nothing.
    """
    value = text.strip()
    if named := _OPENSSL.fullmatch(value):
        algorithm = _algorithm(named[1])
        if algorithm != "SHA-256":
            raise _refuse_hash(algorithm)
        return GivenFingerprint("certificate", _hex(named[2]))
    if key := _SPKI_BASE64.fullmatch(value):
        return GivenFingerprint("spki", _base64(key[1]))
    lower = value.lower()
    if lower.startswith("spki:"):
        rest = value[5:].strip()
        return GivenFingerprint("spki", _base64(rest) if _BASE64.fullmatch(rest) else _hex(rest))
    if (other := _OTHER.match(value)) is not None:
        raise _refuse_hash(_algorithm(other[1]))
    for prefix in ("sha256:", "sha-256:"):
        if lower.startswith(prefix):
            rest = value[len(prefix) :].strip()
            digest = _base64(rest) if _BASE64.fullmatch(rest) else _hex(rest)
            return GivenFingerprint("certificate", digest)
    if looks_like_words(value):
        return GivenFingerprint("certificate", from_words(value))
    return GivenFingerprint("either", _hex(value))


def _algorithm(name: str) -> str:
    """``SHA-1`` of ``sha1`` and the like."""
    return name.upper().replace("SHA", "SHA-").replace("SHA--", "SHA-")


def _hex(text: str) -> str:
    digits = _SEPARATORS.sub("", text).lower()
    for character in digits:
        if character not in "0123456789abcdef":
            raise UsageError(f"a fingerprint has hex digits (0-9, A-F), not {character!r}", _HINT)
    if len(digits) in _LENGTHS:
        raise _refuse_hash(_LENGTHS[len(digits)])
    if len(digits) != 64:
        raise UsageError(f"a SHA-256 fingerprint has 64 hex digits, this has {len(digits)}", _HINT)
    return digits


def _base64(text: str) -> str:
    text = text.replace("-", "+").replace("_", "/").rstrip("=") + "="
    try:
        return base64.b64decode(text, validate=True).hex()
    except binascii.Error:
        raise UsageError("that is not the base64 of a SHA-256 fingerprint", _HINT) from None


def _refuse_hash(algorithm: str) -> UsageError:
    reason = _WEAK.get(algorithm, "trustctl compares SHA-256 alone")
    return UsageError(f"that is a fingerprint in {algorithm}: {reason}", _HINT)


def matches(
    given: GivenFingerprint, fingerprint: str, spki: str | None
) -> Literal["certificate", "spki"] | None:
    """What ``given`` names of the certificate with this fingerprint and SPKI pin; None: neither."""
    if given.kind != "spki" and given.value == fingerprint:
        return "certificate"
    if given.kind != "certificate" and spki is not None and given.value == spki:
        return "spki"
    return None


def _groups(value: str) -> list[str]:
    upper = value.upper()
    return [upper[at : at + _GROUP] for at in range(0, len(upper), _GROUP)]


def spoken(value: str) -> str:
    """The digits to read aloud: upper case, groups of four, eight groups on each of two lines."""
    groups = _groups(value)
    return "\n".join(
        " ".join(groups[at : at + _GROUPS_A_LINE]) for at in range(0, len(groups), _GROUPS_A_LINE)
    )


def short(value: str) -> str:
    """The first four groups: enough to name a certificate that is known, never to vouch for it."""
    return " ".join(_groups(value)[:4])


def colons(value: str) -> str:
    """``AA:BB:...``, as OpenSSL prints it."""
    upper = value.upper()
    return ":".join([upper[at : at + 2] for at in range(0, len(upper), 2)])


def difference(given: str, actual: str) -> list[str]:
    """Lines that show both under each other, with a mark under each group that differs."""
    lines = []
    for mine, theirs in zip(spoken(given).splitlines(), spoken(actual).splitlines(), strict=True):
        marks = " ".join(
            "^" * _GROUP if one != other else " " * _GROUP
            for one, other in zip(mine.split(), theirs.split(), strict=True)
        )
        lines += [f"given  {mine}", f"actual {theirs}", f"       {marks}".rstrip()]
    return lines
