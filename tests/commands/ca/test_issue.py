"""Tests of ``trustctl ca issue``: what others verify, what is refused, what a failure leaves."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from pathlib import Path

import pytest

from tests.authority import OwnCa, made
from tests.certs import DAY, authority, pem
from tests.commands.ca.verifiers import both, certtool, openssl
from tests.tools import require, require_root

MX = "mx.bar.test"


def _issued(own: OwnCa) -> list[str]:
    return [one["host"] for one in own("list", "--all", "--json").json if one["names"]]


@pytest.mark.parametrize("profile", ["mta", "mta-server", "mta-client"])
def test_openssl_and_gnutls_verify_every_profile(ca: OwnCa, out: Path, profile: str) -> None:
    """For its host and purpose, until it ends, below this root; and for nothing else."""
    require("certtool")
    ca("issue", f"{MX},mail.bar.test", "--profile", profile, "--out", str(out), "--days", "90")
    root, chain = ca.certificate("root"), out / f"{MX}.crt"
    assert both(root, chain)
    for name in (MX, "mail.bar.test"):
        assert openssl(root, chain, "-verify_hostname", name)
        assert certtool(root, chain, "--verify-hostname", name)
    assert not openssl(root, chain, "-verify_hostname", "other.bar.test")
    assert not certtool(root, chain, "--verify-hostname", "other.bar.test")
    for purpose, usage, fits in (
        ("sslserver", "1.3.6.1.5.5.7.3.1", profile != "mta-client"),
        ("sslclient", "1.3.6.1.5.5.7.3.2", profile != "mta-server"),
    ):
        assert openssl(root, chain, "-purpose", purpose) is fits
        assert certtool(root, chain, "--verify-purpose", usage) is fits
    for day, fits in ((89, True), (91, False), (-2, False)):
        moment = int(time.time()) + day * DAY
        assert openssl(root, chain, "-attime", str(moment)) is fits
    root.write_bytes(authority("Another").pem)
    assert not both(root, chain)


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ecdsa-p384", "rsa-3072", "ed25519"])
def test_openssl_and_gnutls_verify_every_kind_of_key(own: OwnCa, kind: str) -> None:
    """A CA of this kind, and a host of it."""
    require("certtool")
    own.init("--key", kind)
    out = own.console.folder / "mail"
    own("issue", MX, "--key", kind, "--out", str(out))
    root, chain = own.certificate("root"), out / f"{MX}.crt"
    assert both(root, chain)
    altered = bytearray(made(chain)[0].der)
    altered[-1] ^= 1
    chain.write_bytes(pem(bytes(altered)) + chain.read_bytes().split(b"-----\n", 3)[-1])
    assert not openssl(root, chain)


def test_the_pair(ca: OwnCa, out: Path) -> None:
    """The key is for its owner alone and the certificate's; the chain leaves out the root."""
    ca("issue", MX, "--out", str(out))
    leaf, above = made(out / f"{MX}.crt")
    assert leaf.certificate.public_key() == leaf.key.public_key()
    assert len(above) == 1
    for suffix, mode in ((".key", 0o600), (".crt", 0o644)):
        assert stat.S_IMODE((out / f"{MX}{suffix}").stat().st_mode) == mode
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    assert sorted(os.listdir(out)) == [f"{MX}.crt", f"{MX}.key"]


def test_many_hosts_in_one_command(ca: OwnCa, out: Path) -> None:
    """From words and a file; aliases, comments and empty lines are understood. Every key is another
    one, and the journal tells each."""
    names = [f"mx{number}.bar.test" for number in range(40)]
    lines = [f"{name} mail.{name}  # remark" for name in names]
    file = ca.console.write("hosts", ("# hosts\n\n" + "\n".join(lines)).encode())
    shown = ca("issue", MX, "--from-file", file, "--out", str(out)).out
    assert "... and 21 more" in shown
    keys = {(out / f"{name}.key").read_bytes() for name in [MX, *names]}
    assert len(keys) == 41
    assert openssl(
        ca.certificate("root"), out / f"{names[7]}.crt", "-verify_hostname", f"mail.{names[7]}"
    )
    ca.console("journal", "verify")


def test_bad_lines_are_all_named(ca: OwnCa, out: Path) -> None:
    """Nothing is issued for the good ones either."""
    file = ca.console.write("hosts", b"mx1.bar.test\n*.bar.test\nmx2.bar.test\n\x1b[31m\n")
    ran = ca.console.fails("ca", "issue", "--from-file", file, "--out", str(out), code=4)
    assert "line 2" in ran.err
    assert "line 4" in ran.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 2),
        ((MX, MX), 2),
        ((f"{MX},{MX}", "mx.bar.test."), 2),
        (("*.bar.test",), 2),
        (("mx.bar.test/../../etc/x",), 2),
        (("192.0.2.1",), 2),
        (("mx.foo.test",), 2),
        ((MX, "mx.foo.test"), 2),
        ((f"{MX},bar.test.evil.test",), 2),
        ((MX, "--days", "826"), 2),
        ((MX, "--days", "0"), 2),
        ((MX, "--profile", "issuing"), 2),
        ((MX, "--profile", "../mta"), 2),
        ((MX, "--client", "--profile", "mta"), 2),
        ((MX, "--key", "rsa-1024"), 2),
        ((MX, "--ca", "other"), 2),
        ((MX, "--from-file", "absent"), 4),
        ((MX, "--install", "exim", "--out", "x"), 2),
        ((MX, "mx2.bar.test", "--install", "exim"), 2),
        ((MX, "--install-dir", "/etc/exim4"), 2),
        ((MX, "--install", "exim", "--key", "ml-dsa-65"), 2),
        ((f"{'a.' * 118}bar.test",), 7),
        ((MX, "--install", "postfix"), 2),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else None,
)
def test_what_is_refused_leaves_nothing(ca: OwnCa, words: tuple[str, ...], code: int) -> None:
    """No key, no file, no entry in the journal."""
    folder = ca.console.folder / "here"
    folder.mkdir()
    out = () if "--out" in words or "--install" in words else ("--out", str(folder))
    ca.console.fails("ca", "issue", *words, *out, code=code)
    assert os.listdir(folder) == []


