"""``trustctl ca accept`` with an answer about a peer's CA: from the request to what is exported."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests import certs
from tests.certs import Made
from tests.commands.ca.ceremony import Peers, reserved, tbs
from tests.commands.ca.exported import Exported, held, permitted, prints
from tests.commands.ca.verifiers import both, certtool
from tests.tools import require
from trustctl.facts.der import subject_public_key_info
from trustctl.facts.fingerprint import colons

DAY = 86400


def sound(peers: Peers) -> None:
    """Both inventories and their journals are whole, and what is dumped is what is there."""
    for machine in (peers.online, peers.dark):
        machine.console("journal", "verify")
        machine.console("db", "check")
        machine.console("dump")


def chain(peers: Peers, name: str, *names: str) -> Path:
    """A host's certificate of foo's CA in a file."""
    path = peers.folder / f"{name}.pem"
    path.write_bytes(certs.issue(peers.foo, names or (name,)).pem)
    return path


def rules(peers: Peers) -> set[str]:
    """What an audit finds."""
    ran = peers.online.console.any("audit", "--json")
    return {one["rule"] for one in ran.json}


def test_asked_signed_accepted_and_exported(peers: Peers) -> None:
    """The peer's CA is held to the peer's names by a root whose key never was on this machine: the
    next export has that in its place. OpenSSL and GnuTLS then take the peer's host, and refuse
    another's, that the CA signed all the same and that was taken before."""
    require("openssl", "certtool")
    console, folder = peers.online.console, peers.folder
    good, evil = chain(peers, "mx.foo.test"), chain(peers, "mx.bar.test")
    before = folder / "before.pem"
    assert Exported(console).set() == [peers.foo.fingerprint]
    before.write_bytes((console.target / "trustctl/current/ca-certificates.crt").read_bytes())
    assert both(before, good, strict=False)  # a peer's CA is not as strict as ours
    assert both(before, evil, strict=False)
    signed = peers.dark("sign-request", peers.ask(), "--out", peers.path("answer"), "--yes")
    for said in ("held to      foo.test", "CN=Foo CA", "no error", "by the CA    peers"):
        assert said in signed.out
    accepted = peers.accept(peers.path("answer"))
    assert tbs(signed.out) == tbs(accepted)
    assert reserved(peers.online) == reserved(peers.dark)
    assert tbs(signed.out) == reserved(peers.dark)[-1]
    one = held(console)
    assert (one["held_to"], permitted(console)) == (["foo.test"], ["foo.test"])
    found = Exported(console)
    assert found.set() == [one["held_by"]]
    assert sorted(found.bundle()) == sorted([one["held_by"], peers.root])
    bundle = console.target / "trustctl/current/ca-certificates.crt"
    assert both(bundle, good, strict=False)
    assert not both(bundle, evil, strict=False)
    alone = folder / "alone.pem"
    name = found.map["foo.test"].split()[0].partition("=")[2]
    alone.write_bytes((console.target / "trustctl/sets" / name).read_bytes())
    assert certtool(alone, good)
    assert not certtool(alone, evil)
    lists = x509.load_pem_x509_crl((console.target / "trustctl/current/crl/peers.pem").read_bytes())
    assert len(lists) == 0
    sound(peers)


def test_the_next_one_has_the_names_of_then(peers: Peers) -> None:
    """When the peer's domains change, and are asked for anew, what held the CA before is revoked on
    both machines; the root's list says so, and the audit has nothing to say of it."""
    peers.held()
    console = peers.online.console
    first = held(console)["held_by"]
    console.pin(peers.foo, "foo", "--role", "authority", "--domain", "foo.example")
    assert "cross-names-differ" in rules(peers)
    request = peers.ask("next", ca=None)
    signed = peers.dark("sign-request", request, "--out", peers.path("next.out"), "--yes")
    assert "revokes" in signed.out
    peers.accept(peers.path("next.out"))
    assert permitted(console) == ["foo.example", "foo.test"]
    for machine in (peers.online, peers.dark):
        (gone,) = machine("list", "--revoked", "--all", "--json").json
        assert (gone["fingerprint"], gone["revoked_reason"]) == (first, "superseded")
    assert Exported(console).set("foo.example") == [held(console)["held_by"]]
    assert not {one for one in rules(peers) if one.startswith(("cross", "crl", "revo", "unlist"))}
    text = (console.target / "trustctl/current/crl/peers.pem").read_bytes()
    assert [f"{one.serial_number:x}" for one in x509.load_pem_x509_crl(text)] == [gone["serial"]]
    sound(peers)


