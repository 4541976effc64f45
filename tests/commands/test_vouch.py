"""``trustctl vouch`` and ``withdraw``: statements of people, dated, withdrawn, never edited."""

from __future__ import annotations

import pytest

from tests import certs
from tests.console import ANN, BOB, Console
from trustctl.facts.fingerprint import colons, spoken


@pytest.fixture
def pending(console: Console, foo: certs.Made) -> Console:
    """Foo's certificate is there, and nobody has vouched for it."""
    console("add", console.write("foo.pem", foo.pem), "--peer", "foo", "--domain", "foo.test")
    return console


def test_the_whole_fingerprint_is_a_vouch(pending: Console, foo: certs.Made) -> None:
    """Whoever types all of it has compared it; it makes the pin trusted, and is on record."""
    ran = pending(
        "vouch", colons(foo.fingerprint), "--vouched-by", BOB, "--via", "in person",
        "--note", "at his office", "--expires", "2099-01-01",
    )  # fmt: skip
    assert ran.out.startswith("vouched: foo, role host")
    assert pending.states() == {foo.fingerprint: "trusted"}
    (vouch,) = pending("list", "--json").json[0]["vouches"]
    assert (vouch["voucher"], vouch["channel"]) == (BOB, "in person")
    assert (vouch["note"], vouch["expires_at"]) == ("at his office", "2099-01-01T00:00:00Z")


def test_a_part_of_it_is_no_vouch(pending: Console, foo: certs.Made) -> None:
    """Digits that merely name the pin are not the statement: the whole is asked for."""
    ran = pending.fails("vouch", foo.fingerprint[:16], code=2)
    assert "there is no terminal" in ran.err
    pending.fails("vouch", foo.fingerprint[:16], "--fingerprint", foo.fingerprint[:16], code=2)


def test_a_peers_name_and_its_fingerprint(
    pending: Console, foo: certs.Made, bar: certs.Made
) -> None:
    """Another fingerprint is a mismatch and changes nothing; the right one is a vouch."""
    ran = pending.fails("vouch", "foo", "--fingerprint", bar.fingerprint, code=3)
    assert "nothing was stored" in ran.err
    pending("vouch", "foo", "--fingerprint", foo.spki)
    assert pending.states() == {foo.fingerprint: "trusted"}
    assert pending("vouch", "foo", "--fingerprint", foo.spki).out.startswith("already vouched")


def test_it_asks_a_person_and_shows_nothing_first(pending: Console, foo: certs.Made) -> None:
    """Without a value it asks on the terminal; the answer is compared, not recognised."""
    person = pending.terminal("vouch", "foo")
    person.expect("Fingerprint: ")
    shown = person.seen.replace(" ", "").replace(":", "").lower()
    assert not any(foo.fingerprint[at : at + 8] in shown for at in range(0, 64, 4))
    person.type(spoken(foo.fingerprint).replace("\n", " "))
    assert person.end() == 0
    assert pending.states() == {foo.fingerprint: "trusted"}


def test_of_several_pins_the_fingerprint_tells_which(
    pending: Console, foo: certs.Made, bar: certs.Made
) -> None:
    """A peer's name alone does not; a fingerprint of neither is still a mismatch."""
    following = certs.self_signed("mx.foo.test")
    pending("add", pending.write("next.pem", following.pem), "--peer", "foo")
    ran = pending.fails("vouch", "foo", code=2)
    assert "say which" in ran.err
    pending.fails("vouch", "foo", "--fingerprint", bar.fingerprint, code=3)
    pending("vouch", "foo", "--fingerprint", following.fingerprint)
    assert pending.states() == {foo.fingerprint: "pending", following.fingerprint: "trusted"}


def test_a_certificate_of_two_peers_needs_a_name(pending: Console, foo: certs.Made) -> None:
    """A vouch says that it belongs to a peer: to which, has to be said."""
    pending("add", pending.write("bar.pem", foo.pem), "--peer", "bar", "--domain", "bar.test")
    ran = pending.fails("vouch", foo.fingerprint, code=2)
    assert "several peers: bar, foo" in ran.err
    assert "--peer" in ran.err
    pending("vouch", foo.fingerprint, "--peer", "bar")
    listed = {one["peer"]: one["state"] for one in pending("list", "--json").json}
    assert listed == {"bar": "trusted", "foo": "pending"}


@pytest.mark.parametrize(
    ("option", "value"),
    [("--vouched-by", ""), ("--vouched-by", "Ann\x1b[31m"), ("--vouched-by", "A\u202eB"),
     ("--vouched-by", "x" * 201), ("--via", ""), ("--via", "${run{x}}"), ("--note", "two\nlines"),
     ("--note", "x" * 2001), ("--expires", "2001-01-01"), ("--expires", "soon")],
)  # fmt: skip
def test_what_a_vouch_may_not_say(
    pending: Console, foo: certs.Made, option: str, value: str
) -> None:
    """Nothing hidden, nothing endless, no end that has passed."""
    pending.fails("vouch", foo.fingerprint, option, value, code=2)


