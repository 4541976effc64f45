"""Proof on a real Postfix: the data that are in force, and peers of every shape."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests import certs
from tests.prove.postfix_site import PostfixSite

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("prove-postfix")]

_EXPORT = "trustctl export --format postfix --to /etc/postfix --reload"
_OLD = f"the table in force is not what the inventory comes to: {_EXPORT}"


@pytest.fixture
def more(postfix: PostfixSite) -> Iterator[PostfixSite]:
    """A server to which a test adds peers: its inventory and configuration come back."""
    inventory, kept = postfix.db.parent, postfix.folder / "inventory-kept"
    shutil.copytree(inventory, kept)
    yield postfix
    shutil.rmtree(inventory)
    kept.rename(inventory)
    postfix("export", *postfix.target, "--reload", "--yes", "--force")


@contextmanager
def _texthash(site: PostfixSite) -> Iterator[None]:
    """The kind of table that is taken where no other can be made."""
    with site.edited("default_database_type=texthash"):
        site.export()
        yield
    site.export()


def test_a_policy_that_is_missing_is_found_out(more: PostfixSite) -> None:
    """A peer that was not exported: its mail goes to anybody, with the data as they are."""
    more.pin(certs.self_signed("mx.late.test"), "late")
    proof = more.some("self-signed", peer="late")
    assert proof.did("self-signed", "installed") == {"delivered"}
    assert proof.did("self-signed") == {"deferred"}
    assert proof.did("none") == {"delivered"}
    assert proof.problems == [f"late.test: {_OLD}"]


def test_a_table_that_names_another_certificate_is_found_out(more: PostfixSite) -> None:
    """What strangers cannot show: it is compared with the inventory's pins."""
    more.pin(certs.self_signed("mx.foo.test"), "foo")
    proof = more.some("self-signed")
    assert (proof.failed, proof.problems) == (set(), [f"foo.test: {_OLD}"])


def test_a_text_table_is_found_out(postfix: PostfixSite) -> None:
    """Postfix cannot tell an empty one from a table without our domains: emptied, it protects
    nobody, and a whole one might be emptied."""
    with _texthash(postfix):
        proof = postfix.some("self-signed", "data-missing", "data-empty")
        assert proof.did("none") == {"delivered"}
        assert proof.did("self-signed", "installed") == proof.did("data-missing") == {"deferred"}
        assert "data-empty" in proof.failed
        text = postfix.box.etc / "trustctl/live/tls_policy"
        text.write_bytes(b"")
        proof = postfix.some("self-signed")
        assert proof.did("self-signed", "installed") == {"delivered"}
        assert proof.did("self-signed") == {"deferred"}
        assert proof.problems == [f"foo.test: {_OLD}"]


def test_a_table_that_cannot_be_read_is_found_out(postfix: PostfixSite) -> None:
    """All mail waits then."""
    table = postfix.box.etc / "trustctl/live/tls_policy.db"
    before = table.read_bytes()
    table.write_bytes(b"something else " * 900)
    try:
        proof = postfix.some("self-signed")
    finally:
        table.write_bytes(before)
    assert proof.did("self-signed", "installed") == {"deferred"}
    assert "the table in force cannot be read" in proof.problems[0]


def test_a_peer_s_authority_is_played(more: PostfixSite) -> None:
    """Clients are in a chroot and read its file there; whoever it did not certify for this name
    gets nothing; and a file that is gone is told of."""
    more.pin(certs.authority("Bar CA"), "bar", "--role", "authority", "--mx", "mx.bar.test")
    more.export()
    attacks = ("other-key", "other-name", "other-peer", "expired", "distrusted", "data-no-set")
    proof = more.some(*attacks, peer="bar")
    assert (proof.failed, proof.problems) == (set(), [])
    assert proof.did("none") == {"delivered"}
    assert proof.did("other-name") == proof.did("data-no-set") == {"deferred"}
    assert proof.did("distrusted") == {"not tried"}
    chroot = more.box.root / "var/spool/postfix/etc/postfix/trustctl/current/ta"
    (anchor,) = chroot.iterdir()
    anchor.unlink()
    proof = more.some("self-signed", peer="bar")
    assert proof.problems == [f"bar.test: its authority's file is gone or was changed: {_EXPORT}"]


def test_of_a_peer_whom_postfix_cannot_hold_all_mail_waits(more: PostfixSite) -> None:
    """One of our own CA, whose list of what it revoked Postfix does not read."""
    more.pin_own_ca("branch")
    more.export()
    proof = more.some("self-signed", peer="branch")
    assert (proof.failed, proof.problems) == (set(), [])
    assert proof.did("none") == {"not tried"}
    assert proof.did("self-signed", "installed") == {"deferred"}


def test_a_leaf_of_some_authority_is_played(more: PostfixSite) -> None:
    """At each of its peer's domains, with an RSA key; another one of the same authority is not
    taken, nor is the pinned one when it has expired or is distrusted."""
    ca = certs.authority("Leaf CA")
    leaf = certs.issue(ca, "*.leaf.test", key="rsa2048")
    more.pin(leaf, "leaf", domains=("leaf.test", "second.test"))
    more.export()
    proof = more.some("own-ca", "expired", "distrusted", peer="leaf")
    assert (proof.failed, proof.problems) == (set(), [])
    assert [one["did"] for one in proof.rows].count("delivered") == 2
    assert proof.did("own-ca") == proof.did("expired") == proof.did("distrusted") == {"deferred"}
