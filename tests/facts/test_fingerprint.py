"""Fingerprints: every form that people give, why others are refused, what an eye is shown."""

from __future__ import annotations

import base64
import string
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import certs
from trustctl.errors import UsageError
from trustctl.facts.certificate import parse_certificate
from trustctl.facts.fingerprint import (
    GivenFingerprint,
    colons,
    difference,
    matches,
    parse_fingerprint,
    short,
    spoken,
)

Kind = Literal["certificate", "spki", "either"]
HEX = "3f2a91c4d5e6f708192a3b4c5d6e7f80" + "a1b2c3d4e5f60718293a4b5c6d7e8f90"
RAW = bytes.fromhex(HEX)
BASE64 = base64.b64encode(RAW).decode()
URL_SAFE = base64.urlsafe_b64encode(RAW).decode()
PAIRS = colons(HEX)
DIGITS = st.text("0123456789abcdef", min_size=64, max_size=64)


@pytest.mark.parametrize(
    "text",
    [
        HEX,
        HEX.upper(),
        PAIRS,
        PAIRS.lower(),
        PAIRS.replace(":", " "),
        PAIRS.replace(":", "-"),
        PAIRS.replace(":", ": "),
        spoken(HEX),
        spoken(HEX).replace("\n", " "),
        f"  {PAIRS}\n",
        PAIRS.replace(":", "\N{NO-BREAK SPACE}"),
        PAIRS.replace(":", "\N{NARROW NO-BREAK SPACE}"),
    ],
)
def test_bare_hex_may_name_certificate_or_key(text: str) -> None:
    """With or without colons, spaces, hyphens and line breaks, in any case."""
    assert parse_fingerprint(text) == GivenFingerprint("either", HEX)


@pytest.mark.parametrize(
    "text",
    [
        f"sha256 Fingerprint={PAIRS}",
        f"SHA256 Fingerprint={PAIRS}",
        f"SHA-256 fingerprint = {HEX}",
        f"SHA256:{BASE64}",
        f"SHA256:{BASE64.rstrip('=')}",
        f"sha256:{URL_SAFE}",
        f"sha256:{HEX}",
        f"SHA-256: {PAIRS}",
    ],
)
def test_forms_that_name_a_certificate(text: str) -> None:
    """OpenSSL's whole line, ``SHA256:base64``, and GnuTLS's ``sha256:hex``."""
    assert parse_fingerprint(text) == GivenFingerprint("certificate", HEX)


@pytest.mark.parametrize(
    "text",
    [
        f"spki:{HEX}",
        f"SPKI: {PAIRS}",
        f"spki:{BASE64}",
        f"sha256//{BASE64}",
        f'pin-sha256="{BASE64}"',
        f'pin-sha256="{BASE64}";',
        f"pin-sha256:{BASE64}",
        f"pin-sha256={URL_SAFE}",
    ],
)
def test_forms_that_name_a_key(text: str) -> None:
    """Ours, curl's, RFC 7469's and GnuTLS's."""
    assert parse_fingerprint(text) == GivenFingerprint("spki", HEX)


def test_what_openssl_and_certtool_really_print(foo: certs.Made) -> None:
    """The forms are those of the tools, not of our memory."""
    printed = certs.openssl("x509", "-noout", "-fingerprint", "-sha256", stdin=foo.pem).decode()
    assert parse_fingerprint(printed) == GivenFingerprint("certificate", foo.fingerprint)
    old = certs.openssl("x509", "-noout", "-fingerprint", "-sha1", stdin=foo.pem).decode()
    with pytest.raises(UsageError, match="SHA-1 collisions"):
        parse_fingerprint(old)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (HEX[:40], "SHA-1: SHA-1 collisions have been made, so it proves nothing"),
        (colons(HEX[:40]), "SHA-1: "),
        (f"SHA1 Fingerprint={colons(HEX[:40])}", "SHA-1: "),
        (f"sha1:{HEX[:40]}", "SHA-1: "),
        (f"SHA-1:{HEX[:40]}", "SHA-1: "),
        (HEX[:32], "MD5: MD5 collisions are made in seconds"),
        (f"MD5 Fingerprint={colons(HEX[:32])}", "MD5: "),
        (f"md5:{HEX[:32]}", "MD5: "),
        (HEX[:56], "SHA-224: trustctl compares SHA-256 alone"),
        (HEX + HEX[:32], "SHA-384: "),
        (f"sha384:{HEX}{HEX[:32]}", "SHA-384: "),
        (HEX * 2, "SHA-512: "),
        (f"sha512:{HEX * 2}", "SHA-512: "),
        (f"SHA512 Fingerprint={HEX * 2}", "SHA-512: "),
    ],
)
def test_another_hash_is_refused_with_the_reason(text: str, reason: str) -> None:
    """Named or told by its length; the hint says how to get the right one."""
    with pytest.raises(UsageError) as caught:
        parse_fingerprint(text)
    assert reason in caught.value.message
    assert "-fingerprint -sha256" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "this has 0"),
        (HEX[:63], "this has 63"),
        (HEX + "0", "this has 65"),
        (HEX[:16], "this has 16"),
        ("..", "not '.'"),
        (HEX[:63] + "g", "not 'g'"),
        (HEX[:63] + "O", "not 'o'"),
        (HEX[:63] + "\x1b", "not '\\x1b'"),
        (HEX[:63] + "\N{RIGHT-TO-LEFT OVERRIDE}", "not '\\u202e'"),
        (HEX[:63] + "\N{FULLWIDTH DIGIT ONE}", "not '\N{FULLWIDTH DIGIT ONE}'"),
        (BASE64, "not "),
        (f"sha256:{HEX[:40]}", "SHA-1: "),
        (f"SHA256 Fingerprint={HEX[:40]}", "SHA-1: "),
        (f"spki:{HEX[:40]}", "SHA-1: "),
        (f"SHA256:{BASE64}A", "not "),
        (f"sha256//{BASE64[:20]}", "not "),
    ],
)
def test_what_is_no_fingerprint_is_refused(text: str, reason: str) -> None:
    """A digit too few, a letter O: nothing is guessed, and nothing hostile is echoed raw."""
    with pytest.raises(UsageError) as caught:
        parse_fingerprint(text)
    assert reason in caught.value.message


