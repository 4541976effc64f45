"""``trustctl adopt``: a folder of peers' certificates taken in as pending, and nothing trusted."""

from __future__ import annotations

import shutil

import pytest

from tests import certs
from tests.authority import OwnCa
from tests.commands.laid import commands, lay, left, spoken
from tests.console import ANN, Console
from tests.tools import output, require
from trustctl.intake.roots import FOLDER


def test_a_folder_is_taken_in_as_pending(
    console: Console, foo: certs.Made, bar: certs.Made
) -> None:
    """Each under the name that its certificate suggests, in folders too; no domain is protected,
    nothing is exported; the lines to type next are the right ones, and lead to trust."""
    lay(console, {"foo.crt": foo.pem, "more/bar.der": bar.der, "README": b"x"})
    ran = console("adopt", "lab")
    assert ran.out.splitlines() == [
        "FILE              PEER  FINGERPRINT          STATE",
        f"lab/foo.crt       foo   {spoken(foo)}  pending",
        f"lab/more/bar.der  bar   {spoken(bar)}  pending",
    ]
    assert console.states() == {foo.fingerprint: "pending", bar.fingerprint: "pending"}
    assert "NOT protected" in console("check", "foo.test", code=1).out
    console("export", "--to", str(console.target), "--format", "pem", "--yes")
    assert b"BEGIN" not in (console.target / "ca-certificates.crt").read_bytes()
    (one, two) = commands(ran)
    assert one == [
        "trustctl", "vouch", foo.fingerprint[:16], "--peer", "foo", "--domain", "foo.test",
        "--fingerprint",
    ]  # fmt: skip
    console(*one[1:], foo.fingerprint, "--vouched-by", ANN)
    assert console.states() == {foo.fingerprint: "trusted", bar.fingerprint: "pending"}
    assert ": protected" in console("check", "foo.test").out
    console.fails(*two[1:], foo.fingerprint, code=3)


def test_dry_run_keeps_nothing(console: Console, foo: certs.Made) -> None:
    """Not even an inventory; what it shows is what would be."""
    lay(console, {"foo.crt": foo.pem})
    ran = console("adopt", "lab", "--dry-run")
    assert f"{spoken(foo)}  pending" in ran.out
    assert "nothing was kept" in ran.err
    assert not console.db.parent.exists()
    said = console("adopt", "lab", "--dry-run", "--json").json
    assert said["dry_run"] is True
    console("adopt", "lab")
    console.fails("adopt", "absent", code=4)
    before = console.state()
    console("adopt", "lab", "--dry-run")
    assert console.state() == before


def test_again_changes_nothing(console: Console, foo: certs.Made) -> None:
    """What is pinned already is named; that is no reason for exit code 1."""
    lay(console, {"foo.crt": foo.pem})
    console("adopt", "lab")
    before = console.state()
    ran = console("adopt", "lab")
    assert ran.out == "nothing to adopt\n"
    assert f"left out: lab/foo.crt, line 1 {spoken(foo)}: pinned already, to foo" in ran.err
    assert console.state() == before


def test_what_is_trusted_stays_so(console: Console, foo: certs.Made, bar: certs.Made) -> None:
    """A vouched pin is not touched, and another certificate of that peer goes beside it."""
    console.pin(foo, "foo")
    next_one = certs.self_signed("mx2.foo.test")
    lay(console, {"foo.crt": foo.pem, "next.crt": next_one.pem, "bar.crt": bar.pem})
    ran = console("adopt", "lab")
    assert console.states() == {
        foo.fingerprint: "trusted", next_one.fingerprint: "pending", bar.fingerprint: "pending",
    }  # fmt: skip
    words = [["vouch", next_one.fingerprint[:16], "--peer", "foo", "--fingerprint"]]
    assert words == [one[1:] for one in commands(ran) if "foo" in one]
    assert ": protected" in console("check", "foo.test").out


