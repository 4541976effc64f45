"""A fingerprint as 24 words: the same as others say, and every slip of the tongue shows."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mnemonic import Mnemonic

from trustctl.errors import UsageError
from trustctl.facts.fingerprint import parse_fingerprint, spoken
from trustctl.facts.wordlist import WORDS
from trustctl.facts.words import from_words, grid, looks_like_words, to_words

_OTHERS = Mnemonic("english")
_DIGEST = hashlib.sha256(b"a certificate").hexdigest()


def test_the_list_is_that_of_bip_39() -> None:
    """Word by word; and four letters tell each of them from all the others."""
    assert list(WORDS) == _OTHERS.wordlist
    assert len({one[:4] for one in WORDS}) == len(WORDS) == 2048


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [("00" * 32, "abandon", "art"), ("7f" * 32, "legal", "title"), ("ff" * 32, "zoo", "vote")],
)
def test_published_vectors(value: str, first: str, last: str) -> None:
    """Those that BIP-39 is published with, for 256 bits."""
    said = to_words(value)
    assert (said[0], said[-1], len(said)) == (first, last, 24)
    assert from_words(" ".join(said)) == value


@given(st.binary(min_size=32, max_size=32))
def test_another_implementation_says_the_same(digest: bytes) -> None:
    """The library mnemonic, in both directions."""
    said = " ".join(to_words(digest.hex()))
    assert said == _OTHERS.to_mnemonic(digest)
    assert bytes(_OTHERS.to_entropy(said)) == digest
    assert from_words(said) == digest.hex()


@pytest.mark.parametrize(
    "write",
    [
        lambda words: " ".join(words).upper(),
        lambda words: "  ".join(one.title() for one in words) + " ",
        lambda words: "-".join(words),
        lambda words: ", ".join(words),
        lambda words: "\n".join(one[:4] for one in words),
        lambda words: " ".join(one[:5] for one in words),
        lambda words: " ".join(f"{number}. {one}" for number, one in enumerate(words, 1)),
        lambda words: "\n".join(grid(_DIGEST)),
    ],
    ids=["upper", "title", "hyphens", "commas", "four", "five", "numbered", "grid"],
)
def test_every_way_to_write_them_is_read(write: object) -> None:
    """Case, separators, numbers and cut words do not matter, wherever a fingerprint is read."""
    assert callable(write)
    given_text = write(to_words(_DIGEST))
    assert looks_like_words(given_text)
    read = parse_fingerprint(given_text)
    assert (read.kind, read.value) == ("certificate", _DIGEST)


def test_the_grid_is_six_lines_that_fit_a_terminal() -> None:
    """Each word with its number, from left to right."""
    lines = grid(_DIGEST)
    assert len(lines) == 6
    assert all(len(one) <= 58 for one in lines)
    assert " ".join(lines).split()[1::2] == list(to_words(_DIGEST))
    assert " ".join(lines).split()[::2] == [str(number) for number in range(1, 25)]


@pytest.mark.parametrize(
    "text", [spoken(_DIGEST), _DIGEST, _DIGEST[:63] + "z", "AB:ZZ", "dead beef"]
)
def test_digits_are_not_taken_for_words(text: str) -> None:
    """Nor digits of which one is mistyped: what is said of them is about digits."""
    assert not looks_like_words(text)


def _refused(words: list[str]) -> UsageError:
    with pytest.raises(UsageError) as caught:
        parse_fingerprint(" ".join(words))
    return caught.value


def test_a_word_that_is_none_is_named_with_the_nearest() -> None:
    """By its place in what was typed."""
    words = list(to_words("00" * 32))
    error = _refused([*words[:6], "abandn", *words[7:]])
    assert error.message == "word 7, 'abandn', is none of the list's"
    assert error.hint == "did they say 'abandon'?"
    assert "'qqqq'" in _refused([*words[:6], "qqqq", *words[7:]]).message


@pytest.mark.parametrize("wrong", ["aban1don", "abandoned", "aba", "abanx"])
def test_what_only_resembles_a_word_is_none(wrong: str) -> None:
    """Letters that are cut have to be its own, and to be enough of them."""
    words = list(to_words("00" * 32))
    assert "word 1," in _refused([wrong, *words[1:]]).message


@pytest.mark.parametrize("count", [2, 12, 23, 25])
def test_too_few_or_too_many_words_are_counted(count: int) -> None:
    """A wallet's twelve words, or one that was forgotten."""
    words = (list(to_words(_DIGEST)) * 2)[:count]
    assert _refused(words).message == f"a fingerprint has 24 words, this has {count}"


def test_misheard_and_swapped_words_show() -> None:
    """255 of 256 times: with the checksum of one byte. What it misses, the certificate does not."""
    rng = random.Random(3)
    words = list(to_words(_DIGEST))
    missed = 0
    for _ in range(1000):
        wrong = words.copy()
        if rng.random() < 0.5:
            wrong[rng.randrange(24)] = rng.choice([one for one in WORDS if one not in words])
        else:
            one, other = rng.sample(range(24), 2)
            wrong[one], wrong[other] = wrong[other], wrong[one]
        if wrong == words:
            continue
        missed += _reads(" ".join(wrong))
    assert missed < 15


def _reads(text: str) -> bool:
    try:
        return from_words(text) != _DIGEST
    except UsageError as error:
        return "do not fit together" not in error.message
