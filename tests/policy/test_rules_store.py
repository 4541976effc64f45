"""Tests of trustctl.policy.rules_store: what is to be typed; the rest is in store_cases.py."""

from __future__ import annotations

import pytest

from tests.policy.inventory import facts, inventory
from trustctl.facts.store import Place, Store, StoredCertificate, Stores
from trustctl.policy.audit import audit_stores


@pytest.mark.parametrize(
    ("name", "file", "fix"),
    [
        ("system", "/etc/ssl/certs/x.pem", "trustctl export --format debian --only-peers"),
        ("/etc/ssl/certs", "/etc/ssl/certs/x.pem", "trustctl export --format debian --only-peers"),
        ("/etc/ssl/peers.pem", "/etc/ssl/peers.pem", "trustctl export --to DIR --format pem"),
        ("/etc/ssl/certs2", "/etc/ssl/certs2/x", "trustctl export --to DIR --format pem"),
    ],
)
def test_what_writes_a_store_anew_fits_it(name: str, file: str, fix: str) -> None:
    """The system's own is not made by a bundle in some folder."""
    root = facts("root", is_ca=True)
    store = Store(name, 1, (StoredCertificate(root, Place(file, 1)),))
    found = audit_stores(
        inventory(stores=Stores((store,)), public_roots=frozenset({root.fingerprint}))
    )
    assert {one.rule: one.fix for one in found}["store-public-ca"] == fix
