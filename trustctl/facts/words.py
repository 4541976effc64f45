"""A SHA-256 fingerprint as 24 words that two people can read over a bad line (BIP-39, English).

Each word says eleven bits; the last one's lower eight are the first byte of the digest's own
SHA-256, so that a word that was misheard shows.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache

from trustctl.errors import UsageError

COUNT = 24
SHORTEST = 4
"""So many letters tell a word from all the others."""

_BITS = 11
_SEPARATORS = re.compile(r"[\s,;\u00a0-]+")
_NUMBER = re.compile(r"\d{1,2}[.:)]?", re.ASCII)
_WORD = re.compile(r"[a-z]{3,}", re.ASCII)
_HEX = frozenset("abcdef")
_HINT = "24 words, in their order; four letters of each are enough"


@cache
def _numbers() -> dict[str, int]:
    """Each word, and the first four letters of each, as its number."""
    from trustctl.facts.wordlist import WORDS

    numbers = {word[:SHORTEST]: number for number, word in enumerate(WORDS)}
    return numbers | {word: number for number, word in enumerate(WORDS)}


def to_words(value: str) -> tuple[str, ...]:
    """The 24 words of a fingerprint (64 hex digits)."""
    from trustctl.facts.wordlist import WORDS

    digest = bytes.fromhex(value)
    number = int.from_bytes(digest + _checksum(digest))
    shifts = range((COUNT - 1) * _BITS, -1, -_BITS)
    return tuple(WORDS[number >> shift & 0x7FF] for shift in shifts)


def grid(value: str) -> tuple[str, ...]:
    """The words to read aloud: numbered, four on each of six lines."""
    cells = [f"{number:2} {word:<8}" for number, word in enumerate(to_words(value), 1)]
    return tuple("  ".join(cells[at : at + 4]).rstrip() for at in range(0, COUNT, 4))


def looks_like_words(text: str, *, least: int = 2) -> bool:
    """Whether words are meant, rather than hex digits or base64: there are so many things at least,
    and most of them are made of letters, not of those alone that are hex digits too."""
    found = _split(text)
    words = [one for one in found if _WORD.fullmatch(one) and not _HEX.issuperset(one)]
    return len(found) >= least and 2 * len(words) > len(found)


def from_words(text: str) -> str:
    """The fingerprint (64 hex digits) that words say; numbers before them do not matter.

    Raises:
        UsageError: they are not 24, one is none of the list's, or they do not fit together.
    """
    found = _split(text)
    numbers = _numbers()
    for place, word in enumerate(found, 1):
        if _number_of(word) is None:
            from difflib import get_close_matches

            near = get_close_matches(word, [one for one in numbers if len(one) > 2], n=1)
            whole = to_word(numbers[near[0]]) if near else None
            raise UsageError(
                f"word {place}, {word!r}, is none of the list's",
                f"did they say {whole!r}?" if whole else _HINT,
            )
    if len(found) != COUNT:
        raise UsageError(f"a fingerprint has {COUNT} words, this has {len(found)}", _HINT)
    total = 0
    for word in found:
        total = total << _BITS | (_number_of(word) or 0)
    digest = (total >> 8).to_bytes(32)
    if _checksum(digest) != (total & 0xFF).to_bytes(1):
        raise UsageError(
            "these words do not fit together: one was misheard, or two were swapped",
            "each is a word of the list; have all of them read out again",
        )
    return digest.hex()


def to_word(number: int) -> str:
    """The word of a number (0 to 2047)."""
    from trustctl.facts.wordlist import WORDS

    return WORDS[number]


def _number_of(word: str) -> int | None:
    """The word's number: the whole word, or four letters of it or more."""
    number = _numbers().get(word)
    if number is None and len(word) > SHORTEST:
        near = _numbers().get(word[:SHORTEST])
        if near is not None and to_word(near).startswith(word):
            return near
    return number


def _split(text: str) -> list[str]:
    words = [one for one in _SEPARATORS.split(text.strip().lower()) if one]
    return [one for one in words if not _NUMBER.fullmatch(one)]


def _checksum(digest: bytes) -> bytes:
    return hashlib.sha256(digest).digest()[:1]
