"""``trustctl share-card``: what a partner needs, and nothing that a stranger wrote."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import certs, odd
from tests.authority import OwnCa
from tests.authority import made as read_made
from tests.codes import scanned, scanned_lines, scanned_pdf, scanned_terminal
from tests.console import Console
from tests.tools import output, require
from trustctl.facts.words import to_words
from trustctl.resources import resource

HOST = "mx1.bar.test"


@pytest.fixture
def own(console: Console, monkeypatch: pytest.MonkeyPatch) -> OwnCa:
    """A CA that has certified a host with an alias."""
    own = OwnCa(console, monkeypatch)
    own.init("--permit", "bar.test")
    own.issue(f"{HOST},mail.bar.test")
    return own


def _leaf(own: OwnCa) -> certs.Made:
    return read_made(own.console.folder / "issued" / f"{HOST}.crt")[0]


def test_a_partner_can_pin_with_the_card_alone(own: OwnCa, tmp_path: Path) -> None:
    """The mail holds the certificate; digits, words and code are each what its command asks for."""
    leaf = _leaf(own)
    card = own.console("share-card", HOST).out
    assert all(len(one) <= 80 for one in card.splitlines())
    shown = [one for one in card.splitlines() if one and set(one) <= set(" \u2580\u2584\u2588")]
    code = scanned_lines(["", "", *shown, "", ""], tmp_path)
    words = " ".join(_after(card, "in words", 6))
    digits = "".join(_after(card, "fingerprint", 2))
    for number, given in enumerate((code, words, digits)):
        folder = tmp_path / str(number)
        folder.mkdir()
        partner = Console(folder)
        file = partner.write("mail.txt", card.encode())
        said = card.partition("trustctl add")[2].partition("\n3.")[0].replace("\\\n", " ").split()
        assert said[0] == f"{HOST}.pem"
        partner("add", file, *said[1:-1], said[-1], given)
        assert partner.states() == {leaf.fingerprint: "trusted"}
        assert partner("show", "bar", "--json").json[0]["mx_hosts"] == [HOST]
        wrong = certs.self_signed(HOST)
        other = partner.write("other.txt", wrong.pem)
        partner.fails("add", other, *said[1:], given, code=3)


def _after(card: str, name: str, count: int) -> list[str]:
    lines = card.splitlines()
    start = next(at for at, one in enumerate(lines) if one.startswith(name))
    return [one[13:] for one in lines[start : start + count]]


def test_the_newest_certificate_that_stands_is_shown(own: OwnCa) -> None:
    """Not the one before it, nor one that is revoked; by its alias too."""
    first = _leaf(own)
    issued = str(own.console.folder / "issued")
    assert own.console("share-card", HOST, "--format", "json").json["fingerprint"] == (
        first.fingerprint
    )
    own("renew", HOST, "--out", issued)
    second = _leaf(own)
    assert second.fingerprint != first.fingerprint
    for name in (HOST, "mail.bar.test", "MX1.Bar.Test."):
        shown = own.console("share-card", name, "--format", "json").json
        assert shown["fingerprint"] == second.fingerprint, name
    own("revoke", HOST, "--reason", "superseded", "--yes", "--all")
    ran = own.console.fails("share-card", HOST, code=5)
    assert "no certificate that stands" in ran.err


def test_json_says_everything(own: OwnCa) -> None:
    """Under the documented keys."""
    leaf = _leaf(own)
    shown = own.console("share-card", HOST, "--format", "json", "--domain", "bar.test").json
    assert shown["host"] == HOST
    assert shown["names"] == [HOST, "mail.bar.test"]
    assert shown["words"] == list(to_words(leaf.fingerprint))
    assert (shown["fingerprint"], shown["spki"]) == (leaf.fingerprint, leaf.spki)
    assert shown["certificate"].encode() == leaf.pem
    assert shown["domains"] == ["bar.test"]


def test_files_are_new_and_readable(own: OwnCa) -> None:
    """PNG, PDF, text: written beside, 0644; a file that is there stays as it is."""
    code = f"SHA256:{_leaf(own).fingerprint.upper()}"
    folder = own.console.folder
    for kind, scan in (("png", scanned), ("pdf", scanned_pdf)):
        path = folder / f"card.{kind}"
        own.console("share-card", HOST, "--format", kind, "--out", str(path))
        assert path.stat().st_mode & 0o777 == 0o644
        assert scan(path) == code
        own.console.fails("share-card", HOST, "--format", kind, "--out", str(path), code=7)
    own.console("share-card", HOST, "--out", "card.txt")
    assert code.removeprefix("SHA256:") in "".join((folder / "card.txt").read_text().split())


def test_a_picture_goes_into_a_pipe_and_not_onto_a_terminal(own: OwnCa, tmp_path: Path) -> None:
    """A terminal gets the code black on white, whatever its own colours are."""
    ran = own.console.terminal("share-card", HOST, "--format", "png")
    assert ran.end() == 2
    assert "nothing for a terminal" in ran.seen
    ran = own.console.terminal("share-card", HOST)
    assert ran.end() == 0
    assert scanned_terminal(ran.seen, tmp_path) == f"SHA256:{_leaf(own).fingerprint.upper()}"


def test_a_locale_without_blocks_gets_the_rest(own: OwnCa) -> None:
    """And is told how to get the code."""
    ran = own.console.process("share-card", HOST, env={"PYTHONIOENCODING": "ascii"})
    assert ran.code == 0
    assert "--format png" in ran.err
    assert "\\u25" not in ran.out
    assert "BEGIN CERTIFICATE" in ran.out


def test_which_ca_is_meant_has_to_be_said(own: OwnCa) -> None:
    """Where two have certified the host."""
    own("init", "--name", "second", "--permit", "bar.test")
    out = str(own.console.folder / "second")
    own("issue", HOST, "--ca", "second", "--out", out)
    assert "main, second" in own.console.fails("share-card", HOST, code=2).err
    shown = own.console("share-card", HOST, "--ca", "second", "--format", "json").json
    second = read_made(own.console.folder / "second" / f"{HOST}.crt")[0]
    assert shown["fingerprint"] == second.fingerprint


def test_a_certificate_of_ones_own_needs_no_ca(console: Console) -> None:
    """Nor an inventory: the MTA's file is enough, whatever chain follows in it."""
    ca = certs.authority()
    leaf = certs.issue(ca, HOST)
    file = console.write("exim.crt", leaf.pem + ca.pem)
    shown = console("share-card", "--certificate", file, "--format", "json").json
    assert (shown["host"], shown["fingerprint"]) == (HOST, leaf.fingerprint)
    assert not console.db.exists()
    ran = console("share-card", "mx9.bar.test", "--certificate", file, "--format", "json")
    assert ran.json["host"] == "mx9.bar.test"
    assert "does not name mx9.bar.test" in ran.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "which host"),
        (("mx1.bar.test",), 6, "no inventory"),
        (("--certificate", "there-is-none.pem"), 4, "no such file"),
        (("--certificate", "key.pem"), 4, "PRIVATE KEY"),
        (("--certificate", "nameless.pem"), 2, "names no host"),
        (("a b", "--certificate", "foo.pem"), 2, "host"),
        (("--certificate", "foo.pem", "--ca", "main"), 2, "do not go together"),
        (("--certificate", "foo.pem", "--domain", "no domain"), 2, "domain"),
        (("--certificate", "foo.pem", "--peer", "$(id)"), 2, "peer"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    console: Console, words: tuple[str, ...], code: int, said: str
) -> None:
    """With what to type instead, and nothing is made."""
    made = certs.self_signed("mx.foo.test")
    console.write("foo.pem", made.pem)
    console.write("key.pem", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    console.write("nameless.pem", odd.altered(made, subject=certs.tlv(0x30), extensions=()).pem)
    assert said in console.fails("share-card", *words, code=code).err


_HOSTILE = [
    b"\x1b[2Jmx.bar.test",
    b"mx.bar.test --fingerprint x; rm -rf /",
    b"$(id).bar.test",
    "mx.\u202ebar.test".encode(),
    b"mx.bar.test\n2. trustctl vouch evil --yes",
    b") Tj ET (",
    b"",
]


@pytest.mark.parametrize("name", _HOSTILE)
@pytest.mark.parametrize("kind", ["text", "png", "pdf", "json"])
def test_a_hostile_certificate_is_inert(console: Console, name: bytes, kind: str) -> None:
    """What a stranger wrote into it is on no card: only hosts' names, digits and our words are."""
    made = odd.altered(
        certs.self_signed("mx.foo.test"),
        subject=odd.common_name(b"EVIL" + name),
        extensions=[odd.alternative_names(name, b"mx.good.test")],
    )
    file = console.write("evil.pem", made.pem)
    out = console.folder / "card"
    ran = console("share-card", "--certificate", file, "--format", kind, "--out", str(out))
    assert ran.err == ""
    content = out.read_bytes()
    if kind == "pdf":
        require("pdftotext")
        content = output("pdftotext", "-raw", str(out), "-")
    if kind == "png":
        assert scanned(out.rename(out.with_suffix(".png"))) == f"SHA256:{made.fingerprint.upper()}"
        return
    said = content.decode()
    assert "mx.good.test" in said
    for evil in ("EVIL", "\x1b", "rm -rf", "$(", "\u202e", "vouch evil", "ET ("):
        assert evil not in said


def test_an_ended_or_unreadable_certificate_says_so(console: Console) -> None:
    """On stderr, and where the time would stand."""
    ended = certs.self_signed("mx.foo.test", days=0.5)
    file = console.write("ended.pem", ended.pem)
    assert "has ended" in console("share-card", "--certificate", file).err
    never = certs.tlv(0x30, certs.tlv(0x17, b"some day"), certs.tlv(0x17, b"later"))
    broken = odd.altered(certs.self_signed("mx.foo.test"), validity=never)
    file = console.write("broken.pem", broken.pem)
    ran = console("share-card", "--certificate", file, "--format", "json")
    assert ran.json["not_after"] is None
    assert "unreadable to unreadable" in console("share-card", "--certificate", file).out


def test_the_keys_of_the_json_are_those_of_the_page(own: OwnCa) -> None:
    """share/doc/json.md names each, and no other."""
    page = resource("share").joinpath("doc/json.md").read_text()
    section = page.partition("## `trustctl share-card --format json`")[2].partition("\n## ")[0]
    shown = own.console("share-card", HOST, "--format", "json").json
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(shown)
