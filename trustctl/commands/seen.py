"""What was seen on the wire, for a person who decides or looks back: evidence, never trust."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trustctl import render
from trustctl.facts.moment import format_date, format_moment
from trustctl.facts.text import printable

if TYPE_CHECKING:
    from trustctl.facts.wire import Endpoint, Heard, Observation

KINDS = {"dane": "DANE", "mta-sts": "MTA-STS", "public-ca": "public CA", "vantage": "elsewhere"}
_SHOWN = 10
_LONGEST = 200


def place(one: Endpoint) -> str:
    """Where it was seen, in a line."""
    where = one.host if one.address in ("", one.host) else f"{one.host} {one.address}"
    spoken = "" if one.protocol == "smtp" else f" ({one.protocol})"
    return f"{where} port {one.port}{spoken}"


def period(one: Observation) -> str:
    """From when to when it was seen, and how often."""
    first, last = format_date(one.first_seen), format_date(one.last_seen)
    when = first if first == last else f"{first} to {last}"
    return f"{when}, {'once' if one.times == 1 else f'{one.times} times'}"


def evidence(one: Heard) -> str:
    """What somebody else says of it, and since when."""
    said = one.testimony
    since = format_date(one.first_at)
    detail = printable(said.detail, _LONGEST)
    return f"{KINDS[said.kind]} {said.verdict}: {detail} (since {since})"


def tell(observations: Sequence[Observation]) -> None:
    """Note where and when a certificate was seen, and what others say of it; nothing where it was
    not."""
    if not observations:
        return
    render.note("Seen on the wire, which proves nothing by itself:")
    ordered = sorted(observations, key=lambda one: -one.last_seen)
    for one in ordered[:_SHOWN]:
        render.note(f"  {place(one.endpoint)}: {period(one)}")
        for heard in one.testimonies:
            render.note(f"    {evidence(heard)}")
    if len(ordered) > _SHOWN:
        render.note(f"  and at {len(ordered) - _SHOWN} more: trustctl history")


def as_json(one: Observation, state: str | None) -> dict[str, Any]:
    """The documented keys of an observation (share/doc/json.md).

    Args:
        state: of the certificate as a pin of its peer; None where nothing was presented.
    """
    return {
        "peer": one.peer,
        "domain": one.domain,
        "host": one.endpoint.host,
        "address": one.endpoint.address or None,
        "port": one.endpoint.port,
        "protocol": one.endpoint.protocol,
        "outcome": one.outcome,
        "detail": one.detail,
        "tls": one.tls,
        "fingerprint": one.fingerprint,
        "state": state,
        "first_seen": format_moment(one.first_seen),
        "last_seen": format_moment(one.last_seen),
        "times": one.times,
        "evidence": [
            {
                "kind": heard.testimony.kind,
                "verdict": heard.testimony.verdict,
                "detail": heard.testimony.detail,
                "since": format_moment(heard.first_at),
                "last": format_moment(heard.last_at),
            }
            for heard in one.testimonies
        ],
    }
