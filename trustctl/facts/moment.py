"""Moments as whole seconds since 1970-01-01 UTC: read as people type them, written in ISO 8601."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

from trustctl.errors import UsageError

_DURATION = re.compile(r"\+?(\d{1,6})\s*([smhdwy])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "y": 365 * 86400}
_STAMP = re.compile(r"(-?\d{4,})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z", re.ASCII)
_FAR = re.compile(r"@-?\d+", re.ASCII)
_FIRST = -62135596800  # 0001-01-01: where datetime begins
_LAST = 253402300799  # 9999-12-31T23:59:59, GeneralizedTime's last (RFC 5280, 4.1.2.5)


def format_moment(seconds: int) -> str:
    """``YYYY-MM-DDTHH:MM:SSZ``; a moment outside the years 1 to 9999 is given as ``@seconds``."""
    if 0 <= seconds <= _LAST:
        t = time.gmtime(seconds)
        return f"{t[0]:04}-{t[1]:02}-{t[2]:02}T{t[3]:02}:{t[4]:02}:{t[5]:02}Z"
    if seconds < _FIRST or seconds > _LAST:
        return f"@{seconds}"
    d = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return f"{d.year:04}-{d.month:02}-{d.day:02}T{d.hour:02}:{d.minute:02}:{d.second:02}Z"


def format_date(seconds: int) -> str:
    """``YYYY-MM-DD``, the day in UTC."""
    return format_moment(seconds)[:-10] if _FIRST <= seconds <= _LAST else f"@{seconds}"


def parse_stamp(text: str) -> int:
    """The seconds of what :func:`format_moment` wrote.

    Raises:
        ValueError: it wrote no such thing.
    """
    if _FAR.fullmatch(text):
        return int(text[1:])
    if not _STAMP.fullmatch(text):
        raise ValueError(text)
    return _seconds(datetime.fromisoformat(text))


def parse_duration(text: str) -> int:
    """The seconds of ``30d``, ``12h``, ``2w``, ``1y`` (365 days).

    Raises:
        UsageError: it is none.
    """
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise UsageError(f"{text!r} is not a length of time", "type 30d, 12h, 2w or 1y")
    return int(found[1]) * _SECONDS[found[2]]


def parse_moment(text: str, now: int) -> int:
    """The moment that a person typed: a date, a date and time, ``now``, or ``30d`` from now.

    A date is its first second, a time without a zone is UTC.

    Raises:
        UsageError: it is none.
    """
    typed = text.strip()
    if typed.lower() == "now":
        return now
    if _DURATION.fullmatch(typed.lower()):
        later = now + parse_duration(typed)
        if later > _LAST:
            raise UsageError(f"{text!r} is after the year 9999", "type 30d, 12h, 2w or 1y")
        return later
    try:
        moment = datetime.fromisoformat(typed)
        return _seconds(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise UsageError(
            f"{text!r} is not a time", "type 2027-01-31, 2027-01-31T12:00:00Z, or 30d from now"
        ) from None


def _seconds(moment: datetime) -> int:
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() // 1)