def test_a_longer_one_follows_and_the_one_before_is_not_revoked(peers: Peers) -> None:
    """Renewed with the same names: the next is another certificate, and nothing was wrong with the
    one before."""
    peers.held("short", "--days", "30")
    first = held(peers.online.console)
    peers.held("long", "--days", "300")
    after = held(peers.online.console)
    assert (after["held_to"], after["held_until"] > first["held_until"]) == (["foo.test"], True)
    assert after["held_by"] != first["held_by"]
    assert peers.online("list", "--revoked", "--all", "--json").json == []
    sound(peers)


def test_from_a_root_here_to_one_that_is_elsewhere(peers: Peers) -> None:
    """A CA that our own root holds to names is held by the dark one from then on."""
    peers.online.init("--name", "main", "--permit", "our.test")
    peers.online("cross", "foo", "--ca", "main")
    first = held(peers.online.console)["held_by"]
    said = peers.accept(peers.answer(peers.ask()))
    assert "whoever trusts" not in said  # the root is for this alone
    assert held(peers.online.console)["held_by"] != first
    (root,) = prints(peers.online("certificate", "root", "--ca", "peers").out.encode())
    assert root == peers.root
    sound(peers)


def test_a_person_reads_and_agrees(peers: Peers) -> None:
    """Names that nobody is known to have asked for, a new root and the TBS hash are each asked
    about; any no changes nothing."""
    peers.online.console.pin(peers.foo, "foo", "--role", "authority", "--mx", "mx.isp.test")
    answer = peers.answer(peers.ask("request", "--permit", "relay.other.test"))
    questions = ("sign for relay.other.test, too?", "read out the same SHA-256", "when it was sign")
    for agreed in range(len(questions) + 1):
        person = peers.online.console.terminal("ca", "accept", answer)
        for at, question in enumerate(questions[: agreed + 1]):
            person.expect(question)
            person.type("y" if at < agreed else "n")
        done = agreed == len(questions)
        assert person.end() == (0 if done else 9)
        assert bool(peers.online("list", "--authorities", "--json").json) == done
    assert held(peers.online.console)["held_to"] == ["foo.test", "mx.isp.test", "relay.other.test"]
    # from now on the name is known
    peers.accept(peers.answer(peers.ask("longer", "--days", "500", ca=None), "longer.out"))


def test_a_yes_is_not_enough(peers: Peers) -> None:
    """Not for names that are not the peer's, nor for a root that is new; and each has to be the one
    that is meant."""
    answer = peers.answer(peers.ask("request", "--permit", "relay.isp.test"))
    known = ("--yes", "--fingerprint", peers.root)
    meant = ("--permit", "relay.isp.test")
    peers.refused(answer, "not known to be foo's: relay.isp.test", 2, *known)
    peers.refused(answer, "relay.isp.test", 2, *known, "--permit", "isp.test")
    peers.refused(answer, "has to be compared", 2, "--yes", *meant)
    peers.refused(answer, "not the certificate", 3, "--yes", *meant, "--fingerprint", "0" * 64)
    peers.refused(answer, "agreement", 9, "--fingerprint", peers.root, *meant)
    peers.accept(answer, *meant)
    assert held(peers.online.console)["held_to"] == ["foo.test", "relay.isp.test"]


