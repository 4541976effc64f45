"""Moments: read as people type them, written in one way, and read back."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trustctl.errors import UsageError
from trustctl.facts.moment import (
    format_date,
    format_moment,
    parse_duration,
    parse_moment,
    parse_stamp,
)

NOW = 1_800_000_000
FIRST, LAST = -62135596800, 253402300799


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (951782400, "2000-02-29T00:00:00Z"),
        (LAST, "9999-12-31T23:59:59Z"),
        (LAST + 1, "@253402300800"),
        (FIRST, "0001-01-01T00:00:00Z"),
        (FIRST - 1, "@-62135596801"),
    ],
)
def test_a_moment_is_written_in_one_way(seconds: int, text: str) -> None:
    """ISO 8601 in UTC; beyond the calendar, the seconds."""
    assert format_moment(seconds) == text
    assert parse_stamp(text) == seconds


@given(st.integers(-(10**15), 10**15))
@example(FIRST)
@example(LAST)
def test_what_was_written_is_read_back(seconds: int) -> None:
    """To the second, at any distance; the date is the moment's own day."""
    assert parse_stamp(format_moment(seconds)) == seconds
    assert format_moment(seconds).startswith(format_date(seconds))


@pytest.mark.parametrize(
    "text",
    ["", "@", "@x", "@ 5", "@1_0", "@\N{ARABIC-INDIC DIGIT ONE}", "2026-01-01",
     "2026-02-30T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00+00:00",
     "2026-01-01T00:00:00Z\n"],
)  # fmt: skip
def test_what_was_not_written_so_is_refused(text: str) -> None:
    """A stamp in a stored file is ours to the letter, or none."""
    with pytest.raises(ValueError, match=r".*"):
        parse_stamp(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30d", 2592000), ("12h", 43200), ("2w", 1209600), ("1y", 31536000), ("5m", 300), ("9s", 9),
     ("+60d", 5184000), (" 1 D ", 86400), ("0d", 0)],
)  # fmt: skip
def test_a_length_of_time(text: str, seconds: int) -> None:
    """A number and a unit, in any case."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "d", "30", "-1d", "1.5d", "1month", "1d2h", "9999999d", "\x1b1d"]
)
def test_what_is_no_length_of_time(text: str) -> None:
    """Nothing is guessed; nothing hostile is echoed raw."""
    with pytest.raises(UsageError, match="is not a length of time") as caught:
        parse_duration(text)
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("now", NOW),
        (" NOW ", NOW),
        ("30d", NOW + 2592000),
        ("+30d", NOW + 2592000),
        ("2027-01-15", 1799971200),
        ("2027-01-15T08:00:00Z", NOW),
        ("2027-01-15T08:00:00", NOW),
        ("2027-01-15 08:00", NOW),
        ("2027-01-15T10:00:00+02:00", NOW),
        ("2027-01-15T08:00:00.999Z", NOW),
        ("0001-01-01", FIRST),
        ("1969-12-31T23:59:59.5Z", -1),
    ],
)
def test_a_moment_as_people_type_it(text: str, seconds: int) -> None:
    """A date is its first second, a time without a zone is UTC, a fraction is cut."""
    assert parse_moment(text, NOW) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "tomorrow", "2027-02-29", "31.12.2027", "12/31/2027", "-30d", "2027-13-01", "10000-01-01",
     "\x1b[2J", "999999y"],
)  # fmt: skip
def test_what_is_no_moment(text: str) -> None:
    """Refused, with what to type; nothing hostile is echoed raw."""
    with pytest.raises(UsageError) as caught:
        parse_moment(text, NOW)
    assert caught.value.hint
    assert "\x1b" not in caught.value.message
