"""``trustctl ca request``, ``sign-request`` and ``accept``: a root on a machine of its own."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.authority import OwnCa
from tests.commands.ca.ceremony import Ceremony, reserved, tbs
from tests.tools import require


def test_the_ceremony(two: Ceremony) -> None:
    """Asked, signed, accepted: hosts get certificates that OpenSSL takes to the dark root, both
    machines have shown and recorded one TBS hash, and the root's CRL came along."""
    require("openssl")
    request = two.request("request", "--permit", "bar.test")
    signed = two.dark("sign-request", request, "--out", two.path("answer"), "--yes")
    assert "held to      bar.test" in signed.out
    assert "no error" in signed.out
    accepted = two.accept(two.path("answer"))
    assert tbs(signed.out) == tbs(accepted)
    assert tbs(signed.out) in reserved(two.dark)
    assert reserved(two.online) == reserved(two.dark)
    (leaf,) = two.online.issue("mx.bar.test")
    root = two.online.certificate("root")
    lists = two.path("lists.pem")
    two.online("crl", "--of", "all", "--out", lists)
    words = ["openssl", "verify", "-x509_strict", "-crl_check_all", "-CRLfile", lists, "-CAfile",
             str(root), "-untrusted", str(leaf), str(leaf)]  # fmt: skip
    done = subprocess.run(words, capture_output=True, check=False)
    assert done.returncode == 0, done
    two.online("revoke", "main/issuing-1", "--reason", "superseded", "--yes")
    for machine in (two.online, two.dark):
        machine.console("journal", "verify")
        machine.console("db", "check")
    assert "not on this machine" in two.online("crl", "--of", "root", code=2).err


def test_the_issuing_ca_is_followed(two: Ceremony) -> None:
    """The second request asks for the same; its answer retires the first, whose hosts stay good."""
    two.accept(two.answer(two.request("request", "--permit", "bar.test", "--key", "ecdsa-p384")))
    (before,) = two.online.issue("mx1.bar.test")
    two.accept(two.answer(two.request("request2"), "answer2"))
    found = two.online("list", "--authorities", "--json").json
    assert [(one["ca"], one["permitted"], one["retired_at"] is None) for one in found] == [
        ("main/root-1", None, True),
        ("main/issuing-1", ["bar.test"], False),
        ("main/issuing-2", ["bar.test"], True),
    ]
    (after,) = two.online.issue("mx2.bar.test")
    issuers = [x509.load_pem_x509_certificates(o.read_bytes())[1] for o in (before, after)]
    assert len({one.subject for one in issuers}) == 2
    assert len({type(one.public_key()).__name__ for one in issuers}) == 1
    assert {one.public_key().curve.name for one in issuers} == {"secp384r1"}  # type: ignore[union-attr]


def test_typed_again(two: Ceremony) -> None:
    """The same request is written again with the same key, and signed again as the same
    certificate; what asks for more is another key."""
    first = two.request("a", "--permit", "bar.test")
    again = two.request("b", "--permit", "bar.test")
    other = two.request("c", "--permit", "foo.test")
    assert len(list(two.online.console.folder.glob("inventory/ca/*.key"))) == 2
    answers = [
        json.loads(Path(two.answer(one, f"{one}.out")).read_text()) for one in (first, again)
    ]
    assert answers[0]["certificate"] == answers[1]["certificate"]
    assert answers[0]["request"] != json.loads(Path(two.answer(other, "o")).read_text())["request"]
    assert len(two.dark("list", "--all", "--json").json) == 3


def test_a_key_that_asks_for_more_the_second_time(two: Ceremony) -> None:
    """Whoever has a request signed, and then alters what it is held to, gets nothing."""
    request = two.request("request", "--permit", "bar.test")
    two.answer(request)
    wider = two.changed(request, permit=["bar.test", "evil.test"])
    ran = two.dark.console.fails(
        "ca", "sign-request", wider, "--out", two.path("x"), "--yes", code=5
    )
    assert "other things are asked for" in ran.err
    assert not Path(two.path("x")).exists()


