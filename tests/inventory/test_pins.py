"""Pins are found by what people type, and retired once."""

from __future__ import annotations

import pytest

from tests.certs import Made
from tests.inventory.store import Store, addition
from trustctl.errors import ConflictError, TrustctlError, UsageError
from trustctl.facts.fingerprint import colons, spoken
from trustctl.inventory import pins


@pytest.fixture
def two(store: Store, pool: tuple[Made, ...]) -> Store:
    """foo has one pin, bar two, one of them foo's too."""
    store.add(
        addition("foo", pool[0], "foo.test"),
        addition("bar", pool[0], "bar.test"),
        addition("bar", pool[1]),
    )
    return store


def test_peer_and_fingerprint_are_typed_as_people_do(two: Store, pool: tuple[Made, ...]) -> None:
    """A peer's name in any case, a fingerprint in any spelling, eight digits or more of it."""
    digits = pool[1].fingerprint
    spellings = [digits, digits.upper(), digits[:8], colons(digits), colons(digits)[:23],
                 spoken(digits), f" {digits[:12]} "]  # fmt: skip
    for one in spellings:
        assert two.pin(one).fingerprint == digits, one
    assert two.pin(" FOO ").peer == "foo"
    assert [one.peer for one in two.ask(lambda c: pins.find(c, pool[0].fingerprint))] == [
        "foo", "bar",
    ]  # fmt: skip
    (found,) = two.ask(lambda c: pins.find(c, pool[0].fingerprint, peer_name="bar"))
    assert found.peer == "bar"


@pytest.mark.parametrize(
    "subject", ["nobody", "", "1234567", "%", "0" * 64, "0" * 65, "foo'--", "\0", "*", "_" * 8]
)
def test_what_fits_nothing_is_said(subject: str, two: Store) -> None:
    """Seven digits, wildcards and quotes name no pin."""
    with pytest.raises(ConflictError):
        two.ask(lambda c: pins.find(c, subject))


def test_peers_name_wins_over_digits(store: Store, pool: tuple[Made, ...]) -> None:
    """A peer that is called like a fingerprint's beginning is the peer."""
    name = pool[1].fingerprint[:10]
    store.add(addition(name, pool[0], "a.test"), addition("foo", pool[1], "b.test"))
    assert store.pin(name).fingerprint == pool[0].fingerprint


def test_digits_that_fit_several_certificates_are_refused(
    store: Store, pool: tuple[Made, ...]
) -> None:
    """Never the first of several: more digits are asked for."""
    with store.writing():
        pass
    with store.raw() as raw:
        raw.execute("PRAGMA foreign_keys = OFF")
        raw.execute("INSERT INTO peer VALUES (1, 'foo', 5, 1)")
        for number in range(2):
            print_ = f"{'ab' * 8}{number:048x}"
            raw.execute(
                "INSERT INTO certificate VALUES (?, X'00', NULL, NULL, NULL, NULL, '[]', NULL, "
                "NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, '[]')",
                (print_,),
            )
            raw.execute("INSERT INTO pin VALUES (?, 1, ?, 'host', 5, 'x', NULL, NULL)",
                        (number, print_))  # fmt: skip
    with pytest.raises(ConflictError, match="2 certificates have fingerprints that begin with"):
        store.pin("ab" * 8)
    assert store.pin("ab" * 8 + "0" * 47 + "1").id == 1


def test_only_one_is_meant_or_it_is_asked_which(two: Store, pool: tuple[Made, ...]) -> None:
    """Several pins or several peers: the error says how to name the one."""
    cases = {"bar": "bar has 2 pins", pool[0].fingerprint: "is pinned to several peers: bar, foo"}
    for subject, said in cases.items():
        found = two.ask(lambda c, subject=subject: pins.find(c, subject))  # type: ignore[misc]
        with pytest.raises(UsageError, match=said) as refused:
            pins.only(found, subject, "retire")
        assert str(refused.value.hint).startswith("trustctl retire ")
    with pytest.raises(ConflictError):
        pins.only([], "foo", "retire")
    assert pins.only(two.ask(lambda c: pins.find(c, "foo")), "foo", "retire").peer == "foo"


def test_retired_pin_is_kept_and_no_longer_found(two: Store, pool: tuple[Made, ...]) -> None:
    """Trusted before, not after; listed with the reason; found only where all pins are meant."""
    assert ("foo", ("foo.test",), pool[0].fingerprint, "host") in two.trusted()
    two.change(lambda tx: pins.retire(tx, two.pin("foo"), "lost"))
    assert {one[0] for one in two.trusted()} == {"bar"}
    assert two.ask(lambda c: pins.find(c, "foo")) == []
    assert two.pin("foo", active=False).retired_at is not None
    assert two.peers()["foo"].pins[0].retired_reason == "lost"
    assert two.ask(lambda c: pins.peers_with(c, pool[0].fingerprint)) == ("bar",)
    assert two.verify() == []


def test_pin_is_not_retired_twice(two: Store) -> None:
    """The second of two who retire the same pin at once is refused; the first date stands."""
    ref = two.pin("foo")
    two.change(lambda tx: pins.retire(tx, ref, "lost"))
    entries = two.journal()
    with pytest.raises(TrustctlError, match="once"):
        two.change(lambda tx: pins.retire(tx, ref, "again"), now=5)
    assert two.journal() == entries
    assert two.verify() == []


def test_peer_is_known_by_its_id(two: Store) -> None:
    """An unknown peer is an error, not an id."""
    assert two.ask(lambda c: pins.peer_id(c, "foo")) == 1
    with pytest.raises(ConflictError, match="there is no peer nobody"):
        two.ask(lambda c: pins.peer_id(c, "nobody"))
