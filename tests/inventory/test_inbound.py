"""What is asked of whoever sends as a peer's domains: set, read back, journalled."""

from __future__ import annotations

import pytest

from tests.inventory.store import Store, addition, strong
from trustctl.errors import ConflictError, DatabaseError, UsageError
from trustctl.facts.records import NO_INBOUND, Inbound
from trustctl.inventory import inbound

MADE = strong()
_ASKED = Inbound("require", True, ("192.0.2.0/24", "2001:db8::/32"))


def _change(store: Store, wanted: Inbound, peer: str = "foo") -> bool:
    with store.writing() as tx:
        return inbound.change(tx, peer, wanted)


def test_it_is_read_back_with_the_peer(store: Store) -> None:
    """A peer has what was set last; the others are asked nothing."""
    store.add(addition("foo", MADE), addition("bar", MADE))
    assert _change(store, _ASKED)
    assert store.peers()["foo"].inbound == _ASKED
    assert store.peers()["bar"].inbound == NO_INBOUND
    assert _change(store, Inbound("offer"))
    assert store.peers()["foo"].inbound == Inbound("offer")
    assert _change(store, NO_INBOUND)
    assert store.peers()["foo"].inbound == NO_INBOUND
    assert store.verify() == []


def test_the_same_again_is_no_change(store: Store) -> None:
    """Nothing is recorded, and the peer is not exported anew."""
    store.add(addition("foo", MADE))
    assert not _change(store, NO_INBOUND)
    assert _change(store, _ASKED)
    before = store.journal()
    assert not _change(store, _ASKED)
    assert store.journal() == before


def test_a_change_touches_the_peer(store: Store) -> None:
    """The next export looks at it."""
    store.add(addition("foo", MADE))
    _change(store, _ASKED)
    with store.raw() as raw:
        seq = raw.execute("SELECT max(seq) FROM journal").fetchone()
        assert raw.execute("SELECT changed_seq FROM peer").fetchone() == seq


def test_what_cannot_be_meant_is_refused(store: Store) -> None:
    """Off with a network, and a peer that is not there; nothing is recorded."""
    store.add(addition("foo", MADE))
    before = store.journal()
    with pytest.raises(UsageError, match="neither relay nor"):
        _change(store, Inbound("off", relay=True))
    with pytest.raises(ConflictError, match="there is no peer eve"):
        _change(store, Inbound("offer"), "eve")
    assert store.journal() == before


@pytest.mark.parametrize("network", ["0.0.0.0/99", "10.0.0.1/8", "1:2:3"])
def test_a_network_that_is_none_is_not_exported(store: Store, network: str) -> None:
    """What another program wrote there is refused as a whole."""
    store.add(addition("foo", MADE))
    _change(store, _ASKED)
    with store.raw(as_attacker=True) as raw:
        raw.execute("UPDATE inbound_network SET network = ? WHERE network LIKE '192%'", (network,))
    with pytest.raises(DatabaseError, match="a network in the inventory is none"):
        store.peers()
    assert store.verify() != []
