"""Settings change who is trusted: each change is checked, recorded, and reaches every export."""

from __future__ import annotations

import pytest

from tests.certs import Made
from tests.inventory.store import ANN, BOB, NOW, Store, addition
from trustctl.errors import DatabaseError, UsageError
from trustctl.facts.addition import NewVouch
from trustctl.inventory import settings
from trustctl.inventory.snapshot import affected


@pytest.fixture
def two(store: Store, pool: tuple[Made, ...]) -> Store:
    """foo has two people's vouches; bar has one person's, twice."""
    store.add(
        addition("foo", pool[0], "foo.test", vouches=(ANN, BOB)),
        addition("bar", pool[1], "bar.test", vouches=(ANN, NewVouch("ann@bar.test", "post"))),
    )
    return store


def test_two_people_can_be_demanded(two: Store) -> None:
    """With two wanted, two statements of one person are not enough."""
    assert {one[0] for one in two.trusted()} == {"foo", "bar"}
    with two.writing() as tx:
        assert settings.change(tx, "vouches_required", "2")
    assert {one[0] for one in two.trusted()} == {"foo"}
    assert two.journal()[-1].action == "setting.set"
    assert two.verify() == []


def test_change_bears_on_every_peer(two: Store) -> None:
    """Every peer is exported anew after it."""
    seq = len(two.journal())
    two.change(lambda tx: settings.change(tx, "vouches_required", "2"))
    found = two.ask(lambda c: affected(c, after_seq=seq, since=NOW + 9, until=NOW + 9))
    assert found == [1, 2]


def test_same_value_is_no_change(two: Store) -> None:
    """The default, or the value it has: no entry. Back to the default: an entry."""
    entries = len(two.journal())
    with two.writing() as tx:
        assert not settings.change(tx, "vouches_required", "1")
        assert settings.change(tx, "vouches_required", "03")
        assert not settings.change(tx, "vouches_required", "3")
        assert settings.change(tx, "vouches_required", "1")
    assert len(two.journal()) == entries + 2
    assert two.ask(settings.read_settings).vouches_required == 1
    assert two.verify() == []


@pytest.mark.parametrize("value", ["0", "-1", "10", "", "two", "1.5", " 2", "\u0662", "1" * 5000])
def test_value_without_meaning_is_refused(value: str, two: Store) -> None:
    """Nothing but a number from 1 to 9: never a way to demand nobody."""
    entries = two.journal()
    with pytest.raises(UsageError):
        two.change(lambda tx: settings.change(tx, "vouches_required", value))
    with pytest.raises(UsageError, match="there is no setting"):
        two.change(lambda tx: settings.change(tx, f"vouches_{value}", "2"))
    assert two.journal() == entries


@pytest.mark.parametrize("value", ["0", "-3", "", "x", "1e3", "\u0661"])
def test_stored_value_without_meaning_trusts_nobody(value: str, two: Store) -> None:
    """Zero written into the file by another program is an error, not a licence."""
    with two.raw() as raw:
        raw.execute("INSERT INTO setting VALUES ('vouches_required', ?)", (value,))
    with pytest.raises(DatabaseError, match="has no meaning"):
        two.trusted()
    assert two.verify() != []
