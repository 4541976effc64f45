"""Hostile text where it leaves: nothing that a terminal obeys, nothing that a sheet computes."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trustctl.facts.text import ELLIPSIS, csv_safe, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ~ text", "plain ~ text"),
        ("Äönn 東京", "Äönn 東京"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\r\nb\tc", "a\\x0d\\x0ab\\x09c"),
        ("\0", "\\x00"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}tset", "\\u{202e}tset"),
        ("\N{ZERO WIDTH SPACE}\N{SOFT HYPHEN}", "\\u{200b}\\xad"),
        ("\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}", "\\u{2028}\\u{2029}"),
        ("\ud800", "\\u{d800}"),
        ("\ue000\U000f0000", "\\u{e000}\\u{f0000}"),
        ("\U000e0041", "\\u{e0041}"),
        ("Ann\N{HANGUL FILLER}", "Ann\\u{3164}"),
        ("\N{COMBINING GRAPHEME JOINER}\N{BRAILLE PATTERN BLANK}", "\\u{034f}\\u{2800}"),
        ("\N{VARIATION SELECTOR-16}", "\\u{fe0f}"),
    ],
)
def test_what_cannot_be_seen_is_made_visible(text: str, shown: str) -> None:
    """Controls, bidi, zero width, surrogates, private use, blank letters; the rest stays."""
    assert printable(text) == shown


@given(st.text())
def test_nothing_hidden_is_left(text: str) -> None:
    """Whatever goes in, and once is enough."""
    shown = printable(text)
    assert not {unicodedata.category(one) for one in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl"}
    assert printable(shown) == shown


@given(st.text(), st.integers(0, 12))
def test_a_limit_is_one(text: str, limit: int) -> None:
    """Longer results are cut and end in an ellipsis, unless there is no room for it."""
    shown = printable(text, limit)
    assert len(shown) <= max(limit, 1)
    assert shown == printable(text) or shown.endswith(ELLIPSIS)


def test_a_hostile_megabyte_is_cut_before_it_is_looked_at() -> None:
    """What is shown of it is short."""
    assert printable("\x1b" * 1_000_000, 10) == "\\x1b\\x1b\\x"[:9] + ELLIPSIS


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\N{FULLWIDTH EQUALS SIGN}"])
def test_a_cell_is_no_formula(sign: str) -> None:
    """A spreadsheet computes none of it."""
    assert csv_safe(f"{sign}cmd|' /C calc'!A0") == f"'{sign}cmd|' /C calc'!A0"


@pytest.mark.parametrize(
    ("text", "cell"),
    [("\t=1", "\\x09=1"), ("\r=1", "\\x0d=1"), ("a=b", "a=b"), ("", ""), ("1e5", "1e5")],
)
def test_other_cells(text: str, cell: str) -> None:
    """What begins with a tab or a return is made visible; plain text stays as it is."""
    assert csv_safe(text) == cell


@given(st.text())
def test_no_cell_begins_like_a_formula(text: str) -> None:
    """Whatever goes in."""
    assert csv_safe(text)[:1] not in ("=", "+", "-", "@", "\t", "\r")