@pytest.mark.parametrize(
    ("given_kind", "value", "found"),
    [
        ("either", "certificate", "certificate"),
        ("either", "key", "spki"),
        ("certificate", "certificate", "certificate"),
        ("certificate", "key", None),
        ("spki", "certificate", None),
        ("spki", "key", "spki"),
        ("either", "other", None),
    ],
)
def test_what_a_fingerprint_matches(given_kind: Kind, value: str, found: str | None) -> None:
    """A pin that is said to be the key's never stands for the certificate, and the other way."""
    facts = parse_certificate(certs.self_signed().der)
    values = {"certificate": facts.fingerprint, "key": facts.spki or "", "other": HEX}
    given_one = GivenFingerprint(given_kind, values[value])
    assert matches(given_one, facts.fingerprint, facts.spki) == found


def test_a_key_that_could_not_be_read_matches_nothing() -> None:
    """Without an SPKI pin nothing is equal to it."""
    kinds: tuple[Kind, ...] = ("either", "spki")
    for kind in kinds:
        assert matches(parse_fingerprint(HEX), "0" * 64, None) is None
        assert matches(GivenFingerprint(kind, ""), "0" * 64, None) is None


def test_to_be_read_aloud() -> None:
    """Groups of four, eight on a line, two lines."""
    assert spoken(HEX).splitlines() == [
        "3F2A 91C4 D5E6 F708 192A 3B4C 5D6E 7F80",
        "A1B2 C3D4 E5F6 0718 293A 4B5C 6D7E 8F90",
    ]
    assert short(HEX) == "3F2A 91C4 D5E6 F708"
    assert colons(HEX).startswith("3F:2A:91:C4:")


def test_the_difference_stands_under_the_group_that_differs() -> None:
    """An eye finds it: the mark is aligned with both lines."""
    other = HEX[:8] + "0000" + HEX[12:60] + "ffff"
    assert difference(HEX, other) == [
        "given  3F2A 91C4 D5E6 F708 192A 3B4C 5D6E 7F80",
        "actual 3F2A 91C4 0000 F708 192A 3B4C 5D6E 7F80",
        "                 ^^^^",
        "given  A1B2 C3D4 E5F6 0718 293A 4B5C 6D7E 8F90",
        "actual A1B2 C3D4 E5F6 0718 293A 4B5C 6D7E FFFF",
        "                                          ^^^^",
    ]


@given(DIGITS, DIGITS)
def test_marks_are_where_digits_differ(mine: str, theirs: str) -> None:
    """A group is marked exactly where it differs, whatever the digits."""
    lines = difference(mine, theirs)
    assert len(lines) == 6
    for given_line, actual, marks in (lines[:3], lines[3:]):
        for at in range(7, len(given_line), 5):
            differs = given_line[at : at + 4] != actual[at : at + 4]
            assert (marks[at : at + 4] == "^^^^") == differs


@given(DIGITS)
def test_what_is_shown_can_be_given(digits: str) -> None:
    """Every form that the tool prints is one that it reads."""
    for text in (spoken(digits), colons(digits), digits):
        assert parse_fingerprint(text).value == digits


@given(st.text(string.hexdigits + ":- ", max_size=140) | st.text(max_size=80))
def test_anything_is_64_digits_or_refused(text: str) -> None:
    """No other outcome."""
    try:
        found = parse_fingerprint(text)
    except UsageError:
        return
    assert len(found.value) == 64
    assert set(found.value) <= set("0123456789abcdef")
