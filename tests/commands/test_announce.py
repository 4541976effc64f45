"""``trustctl announce``: a peer's next certificate, held and exported beside the present one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import certs
from tests.console import ANN, Console
from tests.sightings import seen
from trustctl.commands.wire import keeping, known, retiring
from trustctl.facts.fingerprint import short
from trustctl.facts.moment import format_moment
from trustctl.inventory import observations
from trustctl.inventory.transaction import reading, writing


@pytest.fixture
def following() -> certs.Made:
    """The certificate that foo presents next."""
    return certs.self_signed("mx.foo.test")


@pytest.fixture
def file(console: Console, foo: certs.Made, following: certs.Made) -> str:
    """A file with it; foo is pinned."""
    console.pin(foo, "foo")
    return console.write("next.pem", following.pem)


def vouched(made: certs.Made) -> tuple[str, ...]:
    """The options of somebody who compared it."""
    return ("--fingerprint", made.fingerprint, "--vouched-by", ANN, "--via", "phone")


def test_both_are_trusted_and_exported(
    console: Console, foo: certs.Made, following: certs.Made, file: str
) -> None:
    """From the announcement on: whenever the peer changes over, no mail waits."""
    ran = console("announce", "foo", file, "--from", "2027-03-01", *vouched(following))
    assert ran.out.startswith("added: foo, role host\n")
    assert "2027-03-01" in ran.out
    assert short(foo.fingerprint) in ran.out
    assert "by hand" in ran.out
    assert console.states() == {foo.fingerprint: "trusted", following.fingerprint: "trusted"}
    console("export", "--to", str(console.target), "--format", "exim", "--yes")
    exported = "".join(
        one.read_text() for one in Path(console.target).rglob("*") if one.suffix == ".pem"
    )
    for made in (foo, following):
        assert made.pem.decode().splitlines()[1] in exported
    entries = [one["action"] for one in console("journal", "--json").json]
    assert entries[-4:-1] == ["pin.add", "vouch.add", "announce"]
    assert console("journal", "verify").code == 0
    shown = console("show", "foo").out.splitlines()
    at = shown.index("announced for  2027-03-01")
    assert shown[at + 1].split(maxsplit=1) == ["replaces", short(foo.fingerprint)]
    (old, new) = console("show", "foo", "--json").json[0]["pins"]
    assert (old["announced_for"], new["announced_for"]) == (None, "2027-03-01T00:00:00Z")


def test_json(console: Console, foo: certs.Made, following: certs.Made, file: str) -> None:
    """What add says, and the announcement."""
    ran = console("announce", "foo", file, "--from", "2027-03-01", "--auto-retire", "0",
                  *vouched(following), "--json")  # fmt: skip
    said = ran.json
    assert (said["peer"], said["fingerprint"]) == ("foo", following.fingerprint)
    assert (said["state"], said["new_vouches"]) == ("trusted", 1)
    assert said["begins_at"] == "2027-03-01T00:00:00Z"
    assert (said["auto_retire_days"], said["replaces"]) == (0, [foo.fingerprint])


def test_without_a_fingerprint_it_is_pending(
    console: Console, foo: certs.Made, following: certs.Made, file: str
) -> None:
    """Announced is not vouched for; the note says what to type, and that works."""
    ran = console("announce", "foo", file, "--from", "30d")
    assert console.states() == {foo.fingerprint: "trusted", following.fingerprint: "pending"}
    assert f"trustctl vouch {following.fingerprint[:16]} --peer foo --fingerprint" in ran.err
    console("vouch", following.fingerprint[:16], "--peer", "foo", *vouched(following))
    assert console.states()[following.fingerprint] == "trusted"


def test_another_fingerprint_is_a_mismatch(console: Console, foo: certs.Made, file: str) -> None:
    """Nothing is stored."""
    ran = console.fails("announce", "foo", file, "--from", "30d", *vouched(foo), code=3)
    assert "nothing was stored" in ran.err


def test_the_same_again_is_no_change(
    console: Console, following: certs.Made, file: str
) -> None:  # fmt: skip
    """Another date is refused: what was said stands."""
    words = ("announce", "foo", file, "--from", "2027-03-01", *vouched(following))
    console(*words)
    before = console.state()
    assert console(*words).out.startswith("already there: foo")
    assert console.state() == before
    ran = console.fails("announce", "foo", file, "--from", "2027-04-01", code=5)
    assert "announced already, otherwise" in ran.err
    assert f"trustctl retire {following.fingerprint} --peer foo" in ran.err
    console("retire", following.fingerprint, "--peer", "foo")
    console("announce", "foo", file, "--from", "2027-04-01")
    assert console.states()[following.fingerprint] == "trusted"


def test_which_pin_it_replaces_is_found_or_asked(
    console: Console, foo: certs.Made, following: certs.Made, file: str
) -> None:
    """The one there is; those that share a name; else they are listed, and one has to be named."""
    second = certs.self_signed("mx2.foo.test")
    console.pin(second, "foo")
    shared = console("announce", "foo", file, "--from", "30d", "--json").json
    assert shared["replaces"] == [foo.fingerprint]
    other = console.write("other.pem", certs.self_signed("new.foo.test").pem)
    ran = console.fails("announce", "foo", other, "--from", "30d", code=2)
    for made in (foo, second, following):
        assert short(made.fingerprint) in ran.err
    named = console("announce", "foo", other, "--from", "30d", "--json", "--replaces",
                    second.fingerprint[:12], "--replaces", foo.fingerprint).json  # fmt: skip
    assert sorted(named["replaces"]) == sorted([second.fingerprint, foo.fingerprint])


def test_what_it_cannot_replace(
    console: Console, foo: certs.Made, bar: certs.Made, file: str
) -> None:
    """Another peer's pin, itself, an authority, nothing; a peer that is not there."""
    console.pin(bar, "bar")
    authority = certs.authority()
    console("add", console.write("ca.pem", authority.pem), "--peer", "foo", "--role", "authority")
    for named, code in ((bar.fingerprint, 5), ("nonsense", 5), (authority.fingerprint, 2)):
        console.fails("announce", "foo", file, "--from", "30d", "--replaces", named, code=code)
    console.fails("announce", "nobody", file, "--from", "30d", code=5)
    own = console.write("own.pem", bar.pem)
    assert "no other pin" in console.fails("announce", "bar", own, "--from", "30d", code=5).err


