"""Who is played: peers of every shape, those that are named, and those that were not exported."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests import certs
from tests.console import Console
from tests.prove.site import TRANSPORT, Site
from trustctl.commands.invocation import Invocation
from trustctl.commands.proving import rehearse

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("prove")]


@pytest.fixture
def more(site: Site) -> Iterator[Site]:
    """A server to which a test adds peers: its inventory and configuration come back."""
    inventory, kept = site.db.parent, site.folder / "inventory-kept"
    shutil.copytree(inventory, kept)
    yield site
    shutil.rmtree(inventory)
    kept.rename(inventory)
    site("export", "--to", "/etc/exim4", "--reload", "--yes", "--force")


def test_peers_of_every_shape_are_played(more: Site) -> None:
    """A leaf of some CA with its issuer, RSA and Ed25519 keys, a wildcard, a CA's own certificate,
    several domains: each true peer gets its mail at each domain, and nobody else does."""
    ca = certs.authority("Leaf CA")
    leaf = certs.issue(ca, "*.leaf.test", key="rsa2048")
    more.pin(leaf, "leaf", domains=("leaf.test", "second.test"))
    chain = more.folder / "chain.pem"
    chain.write_bytes(leaf.pem + ca.pem)
    more("add", str(chain), "--peer", "leaf")
    more.pin(certs.self_signed("mx.odd.test", ca=True, key="ed25519"), "odd")
    more.export()
    proof = more.prove("--peer", "leaf", "--peer", "odd")
    assert proof.failed == set()
    played = [one["domain"] for one in proof.rows if one["attack"] == "none"]
    assert played == ["leaf.test", "second.test", "odd.test"]
    assert proof.did("none") == {"delivered"}
    assert "other-name" not in {one["attack"] for one in proof.rows}


def test_our_own_ca_and_a_peer_s_held_to_names_are_played(more: Site) -> None:
    """With the list of what the one revoked in force, and a throwaway root above the other."""
    knowing = more.pin_own_ca("branch")
    more.pin(certs.authority("Held CA"), "held", "--role", "authority")
    more("ca", "cross", "held", before=knowing)
    more("export", "--to", "/etc/exim4", "--reload", "--yes", before=knowing)
    told = (more.box.etc / "trustctl/current/peers.map").read_text()
    assert " crl=main.pem" in told
    proof = more.prove("--peer", "branch", "--peer", "held")
    assert proof.failed == set()
    assert proof.did("none") == {"delivered"}
    assert proof.did("other-name") == proof.did("distrusted") == {"deferred"}
    assert [one["domain"] for one in proof.rows if one["attack"] == "revoked"] == ["branch.test"]
    with more.edited({TRANSPORT: {"  tls_crl = ": "  # tls_crl = "}}):
        assert more.prove("--peer", "branch", code=1).failed == {"revoked"}


def test_a_peer_that_was_not_exported_is_found_out(more: Site) -> None:
    """With the data as they are installed its mail goes to anybody."""
    more.pin(certs.self_signed("mx.late.test"), "late")
    proof = more.prove("--peer", "late", code=1)
    assert proof.did("self-signed", "installed") == {"delivered"}
    assert proof.did("self-signed") == {"deferred"}
    assert {one["data"] for one in proof.rows if one["held"] is False} == {"installed"}
    assert proof.problems == [
        "late.test: the data in force are not what the inventory comes to: trustctl export"
    ]


def test_data_that_name_another_certificate_are_found_out(more: Site) -> None:
    """What strangers cannot show: the installed data are compared with the inventory's pins. Of an
    old generation and of a trust set that somebody changed."""
    more.pin(certs.self_signed("mx.foo.test"), "foo")
    proof = more.prove("--peer", "foo", code=1)
    assert proof.failed == set()
    assert proof.problems == [
        "foo.test: the data in force are not what the inventory comes to: trustctl export"
    ]
    more.export()
    entries = (more.box.etc / "trustctl/current/peers.map").read_text()
    name = entries.partition("foo.test\tfoo\tset=")[2].partition(" ")[0]
    with (more.box.etc / "trustctl/sets" / name).open("ab") as file:
        file.write(certs.self_signed("mx.foo.test").pem)
    proof = more.prove("--peer", "foo", code=1)
    assert proof.problems == ["foo.test: its trust set is gone or was changed: trustctl export"]
    shutil.rmtree(more.box.etc / "trustctl/generations")
    proof = more.prove("--peer", "foo", code=1)
    assert proof.problems == [
        "there are no data of trustctl's in force in /etc/exim4: trustctl export"
    ]
    more("export", "--to", "/etc/exim4", "--yes", "--force")


def test_of_a_peer_without_a_trusted_pin_all_mail_waits(more: Site) -> None:
    """There is no true peer to play; nobody gets its mail."""
    pem = more.folder / "shut.pem"
    pem.write_bytes(certs.self_signed("mx.shut.test").pem)
    more("add", str(pem), "--peer", "shut", "--domain", "shut.test")
    more.export()
    proof = more.prove("--peer", "shut")
    assert proof.failed == set()
    assert proof.did("none") == {"not tried"}
    assert proof.did("self-signed", "installed") == proof.did("stripped") == {"deferred"}


def test_data_that_exim_cannot_read_are_found_out(site: Site) -> None:
    """Everything waits then, the true peer's mail too."""
    data = site.box.etc / "trustctl"
    group = data.stat().st_gid
    os.chown(data, 0, 0)
    try:
        proof = site.prove(code=1)
    finally:
        os.chown(data, 0, group)
    assert proof.failed == {"none"}
    assert proof.did("none") == {"deferred"}


def test_a_configuration_that_was_not_put_in_force_is_found_out(site: Site) -> None:
    """What Exim reads holds, but another one is made when it is next started."""
    file = site.box.etc / TRANSPORT
    before = file.read_text()
    file.write_text(before.replace("  tls_verify_hosts = *\n", ""))
    try:
        proof = site.prove(code=1)
    finally:
        file.write_text(before)
    assert proof.failed == set()
    assert "is not what update-exim4.conf makes" in proof.problems[0]


def test_without_a_name_a_few_peers_are_played_at_one_domain_each(console: Console) -> None:
    """In order of name, and it is told how many are left out."""
    for name in ("one", "two", "three"):
        console.pin(certs.self_signed(f"mx.{name}.test"), name, "--domain", f"more.{name}.test")
    call = Invocation(str(console.db))
    made, left_out = rehearse(call, "exim", "/usr/sbin/exim4", (), at_most=2, keep=False)
    assert left_out == 1
    assert {one.domain for one in made.attempts} == {"more.one.test", "more.three.test"}
    named, left_out = rehearse(call, "exim", "/usr/sbin/exim4", ("two",), at_most=2, keep=False)
    assert left_out == 0
    assert {one.domain for one in named.attempts} == {"two.test", "more.two.test"}
    kinds = [one.kind for one in made.attempts]
    assert kinds == sorted(kinds), "the installed data come first"
