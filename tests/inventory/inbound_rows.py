"""A row in each table of what is asked of whoever sends as a peer's domains."""

from __future__ import annotations

from tests.inventory.store import Store
from trustctl.facts.records import Inbound
from trustctl.inventory import inbound


def add_inbound(store: Store) -> None:
    """One peer that has to present its pin, another that may; and one that had to."""
    with store.writing() as tx:
        inbound.change(tx, "foo", Inbound("require", True, ("192.0.2.0/24", "2001:db8::/32")))
        inbound.change(tx, "bar", Inbound("offer"))
        inbound.change(tx, "baz", Inbound("require"))
    with store.writing() as tx:
        inbound.change(tx, "baz", Inbound())
