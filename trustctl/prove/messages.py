"""What the two processes of a proof say to each other: a line of JSON each time."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from trustctl.facts.proof import Attempt, CompiledText, Outcome, PlayedHost, Rehearsal


def compose(rehearsal: Rehearsal) -> bytes:
    """The line that the process in the namespace is given."""
    return json.dumps(asdict(rehearsal)).encode("ascii") + b"\n"


def read_rehearsal(line: bytes) -> Rehearsal:
    """What such a line says."""
    told: dict[str, Any] = json.loads(line)
    attempts = tuple(_attempt(one) for one in told.pop("attempts"))
    data = {
        name: tuple(_compiled(one) for one in peers) for name, peers in told.pop("data").items()
    }
    return Rehearsal(attempts=attempts, data=data, **told)


def _attempt(told: dict[str, Any]) -> Attempt:
    hosts = {address: PlayedHost(**one) for address, one in told.pop("hosts").items()}
    return Attempt(hosts=hosts, **told)


def _compiled(told: dict[str, Any]) -> CompiledText:
    return CompiledText(
        told["peer"],
        tuple((domain, value) for domain, value in told["entries"]),
        tuple((name, content) for name, content in told["sets"]),
        tuple(told["blocks"]),
    )


def outcome_line(number: int, outcome: Outcome) -> dict[str, Any]:
    """What became of an attempt, by its number."""
    return {"attempt": number, **asdict(outcome)}


def read_outcome(told: dict[str, Any]) -> Outcome:
    """What such a message says."""
    return Outcome(
        told["did"], tuple(told["log"]), tuple(told["takers"]), told["reached"], told["why"]
    )
