"""One host that was looked at: spelt out for people, as a line of JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trustctl import render
from trustctl.commands.seen import KINDS
from trustctl.facts.fingerprint import short, spoken
from trustctl.facts.live import LiveHost
from trustctl.facts.moment import format_moment
from trustctl.facts.pem import pem
from trustctl.facts.text import printable
from trustctl.facts.wire import Testimony

_LONGEST = 200
_NAMES = 10


def show(
    host: LiveHost, testimonies: Sequence[Testimony], chain: Sequence[tuple[str, str]] = ()
) -> None:
    """Print what was seen of a host, and what is said of it.

    Args:
        chain: of each certificate above its own: its fingerprint and subject.
    """
    place, seen = host.sighting.endpoint, host.sighting
    where = place.host if place.address in ("", place.host) else f"{place.host}  {place.address}"
    render.line(f"{where}  port {place.port}" + (f"  {seen.tls}" if seen.tls else ""))
    if host.leaf is None or host.comparison is None:
        render.fields([(f"  {seen.outcome}", seen.detail or "nothing was presented")])
        return
    facts = host.leaf
    names = [printable(one, _LONGEST) for one in facts.names[:_NAMES]]
    if len(facts.names) > _NAMES:
        names.append(f"... and {len(facts.names) - _NAMES} more")
    verdict = "yes" if host.accepted else "NO"
    pairs: list[tuple[str, str | Sequence[str]]] = [
        ("  fingerprint", spoken(facts.fingerprint).splitlines()),
        ("  names", names or "none"),
        ("  issuer", printable(facts.issuer or "unreadable or empty", _LONGEST)),
        ("  valid", f"{_moment(facts.not_before)} to {_moment(facts.not_after)}"),
        ("  accepted", f"{verdict}: {host.comparison.text}"),
    ]
    pairs += [(f"  {KINDS[one.kind]}", f"{one.verdict}: {one.detail}") for one in testimonies]
    pairs += [
        ("  chain" if not index else "", f"{short(print_)} {printable(subject, _LONGEST)}")
        for index, (print_, subject) in enumerate(chain)
    ]
    render.fields(pairs)


def _moment(value: int | None) -> str:
    return "unreadable" if value is None else format_moment(value)


def as_line(
    host: LiveHost, testimonies: Sequence[Testimony] | None = None, *, chain: bool = False
) -> None:
    """One line of JSON (share/doc/json.md).

    Args:
        testimonies: what is said of it, where that was asked. chain: with what was presented.
    """
    place, seen, facts, found = host.sighting.endpoint, host.sighting, host.leaf, host.comparison
    line: dict[str, Any] = {
        "peer": host.peer or None,
        "domain": host.domains[0] if host.domains else None,
        "domains": list(host.domains),
        "host": place.host,
        "address": place.address or None,
        "port": place.port,
        "protocol": place.protocol,
        "at": format_moment(seen.at),
        "outcome": seen.outcome,
        "detail": seen.detail,
        "attempts": seen.attempts,
        "tls": seen.tls,
        "cipher": seen.cipher,
        "accepted": host.accepted,
        "standing": None if found is None else found.standing,
        "why": None if found is None else found.text,
        "fingerprint": None if facts is None else facts.fingerprint,
        "spki": None if facts is None else facts.spki,
        "subject": None if facts is None else facts.subject,
        "issuer": None if facts is None else facts.issuer,
        "names": [] if facts is None else list(facts.names),
        "not_before": None if facts is None else _json_moment(facts.not_before),
        "not_after": None if facts is None else _json_moment(facts.not_after),
    }
    if testimonies is not None:
        line["evidence"] = [
            {"kind": one.kind, "verdict": one.verdict, "detail": one.detail} for one in testimonies
        ]
    if chain:
        line["chain"] = [pem(one).decode() for one in seen.chain]
    render.as_json_line(line)


def _json_moment(value: int | None) -> str | None:
    return None if value is None else format_moment(value)
