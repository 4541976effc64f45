"""Tests of ``trustctl ca cross``: who is held to what, when anew, and what the next export has."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests import certs, odd
from tests.authority import OwnCa
from tests.certs import Made
from tests.commands.ca.exported import Exported, held, permitted, prints
from trustctl.facts.fingerprint import colons

MX = "mx.foo.test"


@pytest.fixture
def foo(own: OwnCa) -> Made:
    """Foo's own CA, pinned; and a CA of ours."""
    own.init("--permit", "our.test")
    made = certs.authority("Foo CA")
    own.console.pin(made, "foo", "--role", "authority")
    return made


def test_a_ca_is_held_and_exported_so(own: OwnCa, foo: Made) -> None:
    """In Exim's set the cross-certificate alone stands in its place; in the bundle with our root
    above; before that, and for another peer, it is the peer's own. The journal tells all of it."""
    bar = certs.authority("Bar CA")
    own.console.pin(bar, "bar", "--role", "authority")
    assert Exported(own.console).set() == [foo.fingerprint]
    ran = own("cross", "foo")
    assert "held to foo.test" in ran.out
    assert "whoever trusts main/root-1" in ran.err
    one = held(own.console)
    assert (one["held_to"], one["fingerprint"]) == (["foo.test"], foo.fingerprint)
    assert permitted(own.console) == ["foo.test"]
    found = Exported(own.console)
    assert found.set() == [one["held_by"]]
    assert found.set("bar.test") == [bar.fingerprint]
    (root,) = prints(own("certificate", "root").out.encode())
    assert sorted(found.bundle()) == sorted([bar.fingerprint, one["held_by"], root])
    assert "held to      foo.test\n" in own.console("show", "foo").out
    own.console("journal", "verify")
    assert any(o["action"] == "ca.cross" for o in own.console("journal", "--json").json)


def test_hosts_elsewhere_and_what_is_asked_for_are_permitted(own: OwnCa, foo: Made) -> None:
    """An expected MX host outside of the domains, and --permit; the latter is kept when it is said
    anew, until another one is given."""
    own.console.pin(foo, "foo", "--role", "authority", "--mx", "mx.foo.test", "--mx", "mx.isp.test")
    own("cross", "foo", "--permit", "Relay.Test.", "--permit", "mx2.foo.test")
    assert permitted(own.console) == ["foo.test", "mx.isp.test", "relay.test"]
    own.console.pin(foo, "foo", "--role", "authority", "--domain", "foo.example")
    own("cross", "foo")
    assert permitted(own.console) == ["foo.example", "foo.test", "mx.isp.test", "relay.test"]
    own("cross", "foo", "--permit", "other.test")
    assert permitted(own.console) == ["foo.example", "foo.test", "mx.isp.test", "other.test"]


def test_it_is_said_anew_where_that_changes_something(own: OwnCa, foo: Made) -> None:
    """Twice the same changes nothing. When the peer's domains do, audit says so, and the one
    before is revoked; --due does it for every peer."""
    own("cross", "foo")
    before = held(own.console)["held_by"]
    for words in (("foo",), ("--due",)):
        state = own.console.state()
        assert "nothing was changed" in own("cross", *words).out
        assert own.console.state() == state
    own.console.pin(foo, "foo", "--role", "authority", "--domain", "foo.example")
    (found,) = [
        one for one in own.console("audit", "--json", code=1).json
        if one["rule"] == "cross-names-differ"
    ]  # fmt: skip
    assert found["what"] == "held to names without foo.example"
    own("cross", "--due")
    assert permitted(own.console) == ["foo.example", "foo.test"]
    (gone,) = own("list", "--revoked", "--all", "--json").json
    assert (gone["fingerprint"], gone["revoked_reason"]) == (before, "superseded")
    assert Exported(own.console).set() == [held(own.console)["held_by"]]
    own.console("journal", "verify")


