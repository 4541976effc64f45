"""Tests of ``trustctl ca init``: what is made, how its keys are kept, what a failure leaves."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from tests.authority import PASSPHRASE, OwnCa
from tests.certs import openssl
from tests.commands.ca import verifiers
from tests.tools import require, require_root


def _keys(own: OwnCa) -> list[Path]:
    folder = own.console.db.parent / "ca"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def test_a_root_and_an_issuing_ca_below(own: OwnCa) -> None:
    """The issuing CA is held to the domains by critical constraints, the root to nothing."""
    require("certtool")
    said = own("init", "--permit", "bar.test", "--permit", "Baz.test").out
    assert "held to: bar.test baz.test" in said
    root, issuing = own.certificate("root"), own.certificate("issuing")
    assert verifiers.both(root, issuing)
    text = openssl("x509", "-noout", "-text", "-in", str(issuing)).decode()
    assert re.search(r"Name Constraints: critical\s+Permitted:\s+DNS:bar.test\s+DNS:baz.test", text)
    assert "CA:TRUE, pathlen:0" in text
    assert "Name Constraints" not in openssl("x509", "-noout", "-text", "-in", str(root)).decode()
    fingerprint = openssl("x509", "-noout", "-fingerprint", "-sha256", "-in", str(root)).decode()
    assert fingerprint.split("=")[1].strip().replace(":", "") in re.sub(
        r"\s", "", said.partition("fingerprint")[2].partition("made:")[0]
    )
    own.console("journal", "verify")


@pytest.mark.parametrize("kind", ["ecdsa-p256", "rsa-3072", "ed25519"])
def test_keys_are_encrypted_files_that_openssl_reads(own: OwnCa, kind: str) -> None:
    """PKCS #8 under scrypt, 0600 in a folder of 0700, opened by the passphrase and by no other."""
    own.init("--key", kind)
    folder = own.console.db.parent / "ca"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    root = own.certificate("root")
    public = openssl("x509", "-noout", "-pubkey", "-in", str(root))
    found = []
    for path in _keys(own):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
        assert b"scrypt" in openssl("asn1parse", "-in", str(path))
        given = ["openssl", "pkey", "-in", str(path), "-pubout", "-passin"]
        found.append(openssl(*given[1:], f"file:{own.secret}"))
        assert subprocess.run(
            [*given, "pass:not these words of it"], check=False, capture_output=True
        ).returncode
    assert len(found) == 2
    assert public in found


def test_a_second_one_stands_beside_the_first(own: OwnCa) -> None:
    """Only under another name; which one is meant has to be said from then on."""
    own.init()
    own.console.fails("ca", "init", code=5)
    own.init("--name", "pq", "--key", "ml-dsa-65")
    own.console.fails("ca", "issue", "mx.bar.test", code=2)
    own("issue", "mx.bar.test", "--ca", "pq", "--key", "ml-dsa-65", "--out", "pq")
    own("issue", "mx.bar.test", "--ca", "main", "--out", "main")
    assert verifiers.openssl(_root(own, "main"), Path("main/mx.bar.test.crt"))
    own.console("journal", "verify")


def _root(own: OwnCa, name: str) -> Path:
    text = own("certificate", "root", "--ca", name).out
    return Path(own.console.write(f"{name}.pem", text.encode()))


@pytest.mark.parametrize(
    "words",
    [
        ("--name", "Main CA"), ("--name", "../x"), ("--name", ""), ("--name", "a" * 64),
        ("--key", "rsa-1024"), ("--permit", "*.bar.test"), ("--permit", "bar"), ("--permit", ""),
        ("--permit", "bar.test\nfoo.test"), ("--permit", "bar.test", "--offline-root"),
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_refused_makes_nothing(own: OwnCa, words: tuple[str, ...]) -> None:
    """Neither a key nor an inventory."""
    own.console.fails("ca", "init", *words, code=2)
    assert _keys(own) == []
    assert not own.console.db.exists()


@pytest.mark.parametrize("text", [b"short\n", b"\n", b""])
def test_a_weak_passphrase(own: OwnCa, text: bytes) -> None:
    """It is refused before a key is made."""
    own.secret.write_bytes(text)
    ran = own.console.any("ca", "init")
    assert ran.code in (2, 4)
    assert _keys(own) == []
    assert not own.console.db.exists()


def test_a_folder_that_cannot_be_written(own: OwnCa) -> None:
    """Nothing is left: no key without an authority, no authority without a key."""
    require_root()
    folder = own.console.db.parent
    folder.mkdir(0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,mode=700", "none", str(folder)],
                   check=True)  # fmt: skip
    try:
        ran = own.console.any("ca", "init")
        assert ran.code in (6, 7)
        assert _keys(own) == []
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    own.init()


def test_somebody_elses_folder(own: OwnCa) -> None:
    """Keys are not written where another user could swap them."""
    require_root()
    folder = own.console.db.parent / "ca"
    folder.mkdir(parents=True)
    os.chown(folder, 65534, 65534)
    ran = own.console.any("ca", "init")
    assert ran.code == 7
    assert "65534" in ran.err
    assert _keys(own) == []


def test_the_passphrase_opens_nothing_in_the_inventory(own: OwnCa) -> None:
    """Neither it nor a key is in the database."""
    own.init()
    data = own.console.db.read_bytes()
    assert PASSPHRASE not in data
    assert b"PRIVATE KEY" not in data
