"""``trustctl fetch``: what hosts present, kept, and trusted by nobody for being seen."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests import certs
from tests.commands.town import Town, town
from tests.console import ANN, Console


@pytest.fixture
def here(console: Console) -> Iterator[Town]:
    """A town with a user."""
    with town(console) as made:
        yield made


def lines(text: str) -> list[dict[str, Any]]:
    """The JSON lines of an output."""
    return [json.loads(one) for one in text.splitlines()]


def test_what_is_seen_is_pending_and_protects_nothing(here: Town, foo: certs.Made) -> None:
    """The pin is held, the domain is not protected, the next step is named; nothing is exported."""
    here.host("mx.foo.test", foo, "foo.test")
    ran = here.fetch("foo.test", "--peer", "foo")
    assert certs_spoken(foo) in ran.out.replace("\n               ", " ")
    assert "accepted     NO: " in ran.out
    assert f"trustctl vouch {foo.fingerprint[:16]} --peer foo --domain foo.test" in ran.err
    assert here.console.states() == {foo.fingerprint: "pending"}
    assert "NOT protected" in here.console("check", "foo.test", code=1).out
    here.console("export", "--to", str(here.console.target), "--format", "pem")
    bundle = (here.console.target / "ca-certificates.crt").read_text()
    assert "BEGIN" not in bundle
    # negative control: with a vouch the very same pin is exported
    here.console("vouch", "foo", "--domain", "foo.test", "--fingerprint", foo.fingerprint)
    here.console("export", "--to", str(here.console.target), "--format", "pem")
    assert "BEGIN" in (here.console.target / "ca-certificates.crt").read_text()
    assert here.console("check", "foo.test").out.startswith("foo.test: protected")


def certs_spoken(made: certs.Made) -> str:
    """A fingerprint as it is read aloud, on one line."""
    from trustctl.facts.fingerprint import spoken

    return spoken(made.fingerprint).replace("\n", " ")


def test_the_fingerprint_that_a_person_has_pins(here: Town, foo: certs.Made) -> None:
    """With the digits it is pinned, vouched for, and its domain protected in one step."""
    here.host("mx.foo.test", foo, "foo.test")
    ran = here.fetch(
        "foo.test", "--peer", "foo", "--fingerprint", foo.fingerprint, "--vouched-by", ANN,
        "--via", "phone",
    )  # fmt: skip
    assert "of foo; it takes effect" in ran.err
    assert here.console.states() == {foo.fingerprint: "trusted"}
    assert here.console("check", "foo.test").out.startswith("foo.test: protected")
    again = here.fetch("foo.test")
    assert "accepted     yes: pinned for foo" in again.out
    assert "pending" not in again.err


def test_another_fingerprint_stores_nothing(here: Town, foo: certs.Made, bar: certs.Made) -> None:
    """The man in the middle presents his own: the digits of the true one do not fit, exit 3."""
    here.host("mx.foo.test", bar, "foo.test")
    here.console("fetch", "foo.test", "--dry-run", *here.options)
    ran = here.console.fails(
        "fetch", "foo.test", "--peer", "foo", "--fingerprint", foo.fingerprint, *here.options,
        code=3,
    )  # fmt: skip
    assert "^^^^" in ran.err
    assert not here.console.db.exists()


def test_the_answer_is_not_shown_before_it_is_asked(here: Town, foo: certs.Made) -> None:
    """On a terminal the digits are asked for first; the wrong ones are refused."""
    here.host("mx.foo.test", foo, "foo.test")
    terminal = here.console.terminal(
        "fetch", "foo.test", "--peer", "foo", "--fingerprint", *here.options
    )
    shown = terminal.expect("Fingerprint: ")
    assert certs_spoken(foo)[:19] not in shown
    terminal.type(foo.fingerprint)
    terminal.expect("accepted")
    assert terminal.end() == 0
    assert here.console.states() == {foo.fingerprint: "trusted"}


def test_hosts_that_differ_are_each_shown(here: Town, foo: certs.Made, bar: certs.Made) -> None:
    """Two MX hosts with two certificates: both are seen, one is vouched for."""
    here.host("mx1.foo.test", foo, "foo.test")
    here.host("mx2.foo.test", bar, "foo.test")
    here.fetch("foo.test", "--peer", "foo", "--fingerprint", bar.fingerprint)
    assert here.console.states() == {foo.fingerprint: "pending", bar.fingerprint: "trusted"}


def test_a_host_that_presents_nothing_is_exit_1(here: Town, foo: certs.Made) -> None:
    """Who is not there is reported in a line, beside who is; what was seen is kept."""
    here.host("mx1.foo.test", foo, "foo.test")
    here.host("mx2.foo.test", None, "foo.test")
    stripped = here.host("mx3.foo.test", foo, "foo.test")
    stripped.offers = False
    ran = here.fetch("foo.test", "--peer", "foo", "--json", code=1)
    seen = {one["host"]: one["outcome"] for one in lines(ran.out)}
    assert seen == {
        "mx1.foo.test": "presented", "mx2.foo.test": "unreachable", "mx3.foo.test": "not-offered",
    }  # fmt: skip
    assert here.console.states() == {foo.fingerprint: "pending"}
    history = here.console("history", "foo").out
    for host in seen:
        assert host in history


def test_dry_run_keeps_nothing(here: Town, foo: certs.Made) -> None:
    """Not even an inventory is made; the same without it makes one."""
    here.host("mx.foo.test", foo, "foo.test")
    assert "accepted     NO: " in here.fetch("foo.test", "--dry-run").out
    assert not here.console.db.exists()
    here.fetch("foo.test", "--peer", "foo")
    assert here.console.db.exists()


def test_whose_it_is_has_to_be_said_without_a_terminal(here: Town, foo: certs.Made) -> None:
    """Nobody is dialled before that; the domain's owner is known by itself."""
    host = here.host("mx.foo.test", foo, "foo.test")
    ran = here.console.fails("fetch", "foo.test", *here.options, code=2)
    assert "--peer is missing: whose is foo.test?" in ran.err
    assert [host.sessions] == [0]
    here.console.pin(foo, "foo")
    here.fetch("foo.test")
    here.fetch(f"mx.foo.test:{here.port}")  # it lies within foo.test
    assert [host.sessions] == [2]
    ran = here.console.fails("fetch", "foo.test", "--peer", "bar", *here.options, code=5)
    assert "foo.test belongs to the peer foo" in ran.err


