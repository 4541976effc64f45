"""Plays the true peer and some of the attacks, as ``prove`` plays all of them: for a test that
looks at one. Run as a program where the MTA is."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace

from trustctl.commands import proving
from trustctl.commands.invocation import Invocation
from trustctl.facts.proof import Proven
from trustctl.prove import run


def main(kind: str, database: str, peer: str, *attacks: str) -> None:
    """Print a line for each attempt, and one of the problems."""
    names = (peer,) if peer else ()
    program = run.require(kind)
    whole, _out = proving.rehearse(
        Invocation(database), kind, program, names, at_most=5, keep=False
    )
    wanted = tuple(one for one in whole.attempts if one.attack in ("none", *attacks))
    assert {one.attack for one in wanted} == {"none", *attacks}
    with run.playing(replace(whole, attempts=wanted)) as played:
        for number, outcome in played.outcomes():
            one = Proven(wanted[number], outcome)
            about = {"attack": one.attempt.attack, "data": one.attempt.kind}
            print(json.dumps({**about, "held": one.held, **asdict(outcome)}))
        print(json.dumps({"problems": played.problems}))


if __name__ == "__main__":
    main(*sys.argv[1:])