def test_a_longer_one_replaces_one_that_is_late(own: OwnCa, foo: Made) -> None:
    """From a third of its life on audit asks for the next; the one before is not revoked, for
    nothing is wrong with it."""
    own("cross", "foo", "--days", "30")
    before = held(own.console)["held_until"]
    rules = {o["rule"] for o in own.console("audit", "--at", "+21d", "--json", code=1).json}
    assert "cross-expires" in rules
    rules = {o["rule"] for o in own.console("audit", "--at", "+31d", "--json", code=1).json}
    assert "cross-void" in rules
    own("cross", "foo", "--days", "300")
    assert held(own.console)["held_until"] > before
    assert own("list", "--revoked", "--all", "--json").json == []


@pytest.mark.parametrize("how", ["revoked", "distrusted", "ended", "the root is distrusted"])
def test_the_ca_is_not_let_off(own: OwnCa, foo: Made, how: str) -> None:
    """Where what holds it is not in force, neither it nor the CA is exported: mail waits, made from
    what changed alone; held anew, it goes again (under a root that is trusted)."""
    own("cross", "foo", "--days", "30")
    one = held(own.console)["held_by"]
    assert Exported(own.console).set() == [one]
    at: list[str] = []
    if how == "revoked":
        own("revoke", "foo", "--reason", "superseded", "--yes")
    elif how == "distrusted":
        own.console("distrust", colons(one), "--reason", "wrong", "--yes")
    elif how == "ended":
        at = ["--at", "+31d"]
    else:
        (root,) = prints(own("certificate", "root").out.encode())
        own.console("distrust", colons(root), "--reason", "stolen", "--yes")
    assert own.console.states(*at)[foo.fingerprint] != "trusted"
    own.console("export", "--to", str(own.console.target), "--format", "exim", "--yes",
                "--no-sign", *at)  # fmt: skip
    text = (own.console.target / "trustctl/current/peers.map").read_text()
    assert text == "foo.test\tfoo\tclosed=yes\n"
    bundle = own.console.target / "trustctl/current/ca-certificates.crt"
    assert bundle.read_bytes() == b""
    if how in ("revoked", "distrusted"):
        own("cross", "foo")
        again = held(own.console)["held_by"]
        assert again != one
        assert Exported(own.console).set() == [again]
        own.console("journal", "verify")


def test_dropping_is_the_only_way_back(own: OwnCa, foo: Made) -> None:
    """It asks; then the peer's own certificate is exported again, and what held it is revoked."""
    own("cross", "foo")
    Exported(own.console)
    own.console.fails("ca", "cross", "foo", "--drop", code=9)
    own("cross", "foo", "--drop", "--yes")
    assert held(own.console)["held_to"] is None
    assert Exported(own.console).set() == [foo.fingerprint]
    (gone,) = own("list", "--revoked", "--all", "--json").json
    assert gone["revoked_reason"] == "cessation-of-operation"
    own.console.fails("ca", "cross", "foo", "--drop", "--yes", code=5)
    own.console("journal", "verify")


def test_the_same_key_in_another_certificate_is_held_as_well(own: OwnCa, foo: Made) -> None:
    """A CA that was renewed with its key is not let off by that; another one is told of."""
    own("cross", "foo")
    one = held(own.console)["held_by"]
    renewed = certs.authority("Foo CA", key=foo.key, days=1000)
    own.console.pin(renewed, "foo", "--role", "authority")
    assert Exported(own.console).set() == [one]
    other = certs.authority("Foo next CA")
    own.console.pin(other, "foo", "--role", "authority")
    rules = {o["rule"] for o in own.console("audit", "--json", code=1).json}
    assert "cross-missing" in rules
    own("cross", "foo")
    assert other.fingerprint not in Exported(own.console).set()


def test_two_peers_with_one_ca_are_held_each_to_their_own(own: OwnCa, foo: Made) -> None:
    """A CA that several share signs for each of them what is theirs."""
    own.console.pin(foo, "bar", "--role", "authority")
    own("cross", "foo")
    assert Exported(own.console).set("bar.test") == [foo.fingerprint]
    own("cross", "bar")
    found = Exported(own.console)
    one, other = held(own.console)["held_by"], held(own.console, "bar")["held_by"]
    assert (found.set(), found.set("bar.test")) == ([one], [other])
    assert held(own.console, "bar")["held_to"] == ["bar.test"]


