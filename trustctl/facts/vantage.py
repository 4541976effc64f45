"""What somebody else fetched from another place: a look past whoever sits before this one."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from trustctl.errors import InputError, UsageError
from trustctl.facts.moment import format_moment, parse_stamp
from trustctl.facts.names import parse_host
from trustctl.facts.text import printable
from trustctl.facts.wire import PROTOCOLS, Endpoint, Outcome, Testimony, Verdict

BYTES_LIMIT = 10 << 20
LINES_LIMIT = 100_000
_OUTCOMES: tuple[str, ...] = get_args(Outcome)
_FINGERPRINT = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LAST = 253402300799  # 9999-12-31T23:59:59
_HINT = "give what trustctl fetch --json printed elsewhere"


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of one address. ``fingerprint``: None where nothing was presented."""

    address: str
    at: int
    outcome: str
    fingerprint: str | None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What was seen from another vantage point, by host, port and protocol, oldest first."""

    looks: Mapping[tuple[str, int, str], tuple[Look, ...]]


def parse(lines: Iterable[str]) -> Elsewhere:
    """The lines of ``fetch --json``; keys that are not known are ignored, empty lines too.

    Raises:
        InputError: one is no such line, or there are too many.
    """
    found: dict[tuple[str, int, str], list[Look]] = {}
    size = number = 0
    try:
        for number, line in enumerate(lines, 1):
            size += len(line)
            if number > LINES_LIMIT or size > BYTES_LIMIT:
                limits = f"{LINES_LIMIT} lines or {BYTES_LIMIT >> 20} MiB"
                raise InputError(f"line {number}: more than {limits}", _HINT)
            if line.strip():
                place, look = _look(line)
                found.setdefault(place, []).append(look)
    except UnicodeDecodeError:  # of whoever reads the file
        raise InputError(f"line {number + 1}: it is not UTF-8", _HINT) from None
    except ValueError as error:
        raise InputError(f"line {number}: {error}", _HINT) from None
    return Elsewhere(
        {place: tuple(sorted(looks, key=lambda one: one.at)) for place, looks in found.items()}
    )


def testify(elsewhere: Elsewhere, endpoint: Endpoint, fingerprint: str | None) -> Testimony:
    """Whether the same certificate was seen from there: at the same address where it was looked at,
    else at any address of the host (they may differ from place to place).

    Args:
        fingerprint: SHA-256 of what was presented here, 64 lower-case hex digits; None: nothing.
    """

    def say(verdict: Verdict, detail: str) -> Testimony:
        return Testimony("vantage", verdict, detail)

    place = (endpoint.host, endpoint.port, endpoint.protocol)
    looks = elsewhere.looks.get(place, ())
    if not looks:
        return say("absent", "nobody looked at it from elsewhere")
    same = [one for one in looks if one.address and one.address == endpoint.address]
    latest = {one.address: one for one in same or looks}  # oldest first: the newest stays
    presented = [one for one in latest.values() if one.fingerprint is not None]
    if not presented:
        newest = max(latest.values(), key=lambda one: one.at)
        return say(
            "inconclusive",
            f"nothing was seen from elsewhere, {format_moment(newest.at)}: {newest.outcome}",
        )
    if fingerprint is None:
        newest = max(presented, key=lambda one: one.at)
        return say("inconclusive", f"seen from elsewhere alone, {_what(newest)}")
    agreeing = [one for one in presented if one.fingerprint == fingerprint]
    where = "at this address" if same else "at another address of the host"
    if not agreeing:
        newest = max(presented, key=lambda one: one.at)
        return say("contradicts", f"another certificate was seen from elsewhere, {_what(newest)}")
    newest = max(agreeing, key=lambda one: one.at)
    others = len({one.fingerprint for one in presented}) - 1
    more = f", and {others} other{'' if others == 1 else 's'} at its other addresses"
    return say(
        "supports",
        f"seen from elsewhere too, {where}, {format_moment(newest.at)}{more if others else ''}",
    )


def _what(look: Look) -> str:
    address = f"{look.address}, " if look.address else ""
    return f"{address}{format_moment(look.at)}: SHA-256 {(look.fingerprint or '')[:16]}..."


def _look(line: str) -> tuple[tuple[str, int, str], Look]:
    try:
        value = json.loads(line)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    except ValueError:
        raise ValueError("it is not JSON") from None
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    port, protocol, outcome = (value.get(one) for one in ("port", "protocol", "outcome"))
    if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65535:
        raise ValueError(f"{_shown(port)} is not a port")
    if protocol not in PROTOCOLS:
        raise ValueError(f"{_shown(protocol)} is not a protocol")
    if outcome not in _OUTCOMES:
        raise ValueError(f"{_shown(outcome)} is not an outcome")
    fingerprint = value.get("fingerprint")
    if fingerprint is not None and not (
        isinstance(fingerprint, str) and _FINGERPRINT.fullmatch(fingerprint)
    ):
        raise ValueError(f"{_shown(fingerprint)} is not a SHA-256 fingerprint")
    place = (_host(value.get("host")), port, str(protocol))
    return place, Look(
        _address(value.get("address")), _moment(value.get("at")), str(outcome), fingerprint
    )


def _host(value: Any) -> str:
    if isinstance(value, str):
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            pass
        try:
            return parse_host(value)
        except UsageError:
            pass
    raise ValueError(f"{_shown(value)} is not a host")


def _address(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, str) and "%" not in value:
        try:
            return str(ipaddress.ip_address(value))
        except ValueError:
            pass
    raise ValueError(f"{_shown(value)} is not an address")


def _moment(value: Any) -> int:
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = parse_stamp(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LAST:
        return value
    raise ValueError(f"{_shown(value)} is not a time")


def _shown(value: Any) -> str:
    # never all of it: what is nested or long may be hostile
    text = value if isinstance(value, str) else type(value).__name__
    if isinstance(value, int):
        text = str(value) if -(10**15) < value < 10**15 else "a large number"
    return repr(printable(text, 60))
