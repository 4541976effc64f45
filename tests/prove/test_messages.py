"""What goes to the process in the namespace and back is what was meant."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from tests import certs
from tests.trusts import trust, trusted
from trustctl.export.exim import compile_peer
from trustctl.facts.proof import Attempt, Did, Expected, Outcome, PlayedHost, Proven, Rehearsal
from trustctl.prove import messages
from trustctl.prove.attacks import attempts
from trustctl.prove.stand import Stand, World, all_data, as_compiled, as_text


def _rehearsal() -> Rehearsal:
    world = World(int(time.time()))
    made = certs.self_signed("mx.foo.test")
    stand = Stand(trust("foo", trusted(made)), (), world)
    data = all_data([stand], world, lambda trust, denied: compile_peer(trust, denied))
    return Rehearsal(
        "exim",
        "/usr/sbin/exim4",
        tuple(attempts(stand, world)),
        data,
        {"crl/main.pem": "PEM"},
        {"foo.test": "closed=yes"},
        "PEM",
        True,
    )


def test_a_rehearsal_is_one_line_and_comes_out_as_it_went_in() -> None:
    """All of it in ASCII."""
    rehearsal = _rehearsal()
    line = messages.compose(rehearsal)
    assert line.isascii()
    assert line.count(b"\n") == 1
    read = messages.read_rehearsal(line)
    assert messages.compose(read) == line
    assert [one.attack for one in read.attempts] == [one.attack for one in rehearsal.attempts]
    assert read.attempts[0].kind == "installed"


def test_an_outcome_comes_out_as_it_went_in() -> None:
    """Whatever a log says."""
    outcome = Outcome("deferred", ("\x1b[31m == \ud800",), ("203.0.113.20",), True, "")
    told = json.loads(json.dumps(messages.outcome_line(3, outcome)))
    assert (told["attempt"], messages.read_outcome(told)) == (3, outcome)


def test_compiled_data_come_out_as_they_went_in() -> None:
    """Entries, sets and blocks."""
    compiled = compile_peer(trust("foo", trusted(certs.self_signed("mx.foo.test"))))
    assert as_compiled(as_text(compiled)) == compiled


@pytest.mark.parametrize(
    ("expected", "did", "held"),
    [
        ("delivered", "delivered", True),
        ("delivered", "deferred", False),
        ("delivered", "not tried", False),
        ("deferred", "deferred", True),
        ("deferred", "delivered", False),
        ("deferred", "bounced", False),
        ("deferred", "nothing", False),
        ("deferred", "not tried", None),
        ("either", "delivered", None),
        ("either", "deferred", True),
        ("either", "bounced", False),
        ("either", "nothing", False),
    ],
)
def test_what_counts_as_held(expected: Expected, did: Did, held: bool | None) -> None:
    """A bounce and a silence are failures; what was not tried proves nothing."""
    attempt = Attempt(
        "x", "x", "foo", "foo.test", "throwaway", expected, {"203.0.113.20": PlayedHost()}, {}, "x"
    )
    assert Proven(attempt, Outcome(did)).held is held


def test_the_attacks_of_the_page_are_those_that_are_played() -> None:
    """share/doc/prove.md names each, and no other."""
    import re
    from pathlib import Path

    page = (Path(__file__).parents[2] / "share" / "doc" / "prove.md").read_text()
    table = page.partition("## What is played")[2].partition("\n*Deferred*")[0]
    named = {
        word
        for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for word in re.findall(r"`([a-z-]+)`", row)
    } - {"attack"}
    world = World(int(time.time()))
    ca = trusted(certs.authority("Foo CA"), "authority", may_sign=True)
    ca = replace(ca, crl="main")
    played = {one.attack for one in _rehearsal().attempts}
    played |= {one.attack for one in attempts(Stand(trust("foo", ca), (), world), world)}
    assert named == played
