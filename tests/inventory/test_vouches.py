"""Vouches are withdrawn, never edited."""

from __future__ import annotations

import pytest

from tests.certs import Made
from tests.inventory.store import ANN, BOB, NOW, Store, addition
from trustctl.errors import ConflictError
from trustctl.facts.addition import NewVouch
from trustctl.inventory import pins, vouches
from trustctl.inventory.additions import Additions


@pytest.fixture
def vouched(store: Store, pool: tuple[Made, ...]) -> Store:
    """Ann (twice) and Bob vouch for foo's certificate, Ann for bar's, which is the same."""
    again = NewVouch("Ann <ann@bar.test>", "in-person")
    store.add(
        addition("foo", pool[0], "foo.test", vouches=(ANN, again, BOB)),
        addition("bar", pool[0], "bar.test"),
    )
    return store


def _withdraw(store: Store, peer: str, who: str | None) -> list[str]:
    with store.writing() as tx:
        (ref,) = pins.find(tx.connection, peer, active=False)
        return vouches.withdraw(tx, ref, who, "misheard")


def test_one_persons_vouches_are_withdrawn(vouched: Store) -> None:
    """Ann's statements for this peer, however her name is spelt; Bob's and bar's stand."""
    assert _withdraw(vouched, "foo", "ANN@bar.test") == ["Ann <ann@bar.test>"]
    said = {(one.voucher, one.withdrawn_at) for one in vouched.peers()["foo"].pins[0].vouches}
    assert said == {("Ann <ann@bar.test>", NOW), ("Bob <bob@bar.test>", None)}
    assert len(vouched.trusted()) == 2
    assert vouched.verify() == []


def test_all_vouches_are_withdrawn(vouched: Store) -> None:
    """Without a name all statements for this peer end; the other peer's do not."""
    assert _withdraw(vouched, "foo", None) == ["Ann <ann@bar.test>", "Bob <bob@bar.test>"]
    assert {one[0] for one in vouched.trusted()} == {"bar"}
    (first, *_rest) = vouched.peers()["foo"].pins[0].vouches
    assert (first.withdrawn_by, first.withdrawn_reason) == ("root", "misheard")
    assert vouched.verify() == []


def test_withdrawing_what_does_not_stand_changes_nothing(vouched: Store) -> None:
    """Nobody's vouch, or one withdrawn already: an error, no entry."""
    _withdraw(vouched, "foo", "Bob <bob@bar.test>")
    entries = vouched.journal()
    for who in ("Bob <bob@bar.test>", "Eve", "Bob"):
        with pytest.raises(ConflictError, match=f"no vouch of {who} stands"):
            _withdraw(vouched, "foo", who)
    _withdraw(vouched, "bar", None)
    with pytest.raises(ConflictError, match="no vouch stands"):
        _withdraw(vouched, "bar", None)
    assert len(vouched.journal()) == len(entries) + 1


def test_vouch_of_a_retired_pin_can_be_withdrawn(vouched: Store, pool: tuple[Made, ...]) -> None:
    """So that pinning the certificate again finds no old vouch standing for it."""
    vouched.change(lambda tx: pins.retire(tx, vouched.pin("foo"), "lost"))
    _withdraw(vouched, "foo", None)
    vouched.add(addition("foo", pool[0], vouches=()))
    assert {one[0] for one in vouched.trusted()} == {"bar"}
    assert vouched.verify() == []


def test_vouch_of_the_same_transaction_is_found(store: Store, pool: tuple[Made, ...]) -> None:
    """Vouched and withdrawn in one transaction: both are on record, none stands."""
    store.add(addition("foo", pool[0], "foo.test", vouches=()))
    ref = store.pin("foo")
    with store.writing() as tx:
        Additions(tx).vouch("foo", ref.peer_id, ref.fingerprint, ANN)
        vouches.withdraw(tx, ref, None, "misheard")
    assert len(store.peers()["foo"].pins[0].vouches) == 1
    assert store.trusted() == set()
    assert store.verify() == []
