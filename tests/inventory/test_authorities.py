"""Our own authorities, in the inventory: numbered, retired, never forgotten."""

from __future__ import annotations

import pytest

from tests import certs
from tests.certs import Made
from tests.inventory.store import LONG, NOW, Store, addition, evidence
from trustctl.errors import ConflictError
from trustctl.facts.issuance import AuthorityKind
from trustctl.inventory import authorities, hierarchies


def _authority(name: str) -> Made:
    return certs.authority(name, days=LONG, not_before=NOW - certs.DAY)


def _add(store: Store, made: Made, kind: AuthorityKind = "root", hierarchy: str = "main") -> None:
    store.change(
        lambda tx: authorities.add(tx, hierarchy, kind, "file:x.key", evidence(made), None)
    )


def test_they_are_numbered_within_their_hierarchy(store: Store) -> None:
    """Roots first, the newest last; hierarchies do not see each other."""
    for number in range(2):
        _add(store, _authority(f"root {number}"))
    _add(store, _authority("issuing"), "issuing")
    _add(store, _authority("other"), hierarchy="pq")
    names = [one.name for one in store.ask(authorities.authorities)]
    assert names == ["main/root-1", "main/root-2", "main/issuing-1", "pq/root-1"]
    assert store.ask(authorities.hierarchies) == ["main", "pq"]
    assert store.ask(lambda c: authorities.current(c, "main", "root")).number == 2
    assert store.verify() == []


def test_a_retired_one_signs_no_more(store: Store) -> None:
    """It is known still; where none is left that signs, it is said how to get one."""
    _add(store, _authority("root"))
    one = store.ask(lambda c: authorities.current(c, "main", "root"))
    store.change(lambda tx: authorities.retire(tx, one))
    with pytest.raises(ConflictError, match="no root CA"):
        store.ask(lambda c: authorities.current(c, "main", "root"))
    (known,) = store.ask(authorities.authorities)
    assert known.retired_at == NOW
    assert store.verify() == []


def test_a_certificate_that_was_pinned_before(store: Store) -> None:
    """An authority's certificate may be known already; it is stored once."""
    root = _authority("root")
    store.add(addition("foo", root, "foo.test", role="authority"))
    _add(store, root)
    assert store.ask(hierarchies.hierarchy_of_keys) == {root.spki: "main"}
    assert store.verify() == []


def test_one_is_added_once(store: Store) -> None:
    """The second time nothing of it stays."""
    root = _authority("root")
    _add(store, root)
    before = store.journal()
    with pytest.raises(Exception, match=r"there already|UNIQUE"):
        _add(store, root)
    assert store.journal() == before
