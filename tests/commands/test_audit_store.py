"""``trustctl audit --store``: who is in a trust store, compared with what people vouched for."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests import certs, odd
from tests.authority import OwnCa
from tests.console import Console
from tests.faults.typed import NOBODY, refused, typed, world_can_reach
from tests.tools import output, require, require_root
from trustctl.intake.roots import FOLDER
from trustctl.intake.stores import USUAL

_SYSTEM = Path(USUAL[0])


def rules(console: Console, *words: str) -> list[tuple[str, str]]:
    """The rules that fire, with what was seen."""
    found = console("audit", "--fail-on", "never", "--json", *words).json
    return [(one["rule"], one["what"]) for one in found]


@pytest.fixture
def peers(console: Console, foo: certs.Made, bar: certs.Made) -> Console:
    """Two peers that are trusted, whose certificates may sign for nobody."""
    for made, name in ((foo, "foo"), (bar, "bar")):
        plain = certs.self_signed(f"mx.{name}.test", ca=False, key=made.key)
        console.pin(plain, name)
        console.write(f"{name}.pem", plain.pem)
    return console


def both(console: Console) -> bytes:
    """A store of foo and bar."""
    return b"".join((console.folder / f"{one}.pem").read_bytes() for one in ("foo", "bar"))


def test_a_store_of_what_people_vouched_for(peers: Console) -> None:
    """Nothing is found, and who is in it is said; from standard input as well."""
    file = peers.write("store.pem", both(peers))
    ran = peers("audit", "--store", file, "--fail-on", "notice")
    assert ran.out.splitlines() == [
        f"{file}: 2 certificates, in 1 file",
        "  pinned and trusted   2: bar 1, foo 1",
        "  pinned, not trusted  0",
        "  distrusted           0",
        "  our own CA's         0",
        "  public CAs           0",
        "  strangers            0",
        "  unreadable           0",
        "",
    ]
    assert not ran.err
    assert peers("audit", "--store", file, "--json").json == []
    assert peers("audit", "--store", "-", "--json", stdin=both(peers)).json == []


def test_what_we_export_ourselves_has_no_finding(peers: Console) -> None:
    """The store that trustctl writes is the store that it wants."""
    peers("export", "--to", str(peers.target), "--format", "pem")
    peers("audit", "--store", str(peers.target / "ca-certificates.crt"), "--fail-on", "notice")


def test_everybody_who_should_not_be_there(peers: Console) -> None:
    """A stranger, one that may sign, one that is distrusted, one that is pending, and one that has
    no business in two places: each by its own rule, and nothing else is looked at."""
    stranger = certs.self_signed("mx.stranger.test", ca=False)
    waiting = certs.self_signed("mx.late.test", ca=False)
    stolen = certs.self_signed("mx.stolen.test", ca=False)
    peers("add", peers.write("w.pem", waiting.pem), "--peer", "late")
    peers("distrust", f"spki:{stolen.spki}", "--reason", "stolen", "--yes")
    broken = b"-----BEGIN CERTIFICATE-----\nMAo=\n-----END CERTIFICATE-----\n"
    more = (stranger.pem, certs.authority("Evil CA").pem, waiting.pem, stolen.pem, broken)
    once = (peers.folder / "foo.pem").read_bytes()
    file = peers.write("store.pem", b"".join([once, *more, once]))
    assert sorted(one for one, _what in rules(peers, "--store", file)) == [
        "store-distrusted", "store-lacks", "store-stranger", "store-stranger-may-sign",
        "store-twice", "store-unreadable", "store-untrusted",
    ]  # fmt: skip
    said = peers("audit", "--store", file, code=1).out
    assert "pinned, not trusted  1" in said
    assert f"{file}, line 1 already" in said
    assert "distrusted (spki): stolen" in said
    # the inventory's own findings are another question's answer
    assert "vouch-missing" not in said
    assert "domain-without-pin" not in said


def test_the_impostor_of_a_shared_store(peers: Console) -> None:
    """A peer's own certificate with CA:TRUE signs one for another peer's host, and both openssl and
    certtool take it from this store: that is found, and is gone without it."""
    require("certtool")
    evil = certs.self_signed("mx.evil.test", ca=True)
    fake = certs.issue(evil, "mx.foo.test")
    peers.pin(evil, "evil")
    file = peers.write("store.pem", both(peers) + evil.pem)
    certs.openssl(
        "verify", "-no-CApath", "-CAfile", file, "-verify_hostname", "mx.foo.test",
        peers.write("fake.pem", fake.pem),
    )  # fmt: skip
    verify = ("--verify", "--load-ca-certificate", file, "--verify-hostname", "mx.foo.test")
    output("certtool", *verify, stdin=fake.pem)
    ((rule, what),) = rules(peers, "--store", file)
    assert rule == "store-may-sign-for-all"
    assert what.endswith("may sign for all others here (2)")
    alone = peers.write("alone.pem", evil.pem)
    assert [one for one, _what in rules(peers, "--store", alone)] == ["store-lacks"]
    peers.write("store.pem", both(peers))
    ran = subprocess.run(
        ["openssl", "verify", "-no-CApath", "-CAfile", file, "fake.pem"],
        capture_output=True, check=False, cwd=peers.folder,
    )  # fmt: skip
    assert ran.returncode != 0
    assert [one for one, _what in rules(peers, "--store", file)] == ["store-lacks"]


def test_our_own_ca_and_what_holds_a_peers_ca(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our root, and a peer's CA under our constraints, belong there; what we revoked does not."""
    ca = OwnCa(console, monkeypatch)
    ca.init()
    theirs = certs.authority("Foo CA")
    console(
        "add", console.write("ca.pem", theirs.pem), "--peer", "foo", "--domain", "foo.test",
        "--role", "authority", "--fingerprint", theirs.fingerprint,
    )  # fmt: skip
    ca("cross", "foo", "--yes")
    console("export", "--to", str(console.target), "--format", "pem")
    bundle = console.target / "ca-certificates.crt"
    assert bundle.read_bytes().count(b"BEGIN CERTIFICATE") == 2
    assert rules(console, "--store", str(bundle)) == []
    assert "our own CA's         1" in console("audit", "--store", str(bundle)).out
    (host,) = ca.issue("mx.our.test")
    mine = bundle.read_bytes() + host.read_bytes()
    file = console.write("store.pem", mine)
    assert rules(console, "--store", file) == []
    ca("revoke", "mx.our.test", "--reason", "superseded", "--yes")
    ((rule, what),) = rules(console, "--store", file)
    assert (rule, what.endswith("revoked by our CA: superseded")) == ("store-distrusted", True)


