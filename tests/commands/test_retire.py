"""``trustctl retire``: a pin that has served its time."""

from __future__ import annotations

from tests import certs
from tests.console import Console


def test_a_rolled_over_pin_is_retired_without_a_question(console: Console, foo: certs.Made) -> None:
    """Another trusted pin stands for the domain; the old one is kept, listed with --all."""
    following = certs.self_signed("mx.foo.test")
    console.pin(foo, "foo")
    console.pin(following, "foo")
    ran = console("retire", foo.fingerprint[:12], "--reason", "replaced")
    assert "retired: " in ran.out
    assert "next export" in ran.err
    assert [one["fingerprint"] for one in console("list", "--json").json] == [following.fingerprint]
    assert console.states()[foo.fingerprint] == "retired"
    assert "replaced" in console("show", "foo", "--json").out


def test_the_last_trusted_pin_is_retired_only_by_a_yes(console: Console, foo: certs.Made) -> None:
    """The domain stays protected and its mail would wait: a pending pin beside it is no other."""
    console.pin(foo, "foo")
    following = certs.self_signed("mx.foo.test")
    console("add", console.write("next.pem", following.pem), "--peer", "foo")
    ran = console.fails("retire", foo.fingerprint, code=9)
    assert f"trustctl retire {foo.fingerprint} --yes" in ran.err
    person = console.terminal("retire", foo.fingerprint)
    person.expect("mail to foo.test will wait. Retire it? [y/N]: ")
    person.type("n")
    assert person.end() == 9
    assert console.states()[foo.fingerprint] == "trusted"
    console("retire", foo.fingerprint, "--yes")
    assert "WAITS" in console("check", "foo.test", code=1).out


def test_a_pin_that_protects_no_mail_needs_no_yes(console: Console, foo: certs.Made) -> None:
    """Without a domain nothing waits."""
    file = console.write("p.pem", foo.pem)
    console("add", file, "--peer", "foo", "--fingerprint", foo.fingerprint)
    console("retire", "foo")
    assert console.states() == {foo.fingerprint: "retired"}


def test_which_pin_has_to_be_clear(console: Console, foo: certs.Made) -> None:
    """Several pins of a peer, several peers of a pin, none left."""
    console.pin(foo, "foo")
    console.pin(certs.self_signed("mx.foo.test"), "foo")
    assert "say which" in console.fails("retire", "foo", "--yes", code=2).err
    console.pin(foo, "bar")
    assert "--peer" in console.fails("retire", foo.fingerprint, "--yes", code=2).err
    console("retire", foo.fingerprint, "--peer", "bar", "--yes")
    console.fails("retire", "bar", "--yes", code=5)
    console.fails("retire", "nobody", "--yes", code=5)


def test_a_retired_certificate_may_come_back(console: Console, foo: certs.Made) -> None:
    """As another pin; whoever vouched for it before still does, and that is said."""
    console.pin(foo, "foo")
    console("retire", "foo", "--yes")
    ran = console("add", console.write("p.pem", foo.pem), "--peer", "foo")
    assert "state        trusted" in ran.out
    assert "trusted by what people said of it before" in ran.err
    assert "no --domain" not in ran.err
    states = [one["state"] for one in console("list", "--all", "--json").json]
    assert states == ["retired", "trusted"]
    console("retire", "foo", "--yes")
    console("withdraw", "foo", "--reason", "he never said so")
    ran = console("add", console.write("p.pem", foo.pem), "--peer", "foo")
    assert "note: not trusted: no vouch stands: withdrawn" in ran.err
