"""Which pins are to replace others: recorded once, for good, and about one peer."""

from __future__ import annotations

import pytest

from tests import certs
from tests.certs import Made
from tests.inventory.store import NOW, Store, addition
from trustctl.errors import ConflictError
from trustctl.facts.wire import Announcement
from trustctl.inventory import announcements, pins
from trustctl.inventory.affected import affected

LATER = NOW + 30 * certs.DAY


@pytest.fixture
def three(store: Store, pool: tuple[Made, ...]) -> Store:
    """foo has the pins 1 and 2, bar has the pin 3."""
    store.add(addition("foo", pool[0], "foo.test"), addition("foo", pool[1]),
              addition("bar", pool[2], "bar.test"))  # fmt: skip
    return store


def announce(store: Store, pin: int, *replaces: int, days: int | None = 14) -> bool:
    """Announce, in a transaction of its own."""
    with store.writing() as tx:
        return announcements.announce(tx, pin, replaces, LATER, days)


def test_an_announcement_is_kept(three: Store) -> None:
    """Who said so and when, and an entry; no export is touched: the pin itself did that."""
    seq = len(three.journal())
    assert announce(three, 2, 1)
    assert three.ask(announcements.of_peers) == [Announcement(2, (1,), LATER, 14, NOW, "root")]
    assert three.journal()[-1].action == "announce"
    assert three.ask(lambda c: affected(c, after_seq=seq, since=NOW + 9, until=NOW + 9)) == []
    assert three.verify() == []


def test_the_same_again_is_no_change_and_another_is_refused(three: Store) -> None:
    """What was said stands: to say otherwise, the pin is retired and announced anew."""
    assert announce(three, 2, 1, 1)
    entries = three.journal()
    assert not announce(three, 2, 1)
    with pytest.raises(ConflictError, match="announced already, otherwise"):
        announce(three, 2, 1, days=None)
    assert three.journal() == entries
    with three.writing() as tx:
        pins.retire(tx, next(one for one in pins.find(tx.connection, "foo") if one.id == 2), "")
    three.add(addition("foo", _of(three, 2)))
    assert announce(three, 4, 1, days=None)
    assert [one.pin for one in three.ask(announcements.of_peers)] == [2, 4]
    assert three.verify() == []


def _of(store: Store, pin: int) -> bytes:
    from trustctl.inventory.snapshot import ders

    (print_,) = (one.certificate.fingerprint for one in store.peers()["foo"].pins if one.id == pin)
    return store.ask(lambda c: ders(c, [print_]))[print_]


@pytest.mark.parametrize(
    ("pin", "replaces"), [(2, (3,)), (2, (99,)), (2, (2,)), (2, ()), (3, (1,))]
)
def test_what_cannot_be_replaced_is_refused(
    pin: int, replaces: tuple[int, ...], three: Store
) -> None:
    """Another peer's pin, one that is not there, itself, nothing."""
    entries = three.journal()
    with pytest.raises(ConflictError):
        announce(three, pin, *replaces)
    assert three.journal() == entries


def test_a_retired_pin_neither_replaces_nor_is_replaced(three: Store) -> None:
    """It is over."""
    with three.writing() as tx:
        pins.retire(tx, next(one for one in pins.find(tx.connection, "foo") if one.id == 1), "")
    for pin, other in ((2, 1), (1, 2)):
        with pytest.raises(ConflictError, match="no active pin of foo"):
            announce(three, pin, other)
