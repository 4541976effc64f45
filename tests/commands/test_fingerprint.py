"""``--fingerprint``: every form in which one is read out; the answer is never shown first."""

from __future__ import annotations

import base64

import pytest

from tests import certs
from tests.console import ANN, BOB, Console
from trustctl.facts.fingerprint import colons, spoken
from trustctl.facts.words import to_words


def _openssl(made: certs.Made, algorithm: str) -> str:
    words = ("x509", "-noout", "-fingerprint", f"-{algorithm}")
    return certs.openssl(*words, stdin=made.pem).decode().strip()


def _forms(made: certs.Made) -> dict[str, str]:
    digits, key = made.fingerprint, made.spki
    encoded = base64.b64encode(bytes.fromhex(digits)).decode()
    encoded_key = base64.b64encode(bytes.fromhex(key)).decode()
    return {
        "hex": digits,
        "upper": digits.upper(),
        "colons": colons(digits),
        "lower colons": colons(digits).lower(),
        "as trustctl shows it": spoken(digits),
        "hyphens": colons(digits).replace(":", "-"),
        "openssl's line": _openssl(made, "sha256"),
        "SHA256:base64": f"SHA256:{encoded}",
        "SHA256:base64 without padding": f"SHA256:{encoded.rstrip('=')}",
        "sha256:hex": f"sha256:{colons(digits)}",
        "key, hex": key,
        "key, spki:hex": f"spki:{key}",
        "key, curl": f"sha256//{encoded_key}",
        "key, RFC 7469": f'pin-sha256="{encoded_key}"',
    }


_NAMES = list(_forms(certs.self_signed()))


@pytest.mark.parametrize("name", _NAMES)
def test_every_form_names_its_certificate_and_no_other(
    console: Console, foo: certs.Made, bar: certs.Made, name: str
) -> None:
    """The right one is accepted; the same form of another certificate is a mismatch."""
    file = console.write("p.pem", foo.pem)
    command = ("add", file, "--peer", "foo", "--domain", "foo.test")
    console.fails(*command, "--fingerprint", _forms(bar)[name], code=3)
    console(*command, f"--fingerprint={_forms(foo)[name]}")
    assert console.states() == {foo.fingerprint: "trusted"}


def test_a_mismatch_shows_both_aligned_and_stores_nothing(
    console: Console, foo: certs.Made
) -> None:
    """An eye finds the one group that differs; the exit code is its own, 3."""
    wrong = (
        foo.fingerprint[:20] + ("0" if foo.fingerprint[20] != "0" else "1") + foo.fingerprint[21:]
    )
    file = console.write("p.pem", foo.pem)
    command = ("add", file, "--peer", "foo", "--domain", "foo.test", "--fingerprint", wrong)
    ran = console.fails(*command, code=3)
    assert not console.db.exists()
    assert not ran.out
    error, given, actual, marks, *_, hint = ran.err.splitlines()
    assert "nothing was stored" in error
    assert given.split()[0] == "given"
    assert actual.split()[0] == "actual"
    (column,) = (
        at for at in range(len(given)) if given[at : at + 1] != actual[at : at + 1] and at > 9
    )
    assert marks.strip() == "^^^^"
    assert marks.index("^") <= column <= marks.rindex("^")
    assert given[9:].replace(" ", "").lower() == wrong[:32]
    assert actual[9:].replace(" ", "").lower() == foo.fingerprint[:32]
    assert hint.startswith("hint: do not trust it")


@pytest.mark.parametrize("form", ["line", "colons", "hex", "named"])
@pytest.mark.parametrize("algorithm", ["sha1", "md5"])
def test_broken_hashes_are_refused_with_the_reason(
    console: Console, foo: certs.Made, algorithm: str, form: str
) -> None:
    """Even where the digest is the certificate's: whoever makes a collision has it too."""
    line = _openssl(foo, algorithm)
    value = {
        "line": line,
        "colons": line.partition("=")[2],
        "hex": line.partition("=")[2].replace(":", ""),
        "named": f"{algorithm}:{line.partition('=')[2]}",
    }[form]
    file = console.write("p.pem", foo.pem)
    ran = console.fails("add", file, "--peer", "foo", "--fingerprint", value, code=2)
    assert ("SHA-1" if algorithm == "sha1" else "MD5") in ran.err
    assert "collisions" in ran.err
    assert "-sha256" in ran.err


