"""Whose the certificates are that ``adopt`` takes in: by their names, their files', or a person."""

from __future__ import annotations

import shlex
from pathlib import Path

from tests import certs
from tests.commands.laid import commands, lay, left
from tests.console import Console


def test_a_name_that_another_peer_has_is_not_merged(console: Console, foo: certs.Made) -> None:
    """Two organisations called foo: the second is left out, with what to type, or asked about."""
    console.pin(foo, "foo")
    other = certs.self_signed("mx.foo.example")
    lay(console, {"foo.crt": other.pem})
    ran = console.fails("adopt", "lab", code=1)
    assert "there is a peer foo (foo.test)" in ran.err
    assert commands(ran) == [["trustctl", "adopt", "lab/foo.crt", "--peer", "NAME"]]
    terminal = console.terminal("adopt", "lab")
    terminal.expect("Peer's name (- leaves it out) [-]: ")
    terminal.type("no name")
    terminal.expect("not a peer's name")
    terminal.expect("Peer's name (- leaves it out) [-]: ")
    terminal.type("foo-example")
    assert terminal.end() == 0
    assert console("list", "--pending", "--json").json[0]["peer"] == "foo-example"
    # and now its domain says whose it is
    another = certs.self_signed("mx2.foo.example")
    lay(console, {"foo.crt": another.pem})
    console("adopt", "lab", "--peer", "foo-example")
    assert console.states()[another.fingerprint] == "pending"


def test_one_who_is_asked_may_leave_it_out(console: Console, foo: certs.Made) -> None:
    """With Enter; then nothing is kept."""
    console.pin(foo, "foo")
    lay(console, {"foo.crt": certs.self_signed("mx.foo.example").pem})
    before = console.state()
    terminal = console.terminal("adopt", "lab")
    terminal.expect("Peer's name (- leaves it out) [-]: ")
    terminal.type("")
    assert terminal.end() == 1
    assert console.state() == before


def test_two_of_one_folder_are_not_merged_either(console: Console, foo: certs.Made) -> None:
    """The first has the name; an MX host or a domain of the same peer is no clash."""
    lay(console, {
        "a.crt": foo.pem, "b.crt": certs.self_signed("mx.foo.example").pem,
        "c.crt": certs.self_signed("mx3.foo.test").pem,
    })  # fmt: skip
    assert left(console, "lab") == [("b.crt", "name-taken", True)]
    assert [one["peer"] for one in console("list", "--json").json] == ["foo", "foo"]


def test_where_the_name_comes_from(console: Console, foo: certs.Made) -> None:
    """The certificate's, else the file's; a peer that owns the domain comes first; where neither
    says anything, a person has to."""
    console.pin(foo, "acme", "--domain", "foo.test")
    nameless = [certs.self_signed((), subject=f"Partner {at}") for at in range(4)]
    lay(console, {
        "x.crt": certs.self_signed("mx2.foo.test").pem,
        "partner.crt": nameless[0].pem,
        "mx.baz.test.pem": nameless[1].pem,
        "01234567.0": nameless[2].pem,
        "\u00e4 b.crt": nameless[3].pem,
    })  # fmt: skip
    said = console("adopt", "lab", "--json", code=1).json
    assert {Path(one["file"]).name: one["peer"] for one in said["adopted"]} == {
        "x.crt": "acme", "partner.crt": "partner", "mx.baz.test.pem": "baz",
    }  # fmt: skip
    assert [one["code"] for one in said["left_out"]] == ["no-name", "no-name"]
    # a file of several is nobody's by its name
    several = b"".join(certs.self_signed((), subject=f"Many {at}").pem for at in range(2))
    lay(console, {"many.pem": several})
    assert left(console, "lab/many.pem") == [("many.pem", "no-name", True)] * 2
    lay(console, {"deeper/partner.crt": certs.self_signed((), subject="Partner 9").pem})
    assert ("partner.crt", "name-taken", True) in left(console, "lab")


def test_a_chain_in_one_file(console: Console) -> None:
    """The issuers of the same file are its chain, trusted for nothing, whichever stands first; of
    two hosts each has its own."""
    root = certs.authority("Foo CA")
    middle = certs.issue(root, (), subject="Foo Issuing", ca=True)
    one, two = (certs.issue(middle, f"mx{at}.foo.test") for at in (1, 2))
    joined = b"".join(each.pem for each in (root, two, middle, one))
    lay(console, {"foo.pem": joined})
    said = console("adopt", "lab", "--json").json
    chain = [middle.fingerprint, root.fingerprint]
    assert {each["fingerprint"]: each["chain"] for each in said["adopted"]} == {
        one.fingerprint: chain, two.fingerprint: chain,
    }  # fmt: skip
    assert [each["code"] for each in said["left_out"]] == ["issuer", "issuer"]
    assert console.states().keys() == {one.fingerprint, two.fingerprint}
    # a name alone makes nobody an issuer
    posing = certs.authority("Foo CA")
    other = certs.issue(root, "mx.other.test")
    lay(console, {"posing.pem": other.pem + posing.pem})
    taken = console("adopt", "lab/posing.pem", "--peer", "other", "--json").json["adopted"]
    assert {each["fingerprint"]: each["chain"] for each in taken} == {
        other.fingerprint: [], posing.fingerprint: [],
    }  # fmt: skip


def test_a_bundle_beside_the_files_that_it_was_made_of(console: Console) -> None:
    """Whose each is, its own file says, though the bundle is read before."""
    made = {f"partner-{at}.pem": certs.self_signed((), subject=f"P {at}").pem for at in "xy"}
    lay(console, {"all.crt": b"".join(made.values()), **made})
    said = console("adopt", "lab", "--json").json
    assert [one["peer"] for one in said["adopted"]] == ["partner-x", "partner-y"]
    assert [Path(one["file"]).name for one in said["left_out"]] == ["all.crt", "all.crt"]


def test_hostile_names_stay_one_word(console: Console, foo: certs.Made) -> None:
    """A file's name in the table and in what is to be typed."""
    console.pin(foo, "foo")
    name = "-foo\x1b[31m $(id) 'b'.crt"
    lay(console, {name: certs.self_signed("mx.foo.example").pem})
    said = console("adopt", "lab", "--json", code=1).json["left_out"][0]
    assert shlex.split(said["fix"]) == ["trustctl", "adopt", f"lab/{name}", "--peer", "NAME"]
    console("adopt", "lab", "--peer", "other")


def test_a_file_that_looks_like_an_option(console: Console, foo: certs.Made) -> None:
    """What is to be typed about it can be typed."""
    console.pin(foo, "foo")
    console.write("-x.crt", certs.self_signed("mx.foo.example").pem)
    (words,) = commands(console("adopt", "--", "-x.crt", code=1))
    assert words == ["trustctl", "adopt", "./-x.crt", "--peer", "NAME"]
    console(*words[1:-1], "other")