def test_a_person_reads_and_agrees(two: Ceremony) -> None:
    """Nothing is signed, and nothing accepted, without one; a new root needs its fingerprint, and
    not merely a yes."""
    request = two.request()
    ran = two.dark.console.fails("ca", "sign-request", request, "--out", two.path("a"), code=9)
    assert "TBS SHA-256" in ran.out
    assert "every domain" in ran.out
    assert not Path(two.path("a")).exists()
    answer = two.answer(request)
    two.refused(answer, "agreement", 9, "--fingerprint", two.root)
    two.refused(answer, "has to be compared", 2, "--yes")
    two.refused(answer, "not the certificate of that fingerprint", 3, "--yes", "--fingerprint",
                "0" * 64)  # fmt: skip
    person = two.online.console.terminal("ca", "accept", answer)
    person.expect("read out the same SHA-256 of it?")
    assert two.root[:4].upper() in person.seen
    person.type("y")
    person.expect("shown when it was signed?")
    person.type("n")
    assert person.end() == 9
    assert two.online("list", "--authorities", "--json").json == []
    person = two.online.console.terminal("ca", "accept", answer)
    person.expect("of it?")
    person.type("y")
    person.expect("signed?")
    person.type("y")
    assert person.end() == 0
    two.answer(two.request("second"), "second.out")
    two.online("accept", two.path("second.out"), "--yes")  # the root is known by now


def test_replays(two: Ceremony) -> None:
    """An answer is taken once; one for another machine's request, or for none, never."""
    two.accept(answer := two.answer(two.request("a", "--permit", "bar.test")))
    two.refused(answer, "accepted already", 5)
    other = two.answer(two.request("b", "--permit", "foo.test"), "b.out")
    swapped = two.changed(other, request=json.loads(Path(answer).read_text())["request"])
    two.refused(swapped, "accepted already", 5)
    two.refused(two.changed(other, request="0" * 64), "answers no request", 5)
    two.accept(other)
    ran = two.dark.console.fails("ca", "accept", answer, "--yes", code=5)
    assert "answers no request" in ran.err


