"""``trustctl ca sign-request`` with a request about a peer's CA: what an offline root signs."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tests import certs, odd
from tests.certs import Made
from tests.commands.ca.ceremony import Peers
from trustctl.facts.fingerprint import colons


def signed(path: str) -> Any:
    """The certificate in an answer."""
    return json.loads(Path(path).read_text())["certificate"]


def refused(peers: Peers, request: str, said: str, code: int, *words: str) -> None:
    """A request that is not signed; nothing changes, and no answer is there."""
    out = peers.path("refused")
    ran = peers.dark.console.fails(
        "ca", "sign-request", request, "--out", out, *(words or ("--yes",)), code=code
    )
    assert said in ran.err, ran
    assert not Path(out).exists()


def of(made: Made) -> str:
    """A certificate as a request has it."""
    return base64.b64encode(made.der).decode()


def test_the_same_request_is_signed_once(peers: Peers) -> None:
    """Signed again, from a copy or after the answer was lost, it is the same certificate; for
    another time, and for another peer, it is another."""
    request = peers.ask()
    first, again = peers.answer(request, "a"), peers.answer(request, "b")
    assert signed(first) == signed(again)
    assert len(peers.dark("list", "--all", "--json").json) == 2
    assert signed(peers.answer(request, "c", "--days", "9")) != signed(first)
    assert signed(peers.answer(request, "d")) == signed(first)
    bar = peers.changed(request, peer="bar")
    assert signed(peers.answer(bar, "e")) != signed(first)
    assert peers.dark("list", "--revoked", "--all", "--json").json == []


def test_the_next_request_is_signed_anew(peers: Peers) -> None:
    """What follows a certificate is another one: the request says which, and one that was never
    signed here is followed by none."""
    request = peers.ask()
    first = peers.answer(request, "a")
    listed = peers.dark("list", "--all", "--json").json
    before = next(one["fingerprint"] for one in listed if one["profile"] == "peer-cross")
    following = peers.changed(request, before=before)
    second = peers.answer(following, "b")
    assert signed(second) != signed(first)
    assert signed(peers.answer(following, "c")) == signed(second)
    refused(peers, peers.changed(request, before="0" * 64), "has signed none such", 5)


def test_other_names_revoke_what_was_there(peers: Peers) -> None:
    """What held the CA to other names is shown and revoked; the first request then needs a
    certificate that is new."""
    request = peers.ask()
    first = peers.answer(request, "a")
    wider = peers.changed(request, permit=["foo.example", "foo.test"])
    refused(peers, wider, "agreement", 9, "--days", "90")
    ran = peers.dark("sign-request", wider, "--out", peers.path("b"), "--yes")
    assert "revokes" in ran.out
    (gone,) = peers.dark("list", "--revoked", "--all", "--json").json
    assert gone["revoked_reason"] == "superseded"
    third = peers.answer(request, "c")
    assert signed(third) not in (signed(first), signed(peers.path("b")))
    assert len(peers.dark("list", "--revoked", "--all", "--json").json) == 2
    peers.dark.console("journal", "verify")


def test_a_person_reads_and_agrees(peers: Peers) -> None:
    """Who asks for what, which CA, what lint says and the TBS hash are shown; without a person's
    yes nothing is signed."""
    request = peers.ask()
    out = peers.path("out")
    ran = peers.dark.console.fails("ca", "sign-request", request, "--out", out, code=9)
    for shown in ("peer foo", "CN=Foo CA", "held to", "SPKI", "pkilint", "TBS SHA-256", "1 root"):
        assert shown in ran.out.replace("root 1", "1 root")
    person = peers.dark.console.terminal("ca", "sign-request", request, "--out", out)
    person.expect("Sign it with peers/root-1?")
    person.type("n")
    assert person.end() == 9
    assert not Path(out).exists()
    assert len(peers.dark("list", "--all", "--json").json) == 1


def test_what_is_no_peers_ca(peers: Peers) -> None:
    """A host's certificate, our own root, what is distrusted here, what cannot be read."""
    request = peers.ask()
    own_root = peers.dark("certificate", "root").out
    own = "".join(own_root.split("-----")[2].split())
    stolen = certs.authority("Stolen CA")
    file = peers.dark.console.write("stolen.pem", stolen.pem)
    peers.dark.console("add", file, "--peer", "stolen", "--domain", "x.test", "--role", "authority")
    peers.dark.console("distrust", colons(stolen.fingerprint), "--reason", "stolen", "--yes")
    broken = odd.altered(certs.authority("Odd CA"), extensions=[odd.alternative_names(b"\xff")])
    for certificate, said, code in (
        (of(certs.issue(peers.foo, "mx.foo.test")), "no CA", 4),
        (own, "our own CA", 5),
        (of(stolen), "distrusted here", 5),
        (of(broken), "cannot be signed anew", 4),
        (of(certs.authority("Weak CA", key="rsa1024")), "", 2),
        (of(certs.authority("Old CA", days=100, not_before=1_600_000_000)), "", 2),
    ):
        refused(peers, peers.changed(request, certificate=certificate), said, code)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"days": 2000}, 2), ({"days": 0}, 4), ({"permit": []}, 4), ({"permit": None}, 4),
        ({"peer": "../x"}, 4), ({"more": "x"}, 4), ({"version": 2}, 4),
    ],
    ids=["too long", "no day", "no name", "none", "no peer", "more", "version"],
)  # fmt: skip
def test_what_must_not_be_signed(peers: Peers, fields: dict[str, object], code: int) -> None:
    """What lint refuses, and what is no request as it is written."""
    refused(peers, peers.changed(peers.ask(), **fields), "", code)


def test_files_that_do_not_belong_here(peers: Peers) -> None:
    """An answer is accepted elsewhere; a private key is not shown; no file is overwritten."""
    request = peers.ask()
    answer = peers.answer(request)
    refused(peers, answer, f"trustctl ca accept {answer}", 4)
    key = peers.dark.console.write("key", b"-----BEGIN PRIVATE KEY-----\nsecret\n")
    ran = peers.dark.console.fails(
        "ca", "sign-request", key, "--out", peers.path("x"), "--yes", code=4
    )
    assert "secret" not in ran.err + ran.out
    peers.dark.console.fails("ca", "sign-request", request, "--out", answer, "--yes", code=7)
    ran = peers.online.console.fails("ca", "accept", request, "--yes", code=4)
    assert f"trustctl ca sign-request {request}" in ran.err