def test_a_retired_certificate_is_not_pinned_again_by_being_seen(
    here: Town, foo: certs.Made, bar: certs.Made
) -> None:
    """Its vouches stand: pinned again it would be trusted because a host presents it."""
    here.host("mx.foo.test", foo, "foo.test")
    here.console.pin(foo, "foo")
    here.console.pin(bar, "foo")
    here.console("retire", foo.fingerprint, "--yes")
    ran = here.fetch("foo.test")
    assert "was retired for foo: it is not pinned again" in ran.err
    assert here.console.states()[foo.fingerprint] == "retired"
    # without that care: the same addition by hand is trusted at once
    here.console("add", here.console.write("foo.pem", foo.pem), "--peer", "foo")
    assert here.console.states()[foo.fingerprint] == "trusted"


def test_a_distrusted_certificate_is_told_and_not_pinned(here: Town, foo: certs.Made) -> None:
    """It is observed all the same."""
    here.host("mx.foo.test", foo, "foo.test")
    here.console("set", "vouches_required", "1")  # makes an inventory
    here.console("distrust", foo.fingerprint, "--reason", "key stolen", "--yes")
    ran = here.fetch("foo.test", "--peer", "foo")
    assert "is distrusted: key stolen" in ran.err
    assert here.console.states() == {}
    assert "mx.foo.test" in here.console("history", "foo").out
    refused = here.console.fails(
        "fetch", "foo.test", "--peer", "foo", "--fingerprint", foo.fingerprint, *here.options,
        code=5,
    )  # fmt: skip
    assert "distrusted" in refused.err


def test_a_private_address_is_not_dialled(here: Town, foo: certs.Made) -> None:
    """DNS leads to loopback: nothing is sent there; allowed for one call it is; so is an address
    that a person typed, and one that the peer's pinned certificate names."""
    host = here.host("mx.foo.test", foo, "foo.test")
    options = here.options
    at = options.index("--allow-net")
    closed = [*options[:at], *options[at + 2 :]]
    ran = here.console("fetch", "foo.test", "--peer", "foo", *closed, code=1)
    assert "forbidden" in ran.out
    assert [host.sessions] == [0]
    here.fetch("foo.test", "--peer", "foo")
    assert [host.sessions] == [1]
    here.console("fetch", f"{host.address}:{here.port}", "--peer", "foo", "--dry-run", *closed)
    assert [host.sessions] == [2]
    named = certs.self_signed(("mx.foo.test", host.address))
    here.console.pin(named, "foo")
    here.console("fetch", "foo.test", *closed)
    assert [host.sessions] == [3]
    here.console("set", "dial_allow", "127.0.0.0/8")
    here.console("fetch", "foo.test", *closed)
    assert [host.sessions] == [4]