def test_what_will_be_refused_is_told(own: OwnCa, foo: Made) -> None:
    """Of the peer's pinned hosts: one that is also for another host, one with an address."""
    good = certs.issue(foo, MX)
    bad = certs.issue(foo, (MX, "www.isp.test", "203.0.113.9"))
    for one in (good, bad):
        own.console.pin(one, "foo")
    said = own("cross", "foo").err
    assert "it is also for www.isp.test 203.0.113.9" in said
    assert said.count("will be refused") == 1


def test_a_root_for_peers_alone(own: OwnCa, foo: Made) -> None:
    """Named once, it signs the next one too; then nobody else's trust is touched, and it says
    nothing of that."""
    own("init", "--name", "peers", "--offline-root")
    own.console.fails("ca", "cross", "foo", code=2)
    assert "whoever trusts" not in own("cross", "foo", "--ca", "peers").err
    own("cross", "foo", "--days", "500")
    assert len(own("list", "--ca", "peers", "--all", "--json").json) == 3
    assert len(own("list", "--ca", "main", "--all", "--json").json) == 2


def test_who_cannot_be_held(own: OwnCa, foo: Made) -> None:
    """Nothing changes for: nobody, a peer without a CA, one without a domain, a pending pin, our
    own CA, a certificate that cannot be signed anew; nor without one peer or --due."""
    console = own.console
    console.pin(certs.self_signed("mx.host.test"), "host")
    own.trust_for("our")
    pending = certs.authority("Pending CA")
    file = console.write("pending.pem", pending.pem)
    console("add", file, "--peer", "pending", "--domain", "pending.test", "--role", "authority")
    console.pin(certs.authority("Bare CA"), "bare", "--role", "authority")
    console("unprotect", "bare.test", "--yes")
    broken = odd.altered(certs.authority("Odd CA"), extensions=[odd.alternative_names(b"\xff")])
    console.pin(broken, "odd", "--role", "authority")
    console.pin(certs.authority("Old CA", days=3000), "lasting", "--role", "authority")
    for words, code in (
        (("nobody",), 5), (("host",), 5), (("our",), 5), (("pending",), 5), (("bare",), 5),
        ((), 2), (("foo", "--due"), 2), (("--due", "--permit", "x.test"), 2),
        (("foo", "--drop", "--days", "3"), 2), (("foo", "--permit", "203.0.113.9"), 2),
        (("foo", "--days", "0"), 2), (("lasting", "--days", "1200"), 2), (("odd",), 4),
    ):  # fmt: skip
        console.fails("ca", "cross", *words, code=code)
    own.absent()
    console.fails("ca", "cross", "foo", code=2)


def test_an_inventory_that_lost_it_exports_nothing(own: OwnCa, foo: Made, tmp_path: Path) -> None:
    """Whoever can write to the database cannot let the CA off by taking away what holds it."""
    own("cross", "foo")
    Exported(own.console)
    with closing(sqlite3.connect(own.console.db)) as raw:
        raw.execute("PRAGMA foreign_keys = OFF")
        for trigger in raw.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'issued'"
        ).fetchall():
            raw.execute(f"DROP TRIGGER {trigger[0]}")
        raw.execute(
            "DELETE FROM issued WHERE issuance_id = (SELECT max(issuance_id) FROM crossing)"
        )
        raw.commit()
    target = str(own.console.target)
    ran = own.console.any("export", "--to", target, "--format", "exim", "--force", "--no-sign")
    assert ran.code not in (0, 1)
    assert "lost the cross-certificate" in ran.err


def test_who_pins_our_root_denies_it(own: OwnCa, foo: Made) -> None:
    """From the next export on, made from what changed: a peer's CA is not a second one of ours."""
    own.trust_for("our")
    assert "deny=" not in Exported(own.console).map["our.test"]
    own("cross", "foo")
    one = str(held(own.console)["held_by"])
    found = Exported(own.console).map
    assert f"deny={one.upper()}" in found["our.test"]
    assert "deny=" not in found["foo.test"]
    own.console("journal", "verify")
