"""``trustctl history``: what was seen where, first and last; ``vouch`` shows it before it asks."""

from __future__ import annotations

import json
import time

import pytest

from tests import certs
from tests.console import ANN, Console
from tests.sightings import ABSENT, MATCHES, PUBLIC, seen
from trustctl.facts.fingerprint import short
from trustctl.facts.moment import format_date
from trustctl.inventory import observations
from trustctl.inventory.observations import Seen
from trustctl.inventory.transaction import writing

DAY = certs.DAY
NOW = int(time.time())


def keep(console: Console, *sightings: Seen, now: int = NOW) -> list[int]:
    """Keep these, as a probe does."""
    with writing(console.db, "root", now) as tx:
        return observations.record(tx, sightings).ids


@pytest.fixture
def watched(console: Console, foo: certs.Made, bar: certs.Made) -> Console:
    """foo's host presented its certificate for a month, and bar's for a day; then it was down."""
    console.pin(foo, "foo", "--mx", "mx.foo.test")
    first, _same, _other, _down = keep(
        console,
        seen(foo, at=NOW - 40 * DAY, peer="foo", domain="foo.test"),
        seen(foo, at=NOW - 10 * DAY, peer="foo", domain="foo.test"),
        seen(bar, at=NOW - 5 * DAY, peer="foo", domain="foo.test"),
        seen(None, at=NOW, peer="foo", domain="foo.test", detail="no answer in 30 s"),
    )
    with writing(console.db, "root", NOW - DAY) as tx:
        observations.testify(tx, first, [MATCHES, PUBLIC])
    return console


def test_a_peers_history_tells_when_each_certificate_appeared(
    watched: Console, foo: certs.Made, bar: certs.Made
) -> None:
    """The newest first, with the state of each, what others say, and within 80 columns."""
    ran = watched("history", "foo")
    lines = ran.out.splitlines()
    assert lines[0] == "mx.foo.test 192.0.2.1 port 25  (foo)"
    assert lines[1].split() == ["timeout", format_date(NOW) + ",", "once"]
    assert lines[2].strip() == "no answer in 30 s"
    assert lines[3].split()[:4] == [*short(bar.fingerprint)[:9].split(), "not", "pinned:"]
    assert lines[4].split()[:3] == [*short(foo.fingerprint)[:9].split(), "trusted:"]
    since = f"{format_date(NOW - 40 * DAY)} to {format_date(NOW - 10 * DAY)}, 2 times, TLSv1.3"
    assert since in lines[4]
    assert "DANE supports: 3 1 1 matches" in ran.out
    assert "public CA contradicts" in ran.out
    assert all(len(one) <= 80 for one in lines)
    assert ran.out == watched("history", "FOO.test").out == watched("history", "foo").out


def test_json(watched: Console, foo: certs.Made, bar: certs.Made) -> None:
    """An object a line, in order of time at each place."""
    one, other, down = map(json.loads, watched("history", "foo", "--json").out.splitlines())
    assert (one["fingerprint"], one["state"], one["times"]) == (foo.fingerprint, "trusted", 2)
    assert (one["host"], one["address"], one["port"]) == ("mx.foo.test", "192.0.2.1", 25)
    assert [each["kind"] for each in one["evidence"]] == ["dane", "public-ca"]
    assert (other["fingerprint"], other["state"]) == (bar.fingerprint, "not pinned")
    assert (down["fingerprint"], down["state"], down["outcome"]) == (None, None, "timeout")


def test_of_a_certificate_and_of_a_host(
    watched: Console, foo: certs.Made, bar: certs.Made
) -> None:  # fmt: skip
    """By some digits of what was seen, pinned or not; by a host's name or address."""
    watched.pin(bar, "bar")
    lines = watched("history", bar.fingerprint[:10]).out.splitlines()
    assert len(lines) == 2
    assert "trusted (bar): " in lines[1]
    for host in ("mx.foo.test", "192.0.2.1", "MX.FOO.TEST."):
        assert len(watched("history", host, "--json").out.splitlines()) == 3
    watched.fails("history", "nobody.test", code=5)
    watched.fails("history", "ab" * 32, code=5)


def test_of_a_peer_that_nobody_looked_at(console: Console, foo: certs.Made) -> None:
    """Nothing yet, and what looks."""
    console.pin(foo, "foo")
    ran = console("history", "foo")
    assert ran.out == "nothing was seen of it yet\n"
    assert "trustctl probe foo" in ran.err
    assert console("history", "foo", "--json").out == ""


def test_hostile_text_is_made_harmless(console: Console, foo: certs.Made) -> None:
    """What a host said, in a detail, ends on its line (the console looks for what drives it)."""
    console.pin(foo, "foo")
    keep(console, seen(None, at=NOW, peer="foo", detail="550 \x1b[2J\n${run{x}}\u202e" * 9))
    assert "\\x1b[2J" in console("history", "foo").out


def test_vouch_shows_what_was_seen_before_it_asks(
    watched: Console, foo: certs.Made, bar: certs.Made
) -> None:
    """Where, when, and what others say; neither is the fingerprint shown, nor the digits spared."""
    watched("add", watched.write("bar.pem", bar.pem), "--peer", "bar", "--domain", "bar.test")
    (number,) = keep(watched, seen(bar, "mx.bar.test", at=NOW - DAY, peer="bar"))
    with writing(watched.db, "root", NOW) as tx:
        observations.testify(tx, number, [ABSENT])
    person = watched.terminal("vouch", "bar", "--vouched-by", ANN)
    person.expect("Seen on the wire, which proves nothing by itself:")
    person.expect("mx.bar.test 192.0.2.1 port 25: ")
    person.expect("DANE absent: no TLSA records")
    person.expect("mx.foo.test 192.0.2.1 port 25: ")
    person.expect("Fingerprint: ")
    shown = person.seen.replace(" ", "").replace(":", "").lower()
    assert not any(bar.fingerprint[at : at + 8] in shown for at in range(0, 64, 4))
    person.type(foo.fingerprint)
    assert person.end() == 3
    assert watched.states()[bar.fingerprint] == "pending"
    ran = watched("vouch", bar.fingerprint)
    assert "Seen on the wire" in ran.err
    assert watched.states()[bar.fingerprint] == "trusted"
