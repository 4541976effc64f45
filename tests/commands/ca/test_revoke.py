"""Tests of ``trustctl ca revoke``: what is named, asked, refused, and what comes of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.authority import OwnCa, made
from tests.commands.ca.test_crl import number
from tests.console import Console
from trustctl.commands.ca import revoke
from trustctl.inventory import issuances

MX = "mx1.foo.test"


@pytest.fixture
def chain(own: OwnCa) -> Path:
    """The chain file of a host of ours."""
    own.init("--permit", "foo.test")
    return own.issue(MX)[0]


def renewed(own: OwnCa) -> list[str]:
    """The serial numbers of the host after it was issued for once more, oldest first."""
    own("issue", MX, "--out", str(own.console.folder / "again"))
    return [one["serial"] for one in own("list", "--json").json]


def test_the_reasons_are_those_of_the_inventory() -> None:
    """They stand twice so that --help loads no database."""
    assert revoke.REASONS == issuances.REASONS


def test_a_host_is_revoked_once(own: OwnCa, chain: Path) -> None:
    """It is shown and listed as revoked, and told by the journal; revoking it again is an error."""
    own("revoke", MX, "--reason", "superseded", "--yes")
    assert own("list").out.count("mx1") == 0
    found = own("list", "--revoked", "--json").json
    assert [(one["host"], one["revoked_reason"]) for one in found] == [(MX, "superseded")]
    own.console("journal", "verify")
    own.console.fails("ca", "revoke", MX, "--reason", "superseded", "--yes", code=5)
    own.console.fails("ca", "revoke", found[0]["serial"], "--reason", "superseded", "--yes", code=5)


def test_a_serial_number_is_understood_in_any_spelling(own: OwnCa, chain: Path) -> None:
    """As others' programs print it: upper case, colons, leading zeros."""
    serial = own("list", "--json").json[0]["serial"]
    even = serial.upper().rjust(len(serial) + len(serial) % 2, "0")
    spelt = "00:" + ":".join(even[at : at + 2] for at in range(0, len(even), 2))
    own("revoke", spelt, "--reason", "superseded", "--yes")


def test_nobody_is_revoked_unasked(own: OwnCa, chain: Path) -> None:
    """Without a terminal nothing happens but for --yes; nor for a name that nobody has, nor for an
    unknown reason or none."""
    own.console.fails("ca", "revoke", MX, "--reason", "superseded", code=9)
    own.console.fails("ca", "revoke", "mx9.foo.test", "--reason", "superseded", "--yes", code=5)
    own.console.fails("ca", "revoke", MX, "--reason", "boredom", "--yes", code=2)
    own.console.fails("ca", "revoke", MX, "--yes", code=2)


def test_of_several_certificates_one_has_to_be_named(own: OwnCa, chain: Path) -> None:
    """Each is told with its serial number; --all means all."""
    serials = renewed(own)
    said = own.console.fails("ca", "revoke", MX, "--reason", "superseded", "--yes", code=5).err
    assert all(one.upper() in said for one in serials)
    own("revoke", serials[0], "--reason", "superseded", "--yes")
    assert [one["serial"] for one in own("list", "--json").json] == serials[1:]
    own("revoke", MX, "--reason", "superseded", "--yes", "--all")
    assert own("list", "--json").json == []


def test_a_person_is_asked_which_and_whether(own: OwnCa, chain: Path) -> None:
    """On a terminal: the number of one, then yes; no changes nothing."""
    serials = renewed(own)
    before = own.console.state()
    for answers, code in ((("2", "n"), 9), (("9", "2", "y"), 0)):
        terminal = own.console.terminal("ca", "revoke", MX, "--reason", "superseded")
        for answer in answers:
            terminal.expect("[y/N]" if answer in "yn" else "Which one (or all)")
            terminal.type(answer)
        assert terminal.end() == code
        if code:
            assert own.console.state() == before
    assert [one["serial"] for one in own("list", "--json").json] == serials[:1]


def test_a_root_cannot_be_revoked(own: OwnCa, chain: Path) -> None:
    """Nobody is above it: distrust is the word for that."""
    ran = own.console.fails("ca", "revoke", "main/root-1", "--reason", "ca-compromise", "--yes",
                            code=2)  # fmt: skip
    assert "trustctl distrust" in ran.err


def test_a_revoked_issuing_ca_signs_no_more(own: OwnCa, chain: Path) -> None:
    """The root's list names it, and it issues nothing from then on."""
    before = number(own("crl", "--of", "root").out)
    issuing = x509.load_pem_x509_certificate(own.certificate("issuing").read_bytes())
    ran = own("revoke", "main/issuing-1", "--reason", "ca-compromise", "--yes")
    assert "1 certificates below it" in ran.err
    text = own("crl", "--of", "root").out
    assert number(text) == before + 1
    found = x509.load_pem_x509_crl(text.encode())
    assert found.get_revoked_certificate_by_serial_number(issuing.serial_number) is not None
    own.console.fails("ca", "issue", "mx3.foo.test", "--out", str(own.console.folder), code=5)
    own.console("journal", "verify")


