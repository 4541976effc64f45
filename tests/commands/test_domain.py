"""``trustctl unprotect``: the only way in which a domain goes back to ordinary delivery."""

from __future__ import annotations

from tests import certs
from tests.console import Console


def test_it_asks_first(console: Console, foo: certs.Made) -> None:
    """Without a terminal or a yes the domain stays protected."""
    console.pin(foo, "foo")
    ran = console.fails("unprotect", "FOO.test", code=9)
    assert "trustctl unprotect foo.test --yes" in ran.err
    person = console.terminal("unprotect", "foo.test")
    person.expect("verified by nobody. Unprotect it? [y/N]: ")
    person.type("")
    assert person.end() == 9
    console("check", "foo.test")
    person = console.terminal("unprotect", "foo.test")
    person.expect("[y/N]: ")
    person.type("y")
    assert person.end() == 0
    assert "NOT protected" in console("check", "foo.test", code=1).out


def test_it_is_for_scripts_with_yes(console: Console, foo: certs.Made) -> None:
    """The domain is free then; the peer and its pin stay; it is in the journal."""
    console.pin(foo, "foo")
    ran = console("unprotect", "foo.test", "--yes")
    assert ran.out == "unprotected: foo.test\n"
    assert "next export" in ran.err
    assert console.states() == {foo.fingerprint: "trusted"}
    assert "domain.unprotect" in console("journal").out
    console.pin(certs.self_signed("mx.bar.test"), "bar", "--domain", "foo.test")


def test_what_is_not_protected(console: Console, foo: certs.Made) -> None:
    """An unknown domain or no domain at all is an error, with --yes too."""
    console.pin(foo, "foo")
    console.fails("unprotect", "other.test", "--yes", code=5)
    console.fails("unprotect", "foo", "--yes", code=2)


def test_nothing_else_gives_up_protection(console: Console, foo: certs.Made) -> None:
    """Retired, withdrawn, distrusted, expired: the mail waits, it is never delivered as before."""
    console.pin(foo, "foo")
    console("withdraw", "foo", "--reason", "misheard")
    assert "WAITS" in console("check", "foo.test", code=1).out
    console("retire", "foo", "--yes")
    assert "WAITS" in console("check", "foo.test", code=1).out
    console("distrust", "foo", "--reason", "stolen", "--yes")
    assert "WAITS" in console("check", "foo.test", code=1).out
    assert "WAITS" in console("check", "foo.test", "--at", "2099-01-01", code=1).out