def test_what_the_answer_says_of_itself(peers: Peers) -> None:
    """Another peer, another CA of ours, other names, another certificate: nothing that was altered
    on its way is taken; what was not altered then is."""
    answer = peers.answer(peers.ask())
    other = certs.authority("Bar CA")
    peers.online.console.pin(other, "bar", "--role", "authority")
    fields: dict[str, Any] = json.loads(Path(answer).read_text())
    for change, said, code in (
        ({"peer": "nobody"}, "there is no peer nobody", 5),
        ({"peer": "bar"}, "no trusted CA with the key", 5),
        ({"request": other.spki}, "no trusted CA with the key", 5),
        ({"peer": "bar", "request": other.spki}, "for another key", 4),
        ({"permit": ["foo.test", "x.test"]}, "not what was asked for", 4),
        ({"certificate": fields["root"]}, "for another key", 4),
        ({"root": fields["certificate"]}, "not what was asked for", 4),
        ({"crl": "AAAA"}, "", 4),
    ):
        peers.refused(peers.changed(answer, **change), said, code)
    text = Path(answer).read_bytes()
    for size in (0, 1, 10, len(text) // 2, len(text) - 3):
        Path(peers.path("cut")).write_bytes(text[:size])
        peers.refused(peers.path("cut"), "cut")
    peers.accept(answer)


def test_what_the_root_should_not_have_signed(peers: Peers) -> None:
    """Signed by the root's key all the same: too few names, another CA, too long, ended, not begun,
    without a random serial number."""
    answer, now = peers.answer(peers.ask()), int(time.time())
    other = certs.authority("Other CA")
    for change, said, code in (
        ({"permitted": ("mx.foo.test",)}, "names without foo.test", 5),
        ({"permitted": ("bar.test",)}, "names without foo.test", 5),
        ({"cross_of": other.der}, "not what was asked for", 4),
        ({"public_key": subject_public_key_info(other.der), "cross_of": other.der}, "key", 4),
        ({"not_before": now - 9 * DAY, "not_after": now - 1}, "its certificate ended", 4),
        ({"not_before": now + DAY, "not_after": now + 9 * DAY}, "its certificate begins", 4),
        ({"not_after": now + 3001 * DAY}, "outlasts the peer's CA", 4),
        ({"serial": 7}, "must not be signed", 2),
    ):
        peers.refused(peers.forged(answer, **change), said, code)
    peers.accept(peers.forged(answer))


@pytest.mark.parametrize(
    ("change", "said", "code"),
    [
        (("set", "vouches_required", "2"), "no trusted CA", 5),
        (("distrust", "FOO", "--reason", "stolen", "--yes"), "no trusted CA", 5),
        (("retire", "foo", "--yes"), "no trusted CA", 5),
        (("unprotect", "foo.test", "--yes"), "not known to be foo's: foo.test", 2),
    ],
    ids=["pending", "distrusted", "retired", "unprotected"],
)
def test_what_has_become_of_the_peer(
    peers: Peers, change: tuple[str, ...], said: str, code: int
) -> None:
    """Only a CA that is trusted as the peer's is held, and to names that are the peer's by now."""
    answer, foo = peers.answer(peers.ask()), colons(peers.foo.fingerprint)
    peers.online.console(*[foo if one == "FOO" else one for one in change])
    peers.refused(answer, said, code)


def test_a_domain_that_came_meanwhile(peers: Peers) -> None:
    """A CA that would be held to too few names is not: mail to the other domain would wait."""
    answer = peers.answer(peers.ask())
    words = ("--role", "authority", "--domain", "foo.example", "--mx", "mx.isp.test")
    peers.online.console.pin(peers.foo, "foo", *words)
    peers.refused(answer, "names without foo.example mx.isp.test", 5)


def test_a_ca_in_several_certificates(peers: Peers) -> None:
    """Asked for with one certificate of the CA's key, and accepted where another one, that lasts
    longer, was pinned meanwhile."""
    answer = peers.answer(peers.ask())
    renewed = certs.authority("Foo new name", key=peers.foo.key, days=3300)
    peers.online.console.pin(renewed, "foo", "--role", "authority")
    peers.accept(answer)
    assert held(peers.online.console)["held_to"] == ["foo.test"]


def test_what_will_be_refused_is_told(peers: Peers) -> None:
    """Of the peer's pinned hosts: one that is also for another host."""
    bad: Made = certs.issue(peers.foo, ("mx.foo.test", "www.isp.test"))
    peers.online.console.pin(bad, "foo")
    assert "www.isp.test" in peers.accept(peers.answer(peers.ask()))


def test_a_ca_with_a_hostile_name(peers: Peers) -> None:
    """What stands in the CA's subject reaches nobody's terminal, on either machine (the console
    looks at all that is said), and the ceremony goes on with it."""
    evil, console = certs.authority("x\x1b[2J\u202eroot\r\nTBS SHA-256"), peers.online.console
    console.pin(evil, "foo", "--role", "authority")
    words = ("ca", "cross", "foo", "--ca", "peers", "--request", peers.path("several"))
    assert "\\x1b" in console.fails(*words, code=5).err
    request = peers.ask("request", "--of", evil.fingerprint[:16])
    signed = peers.dark("sign-request", request, "--out", peers.path("answer"), "--yes")
    assert "\\x1b" in signed.out
    assert signed.out.count("TBS SHA-256  ") == 1
    assert "\\x1b" in peers.accept(peers.path("answer"))
    assert held(console)["held_to"] == ["foo.test"]


def test_permit_is_for_these_answers(peers: Peers) -> None:
    """An answer about an issuing CA has the names that it was asked for."""
    peers.online("request", "--out", peers.path("own"), "--ca", "peers", "--permit", "our.test")
    answer = peers.answer(peers.path("own"), "own.out")
    peers.refused(answer, "--permit", 2, "--yes", "--permit", "x.test")
    peers.accept(answer)
