"""A domain has one owner, and one way out of protection."""

from __future__ import annotations

import pytest

from tests.certs import Made
from tests.inventory.store import Store, addition
from trustctl.errors import ConflictError
from trustctl.inventory import domains
from trustctl.inventory.additions import Additions


def test_owner_is_known(store: Store, foo: Made) -> None:
    """The peer that protects a domain owns it; nobody owns the others."""
    store.add(addition("foo", foo, "foo.test"))
    assert store.ask(lambda c: domains.owner(c, "foo.test")) == (1, "foo")
    assert store.ask(lambda c: domains.owner(c, "bar.test")) is None


def test_unprotected_domain_is_free_for_another(store: Store, pool: tuple[Made, ...]) -> None:
    """Given up, the domain is nobody's; its peer and pins stay; another peer may protect it."""
    store.add(addition("foo", pool[0], "foo.test", "b.test"))
    store.change(lambda tx: domains.unprotect(tx, "foo.test"))
    assert store.peers()["foo"].domains == ("b.test",)
    assert len(store.peers()["foo"].pins) == 1
    store.add(addition("bar", pool[1], "foo.test"))
    assert store.ask(lambda c: domains.owner(c, "foo.test")) == (2, "bar")
    assert store.verify() == []


def test_unprotecting_what_is_not_protected_changes_nothing(store: Store, foo: Made) -> None:
    """A domain that nobody owns: an error, no entry."""
    store.add(addition("foo", foo, "foo.test"))
    entries = store.journal()
    for name in ("other.test", "FOO.test", "%"):
        with pytest.raises(ConflictError, match="is not protected"):
            store.change(lambda tx, name=name: domains.unprotect(tx, name))  # type: ignore[misc]
    assert store.journal() == entries


def test_domain_of_the_same_transaction_is_found(store: Store, foo: Made) -> None:
    """Protected and given up in one transaction: both entries, no row."""
    with store.writing() as tx:
        Additions(tx).add(addition("foo", foo, "foo.test"))
        domains.unprotect(tx, "foo.test")
    assert store.peers()["foo"].domains == ()
    assert store.verify() == []
