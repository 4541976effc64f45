"""Proof on a real Exim: what is installed holds, and what is taken out of it is found out."""

from __future__ import annotations

import pytest

from tests import certs
from tests.lab.built import demanded
from tests.lab.senders import ONE_BUNDLE, RECIPE_2009
from tests.lab.senders import ROUTER as NAIVE
from tests.prove.site import ROUTER, TRANSPORT, Proof, Site

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("prove")]

_DOMAINS = "  domains = ! +local_domains : TRUSTCTL_DOMAINS\n  condition = TRUSTCTL_OPEN\n"
_BY_HAND = "  route_data = TRUSTCTL_MX\n  host_find_failed = decline\n"
_WITHOUT: dict[str, tuple[str, str, dict[str, str]]] = {
    "verification": ("expired", TRANSPORT, {"  tls_verify_hosts = *\n": ""}),
    "the-pin": ("own-ca", TRANSPORT, {"eq{$event_name}{tls:cert}": "eq{$event_name}{never}"}),
    "one-domain": ("two-domains", TRANSPORT, {"  multi_domain = false\n": ""}),
    "one-message": ("waiting", TRANSPORT, {"  connection_max_messages = 1\n": ""}),
    "tls": ("stripped", TRANSPORT, {"hosts_require_tls = *": "hosts_require_tls = :"}),
    "never-in-clear": (
        "refused",
        TRANSPORT,
        {"hosts_require_tls = *": "hosts_require_tls = :", "tryclear = false": "tryclear = true"},
    ),
    "whole-map": ("data-broken", ROUTER, {"{!*}{*}": "{!*}{!*}"}),
    "manualroute": (
        "renamed",
        ROUTER,
        {
            f"  driver = manualroute\n{_DOMAINS}": f"  driver = dnslookup\n{_DOMAINS}",
            _BY_HAND: "",
        },
    ),
}


def test_what_export_installs_holds(proof: Proof) -> None:
    """The true peer gets its mail, every attack is deferred, with throwaway data and installed."""
    assert proof.failed == set()
    assert proof.problems == []
    assert proof.did("none") == {"delivered"}
    assert {one["data"] for one in proof.rows if one["did"] == "delivered"} == {"throwaway"}
    played = [one for one in proof.rows if not one["attack"].startswith(("data-", "distrusted"))]
    assert all(one["reached"] for one in played), "what was never connected to proves nothing"


def test_debian_s_default_of_one_file_holds_too(site: Site) -> None:
    """The unsplit configuration, where the texts are in the template."""
    site.box.set(split=False)
    try:
        site.export()
        assert site.prove().failed == set()
    finally:
        site.box.set(split=True)
        site.export()


@pytest.mark.parametrize("what", _WITHOUT)
def test_a_protection_that_is_taken_out_is_found_out(site: Site, what: str) -> None:
    """By the attack that it is there for; the true peer gets its mail all the same."""
    attack, file, pairs = _WITHOUT[what]
    with site.edited({file: pairs}):
        proof = site.prove(code=1)
    assert attack in proof.failed
    assert proof.did("none") == {"delivered"}
    assert proof.problems == []


def test_dane_that_is_switched_on_is_found_out(with_authority: Site) -> None:
    """Where a peer's authority is trusted, no pin stands behind the verification that DANE ends.
    On OpenSSL the path is asked for all the same."""
    assert with_authority.prove("--peer", "bar").failed == set()
    edits = {"hosts_try_dane = :": "hosts_try_dane = *"}
    with with_authority.edited({TRANSPORT: edits}):
        found = set() if demanded() else {"tlsa"}
        assert with_authority.prove("--peer", "bar", code=int(bool(found))).failed == found


@pytest.mark.parametrize("transport", [RECIPE_2009, ONE_BUNDLE], ids=["2009", "one-bundle"])
def test_a_recipe_written_by_hand_is_found_out(site: Site, transport: str) -> None:
    """That of 2009 delivers to anybody who speaks TLS; with mandatory verification it still takes
    any peer's host for any other's. The partner is played all the same."""
    recipe = {ROUTER: {"": NAIVE}, TRANSPORT: {"": transport}}
    bundle = site.box.etc / "peers.pem"
    bundle.write_bytes(before := certs.self_signed("mx.foo.test").pem)
    try:
        with site.edited(recipe):
            proof = site.prove(code=1)
        assert bundle.read_bytes() == before
    finally:
        bundle.unlink()
    # the throwaway has the name of what is in the file: OpenSSL finds one of the two
    assert proof.did("none") - ({"deferred"} if demanded() else set()) == {"delivered"}
    caught = {"other-peer", "tlsa", "spoofed", "two-domains", "waiting"}
    if transport == RECIPE_2009:
        caught |= {"self-signed", "other-key", "public-ca", "expired", "own-ca", "alias", "no-mx"}
    assert caught <= proof.failed
    assert "stripped" not in proof.failed
    assert proof.did("data-missing") == {"not tried"}