def test_swapped(two: Ceremony) -> None:
    """A certificate of the same root for another request, or one that the thief of a root would
    make, is refused; so is a file that is cut off anywhere."""
    one = two.answer(two.request("a", "--permit", "bar.test"), "a.out")
    other = two.answer(two.request("b", "--permit", "foo.test"), "b.out")
    theirs: dict[str, Any] = json.loads(Path(other).read_text())
    two.refused(two.changed(one, certificate=theirs["certificate"]), "for another key")
    two.refused(two.changed(one, certificate=theirs["root"]), "for another key")
    two.refused(two.changed(one, root=theirs["certificate"]), "not what was asked for")
    two.refused(two.changed(one, certificate="AAAA"), "")
    text = Path(one).read_bytes()
    for size in (0, 1, 10, len(text) // 2, len(text) - 3):
        Path(two.path("cut")).write_bytes(text[:size])
        two.refused(two.path("cut"), "cut")
    two.accept(one)


def test_another_root(two: Ceremony) -> None:
    """Once a root is known no other takes its place, whatever name it has, and whoever agrees."""
    two.accept(two.answer(two.request("a", "--permit", "bar.test")))
    request = two.request("b")
    two.dark("init", "--offline-root", "--name", "evil")
    two.dark("sign-request", request, "--out", two.path("evil"), "--ca", "evil", "--yes")
    roots = two.dark("list", "--authorities", "--json").json
    evil = next(one["fingerprint"] for one in roots if one["ca"] == "evil/root-1")
    two.refused(two.path("evil"), "not the one that main has", 5, "--yes", "--fingerprint", evil)
    two.refused(two.path("evil"), "not the one that main has", 5, "--yes")
    two.online("request", "--ca", "other", "--out", two.path("c"))
    main = two.answer(two.path("c"), "c.out", "--ca", "main")
    two.refused(main, "is the root of main", 5)


def test_what_is_distrusted(two: Ceremony) -> None:
    """A root that may never be trusted again does not come back as one's own."""
    answer = two.answer(two.request())
    two.online.console("distrust", two.root, "--reason", "stolen", "--yes")
    two.refused(answer, "distrusted", 5)


def test_where_no_request_is_needed(own: OwnCa) -> None:
    """A root on the same machine signs by itself; and a rollover of a root that is elsewhere
    says where that is done."""
    own.init()
    ran = own.console.fails("ca", "request", "--out", str(own.console.folder / "r"), code=5)
    assert "rollover issuing" in ran.err
    assert not (own.console.folder / "r").exists()


def test_rollovers_of_what_is_elsewhere(two: Ceremony) -> None:
    """Neither is done here, and each says how it is done."""
    two.accept(two.answer(two.request()))
    ran = two.online.console.fails("ca", "rollover", "root", "--yes", code=5)
    assert "on another machine" in ran.err
    ran = two.online.console.fails("ca", "rollover", "issuing", "--yes", code=2)
    assert "trustctl ca request" in ran.err


def test_the_roots_list_by_hand(two: Ceremony) -> None:
    """A CRL is taken by itself, once; one that is not signed by the root is not."""
    two.accept(two.answer(two.request("a", "--permit", "bar.test")))
    serial = two.online("list", "--all", "--json").json[1]["serial"]
    two.dark("revoke", serial, "--reason", "superseded", "--yes")
    two.dark("crl", "--of", "root", "--out", two.path("root.crl"))
    ran = two.online("accept", two.path("root.crl"))
    assert "number 2" in ran.out
    two.refused(two.path("root.crl"), "2 is known", 5)
    text = Path(two.path("root.crl")).read_bytes()
    der = bytearray(x509.load_pem_x509_crl(text).public_bytes(Encoding.DER))
    der[-1] ^= 1
    Path(two.path("bad.crl")).write_bytes(bytes(der))
    two.refused(two.path("bad.crl"), "")
    # and a revoked key is not signed again
    ran = two.dark.console.fails(
        "ca", "sign-request", two.path("a"), "--out", two.path("z"), "--yes", code=5
    )
    assert "revoked" in ran.err


def test_an_answer_whose_list_revokes_it(two: Ceremony) -> None:
    """Signed, revoked, and then carried: it is not taken."""
    answer = two.answer(two.request("a", "--permit", "bar.test"))
    issued = [o for o in two.dark("list", "--all", "--json").json if o["profile"] == "issuing"]
    two.dark("revoke", issued[0]["serial"], "--reason", "superseded", "--yes")
    two.dark("crl", "--of", "root", "--der", "--out", two.path("crl"))
    text = base64.b64encode(Path(two.path("crl")).read_bytes()).decode()
    two.refused(two.changed(answer, crl=text), "revoked")
    two.refused(two.changed(answer, crl="AAAA"), "")


def test_files_are_never_overwritten(two: Ceremony) -> None:
    """A file that is there stays; an empty one, as a killed run leaves, is no obstacle."""
    path = Path(two.path("there"))
    path.write_text("mine")
    two.online.console.fails("ca", "request", "--out", str(path), code=7)
    assert path.read_text() == "mine"
    path.write_text("")
    request = two.request("there")
    assert path.read_text()
    (two.folder / "out").write_text("mine")
    two.dark.console.fails("ca", "sign-request", request, "--out", two.path("out"), "--yes", code=7)


def test_a_file_with_a_private_key(two: Ceremony) -> None:
    """What does not belong here is refused without being shown."""
    for command in (("sign-request", "--out", two.path("x"), "--yes"), ("accept", "--yes")):
        machine = two.dark if command[0] == "sign-request" else two.online
        two.request("r") if not two.online.console.db.exists() else None
        file = machine.console.write("key", b"-----BEGIN PRIVATE KEY-----\nsecret\n")
        ran = machine.console.fails("ca", command[0], file, *command[1:], code=4)
        assert "secret" not in ran.err + ran.out