def test_debians_own_store(peers: Console) -> None:
    """The whole of it in one finding, within its count; each stranger by itself; what Debian's own
    tool makes of the folder is counted once."""
    if not _SYSTEM.is_file() or not FOLDER.is_dir():
        require("update-ca-certificates")
    found = peers("audit", "--store", "system", "--json", code=1).json
    (public,) = [one for one in found if one["rule"] == "store-public-ca"]
    strangers = [one for one in found if one["rule"].startswith("store-stranger")]
    count = int(public["what"].split()[0])
    total = _SYSTEM.read_bytes().count(b"BEGIN CERTIFICATE")
    assert count > 100
    assert count + len(strangers) >= total
    assert public["what"].endswith(f" and {count - 3} more")
    assert len(found) == len(strangers) + 2  # the public CAs, and the two peers that lack
    said = peers("audit", "--store", "system", code=1).out
    assert f"public CAs           {count}\n" in said


def test_several_stores_are_each_told_of(peers: Console) -> None:
    """Each with its own numbers and its own findings."""
    one, two = peers.write("one.pem", both(peers)), peers.write("two.pem", b"")
    ran = peers("audit", "--store", one, "--store", two, code=1)
    assert f"{one}: 2 certificates, in 1 file" in ran.out
    assert f"{two}: no certificates, in 1 file\n\n" in ran.out
    assert "it holds no certificate  [store-empty]" in ran.out
    assert peers("audit", "--store", two, "--fail-on", "error").code == 0


def test_before_there_is_an_inventory(console: Console) -> None:
    """Nobody is known: all are strangers, and no inventory is made by asking."""
    file = console.write("store.pem", certs.self_signed("mx.foo.test").pem)
    ran = console("audit", "--store", file, code=1)
    assert "there is no inventory yet" in ran.err
    assert "strangers            1" in ran.out
    assert not console.db.exists()


def test_at_another_moment(peers: Console) -> None:
    """What the store would trust then, though its certificates have expired."""
    file = peers.write("store.pem", both(peers))
    assert {one for one, _ in rules(peers, "--store", file, "--at", "+300d")} == {"store-untrusted"}
    peers.fails("audit", "--store", file, "--live", code=2)


@pytest.mark.parametrize("words", [("absent.pem",), ("",), ("/dev/null",), ("good.pem", "absent")])
def test_what_cannot_be_read_is_no_empty_store(peers: Console, words: tuple[str, ...]) -> None:
    """Exit code 4, whatever else could be read."""
    peers.write("good.pem", both(peers))
    stores = [word for one in words for word in ("--store", one)]
    assert not peers.fails("audit", *stores, code=4).out


def test_a_file_that_others_may_not_read(peers: Console) -> None:
    """Neither the file itself nor one in a folder is passed over."""
    require_root()
    require("setpriv")
    folder = peers.folder / "store"
    folder.mkdir()
    (folder / "a.pem").write_bytes(both(peers))
    (folder / "b.pem").write_bytes(both(peers))
    (folder / "b.pem").chmod(0o600)
    world_can_reach(peers.folder)
    fresh = Console(peers.folder / "nobody")
    fresh.folder.mkdir()
    for store in (folder, folder / "b.pem"):
        ran = typed(fresh, "audit", "--store", str(store), before=NOBODY)
        refused(ran, 4, "b.pem: permission denied")


def test_hostile_names_are_inert(console: Console) -> None:
    """In a certificate and in a file's name; what a finding says to type stays one word."""
    text = "\x1b]0;owned\x07\u202e\r\ntrustctl: error: forged"
    made = odd.altered(
        certs.self_signed("mx.foo.test"),
        subject=odd.common_name(text.encode()),
        extensions=[odd.alternative_names(text.encode())],
    )
    name = "a\x1b[31m $(id) 'b'\n.pem"
    (console.folder / "store").mkdir()
    (console.folder / "store" / name).write_bytes(made.pem)
    ran = console("audit", "--store", "store", code=1)  # inspect() looks at what is shown
    assert "\\x1b]0;owned" in ran.out
    assert not any(one.startswith("trustctl:") for one in ran.out.splitlines())
    (found,) = console("audit", "--store", "store", "--json", code=1).json
    assert shlex.split(found["fix"]) == ["trustctl", "adopt", f"store/{name}"]


def test_a_folder_of_hashed_names(peers: Console) -> None:
    """An OpenSSL folder made by openssl rehash: its links are not counted."""
    folder = peers.folder / "hashed"
    folder.mkdir()
    for one in ("foo", "bar"):
        (folder / f"{one}.pem").write_bytes((peers.folder / f"{one}.pem").read_bytes())
    output("openssl", "rehash", str(folder))
    assert len(os.listdir(folder)) == 4
    ran = peers("audit", "--store", str(folder), "--fail-on", "notice")
    assert ran.out.startswith(f"{folder}: 2 certificates, in 2 files\n")