@pytest.mark.parametrize(
    "value", ["AA:BB", "zz" * 32, "", " ", "sha256:", "SHA256:====", "x" * 9999]
)
def test_what_is_no_fingerprint_is_refused(console: Console, foo: certs.Made, value: str) -> None:
    """A part of one proves nothing, nor does anything else."""
    file = console.write("p.pem", foo.pem)
    console.fails("add", file, "--peer", "foo", "--fingerprint", value, code=2)


def test_the_first_digits_are_not_enough(console: Console, foo: certs.Made) -> None:
    """63 of 64 digits are refused: whoever reads it out has to read all of it."""
    file = console.write("p.pem", foo.pem)
    ran = console.fails("add", file, "--peer", "foo", "--fingerprint", foo.fingerprint[:-1], code=2)
    assert "63" in ran.err


def test_the_command_of_the_readme_asks_for_all_that_is_missing(
    console: Console, foo: certs.Made
) -> None:
    """On a terminal it proposes peer and domain, and never shows the fingerprint first."""
    person = console.terminal("add", console.write("peer.pem", foo.pem), "--fingerprint")
    person.expect("Peer's name [foo]: ")
    person.type("")
    person.expect("(space between; - for none) [foo.test]: ")
    person.type("")
    person.expect("Fingerprint: ")
    shown = person.seen.replace(" ", "").replace(":", "").lower()
    assert not any(foo.fingerprint[at : at + 8] in shown for at in range(0, 64, 4))
    assert not console.db.exists()
    person.type(spoken(foo.fingerprint).replace("\n", " "))
    assert person.end() == 0
    assert "added: foo, role host" in person.seen
    (pin,) = console("list", "--json").json
    assert (pin["peer"], pin["domains"], pin["state"]) == ("foo", ["foo.test"], "trusted")


def test_another_name_and_domains_may_be_answered(console: Console, foo: certs.Made) -> None:
    """What is proposed is no more than that; an answer that cannot be meant is asked again."""
    person = console.terminal(
        "add", console.write("peer.pem", foo.pem), "--fingerprint", "--vouched-by", ANN
    )
    person.expect("Peer's name [foo]: ")
    person.type("Foo Ltd.")
    person.expect("is not a peer's name")
    person.expect("Peer's name [foo]: ")
    person.type("foo-ltd")
    person.expect("[foo.test]: ")
    person.type("one.test Two.test")
    person.expect("Fingerprint: ")
    person.type(foo.fingerprint[:-1])
    person.expect("63")
    person.expect("Fingerprint: ")
    person.type(foo.spki)
    assert person.end() == 0
    (pin,) = console("list", "--json").json
    assert (pin["peer"], pin["domains"]) == ("foo-ltd", ["one.test", "two.test"])
    assert pin["vouches"][0]["voucher"] == ANN


def test_a_wrong_answer_on_the_terminal_stores_nothing(
    console: Console, foo: certs.Made, bar: certs.Made
) -> None:
    """The mismatch is shown after the answer, and there is no second guess."""
    person = console.terminal(
        "add", console.write("peer.pem", foo.pem), "--peer", "foo", "--fingerprint"
    )
    person.expect("Fingerprint: ")
    person.type(bar.fingerprint)
    assert person.end() == 3
    assert "actual" in person.seen
    assert not console.db.exists()