def test_without_a_ca(own: OwnCa) -> None:
    """It says how to make one, and makes no inventory."""
    ran = own.console.fails("ca", "issue", MX, "--out", "mail", code=6)
    assert "trustctl" in ran.err
    own.init()
    assert own("list").err.startswith("nothing to list")


def test_files_that_are_there_stay(ca: OwnCa, out: Path) -> None:
    """A certificate, somebody's key, a link to elsewhere: never overwritten, and nothing issued."""
    ca("issue", MX, "--out", str(out))
    assert "renew" in ca.console.fails("ca", "issue", MX, "--out", str(out), code=7).err
    victim = Path(ca.console.write("victim", b"precious"))
    (out / "mx2.bar.test.key").write_bytes(b"no key of ours")
    (out / "mx2.bar.test.key").chmod(0o600)
    ca.console.fails("ca", "issue", "mx2.bar.test", "--out", str(out), code=4)
    (out / "mx3.bar.test.crt").symlink_to(victim)
    ca.console.fails("ca", "issue", "mx3.bar.test", "--out", str(out), code=7)
    (out / "mx4.bar.test.key").symlink_to(victim)
    ca.console.fails("ca", "issue", "mx4.bar.test", "--out", str(out), code=7)
    assert victim.read_bytes() == b"precious"


def test_a_folder_where_everybody_may_write(ca: OwnCa, out: Path) -> None:
    """No key goes there, nor through a link, nor into a folder without a parent."""
    out.mkdir()
    out.chmod(0o777)
    ca.console.fails("ca", "issue", MX, "--out", str(out), code=7)
    out.chmod(0o700)
    link = ca.console.folder / "link"
    link.symlink_to(out)
    ca.console.fails("ca", "issue", MX, "--out", str(link), code=7)
    ca.console.fails("ca", "issue", MX, "--out", str(out / "a" / "b"), code=7)


def test_a_full_disk(ca: OwnCa, out: Path) -> None:
    """Nothing is issued where the keys have no room, and none of them stays."""
    require_root()
    out.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k,mode=700", "none", str(out)], check=True
    )
    try:
        hosts = [f"mx{number}.bar.test" for number in range(30)]
        ran = ca("issue", *hosts, "--out", str(out), code=7)
        assert "no space left" in ran.err
        assert os.listdir(out) == []
    finally:
        subprocess.run(["umount", str(out)], check=True)
    assert _issued(ca) == []


def test_no_permission(ca: OwnCa, out: Path) -> None:
    """Somebody else's folder: the reason and the place are said, nothing is issued."""
    require_root()
    out.mkdir(0o700)
    ca.console.folder.chmod(0o755)
    ran = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "touch", str(out / "x")],
        check=False, capture_output=True,
    )  # fmt: skip
    assert ran.returncode
    os.chown(out, 65534, 65534)
    ran_ours = ca.console.fails("ca", "issue", MX, "--out", str(out), code=7)
    assert "belongs to user 65534" in ran_ours.err


def test_a_wrong_passphrase(ca: OwnCa, out: Path) -> None:
    """Nothing is issued, and no key stays."""
    ca.secret.write_bytes(b"not these words of it\n")
    ca.console.fails("ca", "issue", MX, "--out", str(out), code=2)


def test_a_host_that_has_one_already(ca: OwnCa, out: Path) -> None:
    """It gets another, and the first that is valid still is named, for where its key is lost."""
    assert ca("issue", MX, "--out", str(out)).err == ""
    serial = ca("list", "--json").json[0]["serial"]
    said = ca("issue", MX, "--out", str(out / "again")).err
    assert f"trustctl ca revoke {serial}" in said
    ca("revoke", MX, "--all", "--reason", "superseded", "--yes")
    assert ca("issue", MX, "--out", str(out / "third")).err == ""


def test_a_lost_key_is_not_certified_again(ca: OwnCa, out: Path) -> None:
    """One that was revoked as compromised gets no certificate; its host gets one for a new key."""
    ca("issue", MX, "--out", str(out))
    ca("revoke", MX, "--reason", "key-compromise", "--yes")
    (out / f"{MX}.crt").unlink()
    ran = ca.console.fails("ca", "issue", MX, "--out", str(out), code=5)
    assert "no certificate is made for this key" in ran.err
    (out / f"{MX}.key").unlink()
    ca("issue", MX, "--out", str(out))


def test_json(ca: OwnCa, out: Path) -> None:
    """The documented keys, and nothing else on stdout."""
    (one,) = ca("issue", MX, "--out", str(out), "--json").json
    assert sorted(one) == [
        "certificate", "fingerprint", "host", "key", "not_after", "serial", "spki",
    ]  # fmt: skip
    assert one["certificate"] == str(out / f"{MX}.crt")
    assert one["fingerprint"] == made(out / f"{MX}.crt")[0].fingerprint