def test_all_that_is_left_out(
    console: Console, foo: certs.Made, bar: certs.Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each named with its reason; what needs no look is no exit code 1, what does is."""
    if not FOLDER.is_dir():
        require("update-ca-certificates")
    ca = OwnCa(console, monkeypatch)
    ca.init()
    (host,) = ca.issue("mx.our.test")
    root = next(iter(sorted(FOLDER.rglob("*.crt")))).read_bytes()
    lay(console, {
        "a-foo.crt": foo.pem, "b-again.crt": foo.pem, "c-public.crt": root,
        "d-root.pem": ca.certificate("root").read_bytes(), "e-host.pem": host.read_bytes(),
    })  # fmt: skip
    assert sorted(left(console, "lab", code=0)) == [
        ("b-again.crt", "repeat", False),
        ("c-public.crt", "public-ca", False),
        ("d-root.pem", "our-ca", False),
        ("e-host.pem", "issuer", False),
        ("e-host.pem", "our-ca", False),
    ]
    gone, bad = certs.self_signed("mx.gone.test"), certs.self_signed("mx.bad.test")
    console.pin(gone, "gone")
    console("retire", "gone", "--yes")
    console("distrust", f"spki:{bad.spki}", "--reason", "stolen", "--yes")
    old = certs.self_signed("mx.old.test", not_before=1_000_000_000)
    for name in ("a-foo.crt", "b-again.crt", "c-public.crt", "d-root.pem", "e-host.pem"):
        (console.folder / "lab" / name).unlink()
    lay(console, {
        "gone.crt": gone.pem, "bad.crt": bad.pem, "old.crt": old.pem, "bar.crt": bar.pem,
        "broken.crt": b"-----BEGIN CERTIFICATE-----\n",
    })  # fmt: skip
    assert sorted(left(console, "lab")) == [
        ("bad.crt", "distrusted", True),
        ("broken.crt", "unreadable", True),
        ("gone.crt", "retired", True),
        ("old.crt", "expired", True),
    ]
    assert console.states() == {
        foo.fingerprint: "pending", bar.fingerprint: "pending", gone.fingerprint: "retired",
    }  # fmt: skip


def test_this_hosts_own_certificate_is_no_peers(
    console: Console, foo: certs.Made, bar: certs.Made
) -> None:
    """Of /etc/exim4, where exim-gencert laid it beside its key: the key is not even opened."""
    lay(console, {"exim.crt": foo.pem, "bar.crt": bar.pem})
    (console.folder / "lab" / "exim.key").symlink_to("/nowhere/at/all")
    assert left(console, "lab", code=0) == [("exim.crt", "our-host", False)]
    assert console.states() == {bar.fingerprint: "pending"}


@pytest.mark.parametrize("form", ["beside", "alone", "der"])
def test_private_keys_are_refused_and_never_stored(
    console: Console, foo: certs.Made, bar: certs.Made, form: str
) -> None:
    """Loudly, with their file; nothing of that file is taken; the others are."""
    content = {"beside": foo.key_pem + foo.pem, "alone": foo.key_pem, "der": foo.key_der}[form]
    lay(console, {"foo.crt": content, "bar.crt": bar.pem})
    ran = console("adopt", "lab", code=1)
    assert "left out: lab/foo.crt" in ran.err
    assert "REFUSED: a PRIVATE KEY" in ran.err
    assert console.states() == {bar.fingerprint: "pending"}
    secrets = [foo.key_der[36:67], foo.key_pem.splitlines()[1]]
    stored = b"".join(one.read_bytes() for one in console.db.parent.iterdir())
    assert bar.der in stored
    for secret in secrets:
        assert secret not in stored
        assert secret not in (ran.out + ran.err).encode()
    shutil.rmtree(console.db.parent)
    console("adopt", "lab/foo.crt", code=1)
    assert not console.db.exists()


def test_peer_and_domain(console: Console, foo: certs.Made, bar: certs.Made) -> None:
    """--peer says whose they all are; --domain protects, and its mail waits until somebody vouches;
    another peer's domain is refused, and nothing is kept."""
    lay(console, {"foo.crt": foo.pem, "bar.crt": bar.pem})
    console.fails("adopt", "lab", "--domain", "both.test", code=2)
    console.fails("adopt", "lab", "--peer", "no name", code=2)
    ran = console("adopt", "lab", "--peer", "both", "--domain", "both.test")
    assert {one["peer"] for one in console("list", "--json").json} == {"both"}
    assert "WAITS" in console("check", "both.test", code=1).out
    assert all("--domain" not in one for one in commands(ran))
    lay(console, {"foo.crt": certs.self_signed("mx.x.test").pem})
    console.fails("adopt", "lab", "--peer", "x", "--domain", "both.test", code=5)
    assert left(console, "lab/bar.crt", "--peer", "x") == [("bar.crt", "conflict", True)]


def test_what_may_sign_is_said(console: Console) -> None:
    """It is pinned as a host: exactly this certificate, and no other that it signed."""
    evil = certs.self_signed("mx.foo.test", ca=True)
    lay(console, {"foo.crt": evil.pem})
    ran = console("adopt", "lab")
    assert f"note: {spoken(evil)} of foo may sign others" in ran.err
    (row,) = console("list", "--json").json
    assert row["role"] == "host"
    console("vouch", evil.fingerprint, "--domain", "foo.test", "--vouched-by", ANN)
    fake = console.write("fake.pem", certs.issue(evil, "mx.foo.test").pem)
    assert "refused" in console("check", "foo.test", "--certificate", fake, code=1).out


def test_a_folder_that_openssl_made(console: Console, foo: certs.Made, bar: certs.Made) -> None:
    """Links and copies of hashed names are the same certificates; so is a bundle beside them."""
    folder = lay(console, {"foo.pem": foo.pem, "bar.pem": bar.pem})
    output("openssl", "rehash", folder)
    lay(console, {"all.crt": foo.pem + bar.pem})
    said = console("adopt", folder, "--json").json
    assert {one["peer"] for one in said["adopted"]} == {"foo", "bar"}
    assert [one["code"] for one in said["left_out"]] == ["repeat", "repeat"]


def test_nothing_there_is_an_error(console: Console) -> None:
    """An empty folder, an empty file, no file, and the word that audit --store knows: nothing is
    made of them."""
    (console.folder / "empty").mkdir()
    console.write("none.pem", b"")
    for words in (("empty",), ("none.pem",), ("empty", "none.pem"), ("absent",), ("system",)):
        console.fails("adopt", *words, code=4)
    assert not console.db.exists()


def test_the_systems_public_cas_are_never_taken(console: Console) -> None:
    """Not one of Debian's own, though each is there; what is no public CA is what is left."""
    if not FOLDER.is_dir():
        require("update-ca-certificates")
    said = console("adopt", str(FOLDER), "--json").json
    assert said["adopted"] == []
    assert len(said["left_out"]) > 100
    assert {one["code"] for one in said["left_out"]} == {"public-ca"}
    assert not console.db.exists()