@pytest.mark.parametrize("words", [("--from", "someday"), ("--from", "30d", "--auto-retire", "366"),
                                   ("--from", "30d", "--auto-retire", "-1"), ()])  # fmt: skip
def test_values_that_it_cannot_have(console: Console, file: str, words: tuple[str, ...]) -> None:
    """No date, more than a year."""
    console.fails("announce", "foo", file, *words, code=2)


def test_a_gap_between_the_two_is_told(console: Console, following: certs.Made, file: str) -> None:
    """The old one ends before the next begins; the next is not valid when it is to begin."""
    ran = console("announce", "foo", file, "--from", "2099-01-01", *vouched(following))
    assert "before the next one begins" in ran.err
    late = certs.self_signed("mx.foo.test", not_before=int(time.time()) + 50 * certs.DAY)
    ran = console("announce", "foo", console.write("late.pem", late.pem), "--from", "10d")
    assert "which is later" in ran.err


def test_an_inventory_that_is_not_there_is_not_made(console: Console, foo: certs.Made) -> None:
    """There is nobody who could announce anything."""
    file = console.write("foo.pem", foo.pem)
    console.fails("announce", "foo", file, "--from", format_moment(2_000_000_000), code=6)
    assert not console.db.exists()


def test_a_vouch_that_is_withdrawn_while_a_probe_runs_retires_nothing(
    console: Console, foo: certs.Made, following: certs.Made, file: str
) -> None:
    """What was read before the hosts were asked is old news: the last trusted pin stays."""
    console("announce", "foo", file, "--from", "2026-01-01", "--auto-retire", "14",
            *vouched(following))  # fmt: skip

    def probed(before: Callable[[], object]) -> list[tuple[str, str]]:
        with reading(console.db) as tx:
            known_before = known.read(tx.connection, None)
        before()
        now = int(time.time())
        looks = [seen(following, at=now - days * certs.DAY, peer="foo") for days in (20, 0)]
        with writing(console.db, "root", now) as tx:
            observations.record(tx, looks)
            kept = keeping.Kept()
            retiring.retire(tx, known_before, kept, now)
            return kept.retired

    person = ("--peer", "foo", "--reason", "misheard")
    assert probed(lambda: console("withdraw", following.fingerprint, *person)) == []
    assert console.states()[foo.fingerprint] == "trusted"
    console("vouch", following.fingerprint, "--peer", "foo")
    assert probed(lambda: None) == [("foo", foo.fingerprint)]
    assert console.states() == {foo.fingerprint: "retired", following.fingerprint: "trusted"}
    (pin,) = (one for one in console("list", "--all", "--json").json if one["state"] == "retired")
    assert "auto-retire after 14 days" in pin["retired_reason"]
    assert console("journal", "verify").code == 0


@pytest.mark.parametrize(("ended", "states"), [(True, "trusted"), (False, "retired")])
def test_a_next_one_whose_chain_has_ended_retires_nothing(
    console: Console, foo: certs.Made, ended: bool, states: str
) -> None:
    """Every host presents it, and it is vouched for; mail would wait all the same, so the old one
    stays. With a chain that holds it goes."""
    root = certs.authority("Their root")
    over = {"days": 5, "not_before": int(time.time()) - 10 * certs.DAY} if ended else {}
    middle = certs.issue(root, (), ca=True, subject="Middle", **over)  # type: ignore[arg-type]
    leaf = certs.issue(middle, "mx.foo.test")
    console.pin(foo, "foo")
    file = console.write("next.pem", leaf.pem + middle.pem + root.pem)
    console("announce", "foo", file, "--from", "2026-01-01", "--auto-retire", "14", *vouched(leaf))
    now = int(time.time())
    with reading(console.db) as tx:
        before = known.read(tx.connection, None)
    kept = keeping.Kept()
    with writing(console.db, "root", now) as write:
        looks = [seen(leaf, at=now - days * certs.DAY, peer="foo") for days in (20, 0)]
        observations.record(write, looks)
        retiring.retire(write, before, kept, now)
    assert console.states() == {foo.fingerprint: states, leaf.fingerprint: "trusted"}
    assert [one.startswith("no pin of foo was retired: mail to ") for one in kept.notes] == [
        True
    ] * ended
