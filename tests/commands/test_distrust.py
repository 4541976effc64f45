"""``trustctl distrust``: for good, whoever vouches."""

from __future__ import annotations

from tests import certs
from tests.console import Console


def test_a_peers_certificates_are_never_trusted_again(console: Console, foo: certs.Made) -> None:
    """Named, agreed to, in force at every moment; another peer is untouched."""
    following = certs.self_signed("mx.foo.test")
    other = certs.self_signed("mx.bar.test")
    console.pin(foo, "foo")
    console.pin(following, "foo")
    console.pin(other, "bar")
    ran = console("distrust", "foo", "--reason", "host broken into", "--yes")
    assert ran.out == "distrusted: 2\n"
    assert "next export" in ran.err
    states = {foo.fingerprint: "distrusted", following.fingerprint: "distrusted"}
    assert console.states() == {**states, other.fingerprint: "trusted"}
    assert console.states("--at", "2027-01-01")[foo.fingerprint] == "distrusted"
    assert "host broken into" in console("show", "foo").out
    again = console("distrust", "foo", "--reason", "again", "--yes")
    assert again.out == "distrusted: 0, 2 already were\n"


def test_it_asks_and_nothing_happens_without_a_yes(console: Console, foo: certs.Made) -> None:
    """There is no way back: no terminal, no answer, no or ^D leave all as it was."""
    console.pin(foo, "foo")
    before = console.state()
    ran = console.fails("distrust", "foo", "--reason", "it's gone", code=9)
    assert "trustctl distrust foo --reason 'it'\"'\"'s gone' --yes" in ran.err
    for answer in ("n", ""):
        person = console.terminal("distrust", "foo", "--reason", "x")
        person.expect("There is no way back. [y/N]: ")
        person.type(answer)
        assert person.end() == 9
    assert console.state() == before
    person = console.terminal("distrust", "foo", "--reason", "x")
    person.expect("[y/N]: ")
    person.type("y")
    assert person.end() == 0
    assert console.states() == {foo.fingerprint: "distrusted"}


def test_the_key_too(console: Console, foo: certs.Made) -> None:
    """With --key a renewed certificate on the same key falls too; without, it does not."""
    renewed = certs.self_signed("mx.foo.test", key=foo.key)
    console.pin(foo, "foo")
    console.pin(renewed, "foo")
    console("distrust", foo.fingerprint[:16], "--reason", "expired key", "--yes")
    assert console.states() == {foo.fingerprint: "distrusted", renewed.fingerprint: "trusted"}
    console("distrust", foo.fingerprint[:16], "--key", "--reason", "stolen key", "--yes")
    assert set(console.states().values()) == {"distrusted"}


def test_what_nobody_has_pinned_yet(console: Console, foo: certs.Made, bar: certs.Made) -> None:
    """A whole fingerprint or an SPKI pin of an unknown certificate is distrusted beforehand."""
    console.pin(certs.self_signed("mx.own.test"), "own")
    console("distrust", foo.fingerprint, "--reason", "seen in an attack", "--yes")
    console("distrust", f"spki:{bar.spki}", "--reason", "seen in an attack", "--yes")
    for made in (foo, bar):
        file = console.write("p.pem", made.pem)
        command = ("add", file, "--peer", "foo", "--fingerprint", made.fingerprint)
        assert "seen in an attack" in console.fails(*command, code=5).err


def test_what_cannot_be_meant(console: Console, foo: certs.Made, bar: certs.Made) -> None:
    """Nobody, a few digits of nothing, no reason, the key of a certificate that is not known."""
    console.pin(foo, "foo")
    console.fails("distrust", "nobody", "--reason", "x", "--yes", code=5)
    console.fails("distrust", "abcdef0123", "--reason", "x", "--yes", code=5)
    console.fails("distrust", "foo", "--yes", code=2)
    console.fails("distrust", "foo", "--reason", "", "--yes", code=2)
    console.fails("distrust", bar.fingerprint, "--key", "--reason", "x", "--yes", code=2)
    console.fails("distrust", "sha1:" + "ab" * 20, "--reason", "x", "--yes", code=5)