def test_unknown_subjects_are_refused(pending: Console, bar: certs.Made) -> None:
    """No such peer, no such certificate, too few digits, no such --peer."""
    pending.fails("vouch", "nobody", code=5)
    pending.fails("vouch", bar.fingerprint, code=5)
    pending.fails("vouch", "abc", code=5)
    pending.fails("vouch", "foo", "--peer", "nobody", code=5)
    pending.fails("withdraw", "nobody", "--reason", "x", code=5)


def test_two_people_are_two_people(pending: Console, foo: certs.Made) -> None:
    """With two required, the same person twice is one, however the name is spelt."""
    pending("set", "vouches_required", "2")
    pending("vouch", foo.fingerprint, "--vouched-by", ANN)
    pending("vouch", foo.fingerprint, "--vouched-by", "Dr Ann <ANN@bar.test>", "--via", "phone")
    assert pending.states() == {foo.fingerprint: "unvouched"}
    assert "1 of the 2 people" in pending("show", "foo").out
    pending("vouch", foo.fingerprint, "--vouched-by", BOB)
    assert pending.states() == {foo.fingerprint: "trusted"}


def test_a_withdrawn_vouch_stays_on_record(pending: Console, foo: certs.Made) -> None:
    """It counts no longer; who withdrew it, when and why is shown."""
    pending("vouch", foo.fingerprint, "--vouched-by", ANN)
    pending("vouch", foo.fingerprint, "--vouched-by", BOB)
    ran = pending("withdraw", "foo", "--vouched-by", "ann@bar.test", "--reason", "misheard")
    assert ANN in ran.out
    assert BOB not in ran.out
    assert "next export" in ran.err
    assert pending.states() == {foo.fingerprint: "trusted"}
    pending("withdraw", foo.fingerprint[:12], "--reason", "left the company")
    assert pending.states() == {foo.fingerprint: "unvouched"}
    shown = pending("show", "foo").out
    assert "misheard" in shown
    assert "left the company" in shown
    pending.fails("withdraw", "foo", "--reason", "again", code=5)


def test_a_withdrawal_needs_a_reason(pending: Console, foo: certs.Made) -> None:
    """And a vouch of that person that still stands."""
    pending("vouch", foo.fingerprint, "--vouched-by", ANN)
    pending.fails("withdraw", "foo", code=2)
    pending.fails("withdraw", "foo", "--reason", " ", code=2)
    pending.fails("withdraw", "foo", "--vouched-by", BOB, "--reason", "x", code=5)
    assert pending.states() == {foo.fingerprint: "trusted"}


def test_nobody_vouches_for_what_is_distrusted_or_retired(
    pending: Console, foo: certs.Made
) -> None:
    """It would not be trusted: that is said instead of taking the statement."""
    pending("retire", "foo", "--yes")
    pending.fails("vouch", foo.fingerprint, code=5)
    pending("add", pending.write("foo.pem", foo.pem), "--peer", "foo")
    pending("distrust", "foo", "--reason", "stolen", "--yes")
    ran = pending.fails("vouch", foo.fingerprint, code=5)
    assert "distrusted" in ran.err


def test_a_vouch_may_protect_the_domain(console: Console, foo: certs.Made) -> None:
    """What fetch kept as pending protects nothing: who vouches says for which mail it is."""
    console("add", console.write("foo.pem", foo.pem), "--peer", "foo")
    ran = console(
        "vouch", foo.fingerprint, "--domain", "Foo.test", "--domain", "xn--mller-kva.test"
    )  # fmt: skip
    assert "foo.test" in ran.out
    assert console("list", "--json").json[0]["domains"] == ["foo.test", "xn--mller-kva.test"]
    assert "trusted" in console("check", "foo.test").out
    assert "Seen on the wire" not in ran.err
    assert console("journal", "verify").code == 0


def test_a_domain_that_is_anothers_stops_the_vouch(
    pending: Console, foo: certs.Made, bar: certs.Made
) -> None:
    """Neither the vouch nor the domain is kept; nor where the fingerprint is another."""
    pending.pin(bar, "bar")
    words = ("vouch", "foo", "--domain", "bar.test", "--fingerprint")
    pending.fails(*words, foo.fingerprint, code=5)
    pending.fails("vouch", "foo", "--domain", "new.test", "--fingerprint", bar.fingerprint, code=3)
    pending.fails("vouch", foo.fingerprint, "--domain", "nonsense", code=2)