def test_it_is_polite(here: Town, foo: certs.Made) -> None:
    """A real name in EHLO, and QUIT within TLS."""
    host = here.host("mx.foo.test", foo, "foo.test")
    here.fetch("foo.test", "--peer", "foo")
    assert host.said == ["probe.our.test"]
    for _ in range(100):
        if host.ended:
            break
        time.sleep(0.02)
    assert host.ended == ["SSLSocket"]


def test_a_second_point_of_view(here: Town, foo: certs.Made, bar: certs.Made) -> None:
    """What a colleague saw elsewhere supports or contradicts; it never pins."""
    host = here.host("mx.foo.test", foo, "foo.test")
    elsewhere = here.fetch("foo.test", "--dry-run", "--json").out
    file = here.console.write("theirs.jsonl", elsewhere.encode())
    same = lines(here.fetch("foo.test", "--peer", "foo", "--from-file", file, "--json").out)
    assert ("vantage", "supports") in [(e["kind"], e["verdict"]) for e in same[0]["evidence"]]
    assert here.console.states() == {foo.fingerprint: "pending"}
    host.presents(bar)
    other = lines(here.fetch("foo.test", "--from-file", file, "--json").out)
    assert ("vantage", "contradicts") in [(e["kind"], e["verdict"]) for e in other[0]["evidence"]]
    broken = here.console.write("broken.jsonl", b"{\x00\xff\n")
    ran = here.console.fails("fetch", "foo.test", "--from-file", broken, *here.options, code=4)
    assert "line 1" in ran.err


def test_the_chain_is_shown_and_kept(here: Town) -> None:
    """--chain names what was presented above; in JSON it is there as PEM, which add reads."""
    root = certs.authority("Their root")
    leaf = certs.issue(root, "mx.foo.test")
    here.host("mx.foo.test", leaf, "foo.test").presents(leaf, root)
    ran = here.fetch("foo.test", "--peer", "foo", "--chain")
    assert "CN=Their root" in ran.out
    (line,) = lines(here.fetch("foo.test", "--chain", "--json").out)
    assert [one.encode() for one in line["chain"]] == [leaf.pem, root.pem]
    assert "chain" not in lines(here.fetch("foo.test", "--json").out)[0]


def test_a_domain_that_leads_nowhere_is_said(here: Town, foo: certs.Made) -> None:
    """No such domain, a null MX, a host without an address: a line each, exit 1."""
    here.records["null.test MX"] = ["0 ."]
    here.host("mx.foo.test", foo, "foo.test")
    here.records["bare.test MX"] = ["10 nobody.bare.test."]
    here.host("mx2.foo.test", foo, "foo.test")
    ran = here.fetch("nobody.test", "null.test", "bare.test", "--dry-run", "--json", code=1)
    seen = {one["host"]: (one["outcome"], one["detail"]) for one in lines(ran.out)}
    assert seen["nobody.test"] == ("no-host", "there is no such domain")
    assert seen["null.test"] == ("no-host", "it takes no mail (null MX, RFC 7505)")
    assert seen["nobody.bare.test"][0] == "no-host"
    ran = here.console.fails(
        "fetch", "nobody.test", "--peer", "foo", "--fingerprint", foo.fingerprint, *here.options,
        code=4,
    )  # fmt: skip
    assert "no-host: there is no such domain" in ran.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["foo..test", "--peer", "foo"], 2, "foo..test"),
        (["foo.test:99999", "--peer", "foo"], 2, "99999"),
        (["foo.test", "--peer", "f o"], 2, "not a peer's name"),
        (["foo.test", "--peer", "foo", "--allow-net", "10.0.0.1/8"], 2, "10.0.0.0/8"),
        (["foo.test", "--peer", "foo", "--resolver", "nobody"], 2, "nobody"),
        (["foo.test", "--peer", "foo", "--ehlo", "a b"], 2, "a b"),
        (["foo.test", "--dry-run", "--fingerprint", "00" * 32], 2, "--dry-run keeps nothing"),
        (["foo.test", "--peer", "foo", "--starttls", "gopher"], 2, "gopher"),
        (["foo.test", "--peer", "foo", "--from-file", "nowhere"], 4, "nowhere"),
        (["foo.test", "--peer", "foo", "--fingerprint", "AA"], 2, "64 hex digits"),
    ],
)
def test_what_cannot_be_meant_changes_nothing(
    words: list[str], code: int, said: str, console: Console
) -> None:
    """Refused before anybody is asked anything."""
    ran = console.fails("fetch", *words, code=code)
    assert said in ran.err
    assert not console.db.exists()
