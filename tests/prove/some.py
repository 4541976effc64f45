"""Plays the true peer and some of the attacks, as ``prove`` plays all of them: for tests that look
at one. Run as a program where the MTA is, it is asked by lines of JSON."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from typing import Any

from trustctl.commands import proving
from trustctl.commands.invocation import Invocation
from trustctl.facts.proof import Proven
from trustctl.prove import run


def play(kind: str, database: str, peer: str, attacks: list[str]) -> dict[str, Any]:
    """A row for each attempt, and the problems."""
    program = run.require(kind)
    whole, _out = proving.rehearse(
        Invocation(database), kind, program, [peer], at_most=5, keep=False
    )
    wanted = tuple(one for one in whole.attempts if one.attack in ("none", *attacks))
    assert {one.attack for one in wanted} == {"none", *attacks}
    rows = []
    with run.playing(replace(whole, attempts=wanted)) as played:
        for number, outcome in played.outcomes():
            one = Proven(wanted[number], outcome)
            about = {"attack": one.attempt.attack, "data": one.attempt.kind, "held": one.held}
            rows.append({**about, **asdict(outcome)})
    return {"rows": rows, "problems": played.problems}


def main() -> None:
    """Answer until nobody asks any more."""
    for line in sys.stdin:
        print(json.dumps(play(*json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