def pinned(own: OwnCa, chain: Path, peer: str) -> None:
    """Pin a host's certificate."""
    leaf, _above = made(chain)
    own.console.pin(leaf, peer)


def entries(console: Console) -> dict[str, str]:
    """The map of the next export."""
    console("export", "--to", str(console.target), "--format", "exim", "--yes", "--no-sign")
    text = (console.target / "trustctl/current/peers.map").read_text()
    return {line.split("\t")[0]: line.split("\t")[2] for line in text.splitlines()}


def test_a_pin_of_what_was_revoked_is_not_trusted(own: OwnCa, chain: Path) -> None:
    """List, check, audit and export say so; the next export, made from what changed, closes it."""
    pinned(own, chain, "foo")
    assert entries(own.console)["foo.test"].startswith("set=")
    assert list(own.console.states().values()) == ["trusted"]
    own("revoke", MX, "--reason", "superseded", "--yes")
    assert list(own.console.states().values()) == ["revoked"]
    file = str(chain)
    answer = own.console("check", "foo.test", "--certificate", file, "--json", code=1).json
    assert answer["outcome"] == "waiting"
    assert "revoked by our CA" in answer["reasons"][0]
    rules = [one["rule"] for one in own.console("audit", "--json", code=1).json]
    assert {"pin-revoked", "distrusted-exported"} <= set(rules)
    assert entries(own.console)["foo.test"] == "closed=yes"
    rules = [one["rule"] for one in own.console("audit", "--json", code=1).json]
    assert "distrusted-exported" not in rules
    own.console("journal", "verify")


@pytest.mark.parametrize("reason", ["key-compromise", "superseded"])
def test_a_compromised_key_takes_its_other_certificates_with_it(
    own: OwnCa, chain: Path, reason: str
) -> None:
    """A pin of another certificate with the same key; for another reason it stays trusted."""
    from tests import certs

    leaf, _above = made(chain)
    twin = certs.self_signed(MX, key=leaf.key)
    own.console.pin(twin, "foo")
    assert entries(own.console)["foo.test"].startswith("set=")
    own("revoke", MX, "--reason", reason, "--yes")
    closed = reason == "key-compromise"
    assert list(own.console.states().values()) == ["revoked" if closed else "trusted"]
    assert (entries(own.console)["foo.test"] == "closed=yes") is closed


def test_an_authority_of_ours_is_held_to_its_list(own: OwnCa, chain: Path) -> None:
    """The map names the list and what was revoked last; another peer's own CA has no list."""
    from tests import certs

    own.trust_for("foo")
    theirs = certs.authority("Bar CA")
    own.console.pin(theirs, "bar", "--role", "authority")
    found = entries(own.console)
    assert " crl=main.pem" in found["foo.test"]
    assert "crl=" not in found["bar.test"]
    own("revoke", MX, "--reason", "superseded", "--yes")
    found = entries(own.console)
    der = x509.load_pem_x509_certificates(chain.read_bytes())[0].public_bytes(Encoding.DER)
    assert f"deny={hashlib.sha256(der).hexdigest().upper()}" in found["foo.test"]
    assert "deny=" not in found["bar.test"]
    answer = own.console("check", "foo.test", "--certificate", str(chain), "--json", code=1).json
    assert (answer["outcome"], "revoked by our CA" in answer["reasons"][0]) == ("refused", True)
    own("issue", MX, "--out", str(own.console.folder / "again"))
    other = str(own.console.folder / "again" / chain.name)
    answer = own.console("check", "foo.test", "--certificate", other, "--json", code=1).json
    assert answer["outcome"] == "conditional"


def test_a_pinned_authority_that_becomes_ours_is_held_to_its_list(own: OwnCa, chain: Path) -> None:
    """As when a root that was pinned for a peer is taken over: the next export, which looks at what
    changed, says so."""
    from tests import certs
    from trustctl.facts.addition import Evidence
    from trustctl.facts.certificate import parse_certificate
    from trustctl.inventory import authorities
    from trustctl.inventory.transaction import writing

    theirs = certs.authority("Bar CA")
    own.console.pin(theirs, "bar", "--role", "authority")
    own("crl", "--of", "all")
    assert "crl=" not in entries(own.console)["bar.test"]
    evidence = Evidence(parse_certificate(theirs.der), theirs.der)
    with writing(own.console.db, "ann", 1_800_000_000) as tx:
        authorities.add(tx, "bar", "root", "elsewhere", evidence, None)
    assert " crl=bar.pem" in entries(own.console)["bar.test"]
