"""``trustctl check``: would this be accepted for that domain now, and who says so."""

from __future__ import annotations

from tests import certs
from tests.console import ANN, Console


def test_a_protected_domain(console: Console, foo: certs.Made) -> None:
    """A plain yes is exit 0, with the pin and who vouched for it."""
    console.pin(foo, "foo")
    ran = console("check", "FOO.test.")
    assert ran.out.startswith("foo.test: protected: ")
    assert f"vouched by {ANN}, phone" in ran.out
    answer = console("check", "foo.test", "--json").json
    assert (answer["outcome"], answer["accepted"], answer["peer"]) == ("protected", True, "foo")
    assert answer["pins"][0]["vouched_by"] == [ANN]


def test_every_no_is_exit_1(console: Console, foo: certs.Made) -> None:
    """Unprotected, waiting, or later than the pin lasts."""
    console.pin(foo, "foo")
    ran = console("check", "bar.test", code=1)
    assert "NOT protected" in ran.out
    assert console("check", "bar.test", "--json", code=1).json["outcome"] == "unprotected"
    ran = console("check", "foo.test", "--at", "2099-01-01", code=1)
    assert "WAITS" in ran.out
    assert "because  expired" in ran.out
    console("retire", "foo", "--yes")
    assert "WAITS" in console("check", "foo.test", code=1).out


def test_a_certificate_is_accepted_for_its_domain_alone(
    console: Console, foo: certs.Made, bar: certs.Made
) -> None:
    """The pinned one is; another trusted peer's is not, and it is said whose it is."""
    console.pin(foo, "foo")
    console.pin(bar, "bar")
    mine, theirs = console.write("foo.pem", foo.pem), console.write("bar.der", bar.der)
    ran = console("check", "foo.test", "--certificate", mine)
    assert ran.out.startswith("foo.test: accepted")
    ran = console("check", "foo.test", "--certificate", theirs, code=1)
    assert ran.out.startswith("foo.test: refused")
    assert "but for bar" in ran.out
    answer = console("check", "foo.test", "--certificate", theirs, "--json", code=1).json
    assert (answer["outcome"], answer["accepted"]) == ("refused", False)
    assert answer["certificate"] == bar.fingerprint
    console("check", "bar.test", "--certificate", "-", stdin=certs.s_client([bar]))


def test_why_a_pinned_certificate_is_refused(console: Console, foo: certs.Made) -> None:
    """Pending, distrusted, expired: the reason is given."""
    following = certs.self_signed("mx.foo.test")
    console.pin(foo, "foo")
    file = console.write("next.pem", following.pem)
    console("add", file, "--peer", "foo")
    ran = console("check", "foo.test", "--certificate", file, code=1)
    assert "pending: nobody has vouched for it" in ran.out
    console("distrust", following.fingerprint, "--reason", "stolen", "--yes")
    ran = console("check", "foo.test", "--certificate", file, code=1)
    assert "stolen" in ran.out


def test_a_peers_authority_accepts_on_a_condition(console: Console) -> None:
    """Chain and name have to verify: that is no plain yes."""
    own = certs.authority("Foo's CA")
    leaf = certs.issue(own, "mx.foo.test")
    console.pin(own, "foo", "--role", "authority")
    file = console.write("chain.pem", leaf.pem + own.pem)
    answer = console("check", "foo.test", "--certificate", file, "--json", code=1).json
    assert answer["outcome"] == "conditional"
    assert answer["by"] == own.fingerprint


def test_what_cannot_be_asked(console: Console, foo: certs.Made) -> None:
    """No domain, no certificate, no inventory: never a yes."""
    console.fails("check", "foo.test", code=6)
    console.pin(foo, "foo")
    console.fails("check", "foo", code=2)
    console.fails("check", code=2)
    console.fails("check", "foo.test", "--certificate", "missing", code=4)
    console.fails("check", "foo.test", "--certificate", "-", code=4, stdin=b"nonsense")
    console.fails("check", "foo.test", "--at", "never", code=2)