def test_names_that_propose_nothing(console: Console) -> None:
    """A certificate with a hostile name, or with none, proposes nothing and shows nothing raw."""
    made = certs.self_signed((), subject="\x1b[31m${run{/bin/id}}\u202e")
    person = console.terminal("add", console.write("peer.pem", made.pem))
    person.expect("Peer's name: ")
    person.type("odd")
    person.expect("(space between; - for none) [-]: ")
    person.type("")
    assert person.end() == 0
    assert "\x1b" not in person.seen
    (pin,) = console("list", "--json").json
    assert (pin["peer"], pin["domains"], pin["state"]) == ("odd", [], "pending")


@pytest.mark.parametrize("key", [b"\x03", b"\x04"])
def test_a_person_may_leave_at_a_prompt(console: Console, foo: certs.Made, key: bytes) -> None:
    """^C and ^D end it in one line, with nothing stored."""
    person = console.terminal("add", console.write("peer.pem", foo.pem), "--fingerprint")
    person.expect("Peer's name [foo]: ")
    assert person.leave(key) == 130
    assert "interrupted; nothing was changed" in person.seen
    assert not console.db.exists()


def test_without_a_terminal_it_says_which_options_to_give(
    console: Console, foo: certs.Made
) -> None:
    """A script gets the command line that would have worked, at each step."""
    file = console.write("a peer.pem", foo.pem)
    ran = console.fails("add", file, "--fingerprint", code=2)
    assert f"trustctl add '{file}' --peer NAME --domain DOMAIN --fingerprint AA:BB:..." in ran.err
    ran = console.fails(
        "add", file, "--peer", "foo", "--domain", "Foo.test", "--fingerprint", code=2
    )
    assert f"trustctl add '{file}' --peer foo --domain foo.test --fingerprint AA:BB" in ran.err


def test_words_are_a_fingerprint(console: Console) -> None:
    """Wherever one is given: to add, to vouch, to show and to distrust."""
    foo = certs.self_signed("mx.foo.test")
    words = " ".join(to_words(foo.fingerprint))
    other = " ".join(to_words("00" * 32))
    file = console.write("foo.pem", foo.pem)
    add = ("add", file, "--peer", "foo", "--domain", "foo.test", "--fingerprint")
    ran = console.fails(*add, other, code=3)
    assert "this is not the certificate of that fingerprint" in ran.err
    console(*add, words.upper())
    assert console.states() == {foo.fingerprint: "trusted"}
    assert console("show", words, "--json").json[0]["peer"] == "foo"
    assert "no pin" in console.fails("show", other, code=5).err
    console("vouch", "foo", "--fingerprint", words, "--vouched-by", BOB)
    console("distrust", words, "--reason", "stolen", "--yes")
    assert console.states() == {foo.fingerprint: "distrusted"}


def test_a_word_that_was_misheard_is_no_fingerprint(console: Console) -> None:
    """What kind of mistake it is stands in the message, and nothing is stored."""
    foo = certs.self_signed("mx.foo.test")
    words = list(to_words(foo.fingerprint))
    file = console.write("foo.pem", foo.pem)
    add = ("add", file, "--peer", "foo", "--domain", "foo.test", "--fingerprint")
    assert "this has 23" in console.fails(*add, " ".join(words[:-1]), code=2).err
    assert "do not fit" in console.fails(*add, " ".join(reversed(words)), code=2).err
    assert "word 3, 'qqqqq'" in console.fails(*add, f"{words[0]} {words[1]} qqqqq", code=2).err


def test_fingerprints_are_shown_as_words(console: Console) -> None:
    """Numbered, six lines of four; JSON has the digits."""
    foo = certs.self_signed("mx.foo.test")
    console.pin(foo, "foo")
    for command in (("show", "foo", "--words"), ("list", "--words")):
        lines = [one for one in console(*command).out.splitlines() if "24 " in one or " 1 " in one]
        said = " ".join(" ".join(lines).split())
        for number, word in ((1, 0), (4, 3), (21, 20), (24, 23)):
            assert f"{number} {to_words(foo.fingerprint)[word]}" in said, command
    assert console("list", "--words", "--json").json[0]["fingerprint"] == foo.fingerprint
