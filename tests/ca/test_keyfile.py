"""Tests of trustctl.ca.keyfile: private keys at rest."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.tools import output, require
from trustctl.ca import keyfile
from trustctl.ca.kinds import generate, spki_of
from trustctl.errors import InputError, TargetError, UsageError
from trustctl.facts.issuance import KEY_KINDS, KeyKind

PASSPHRASE = b"a few words of a book"


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_what_is_written_is_read(tmp_path: Path, kind: KeyKind) -> None:
    """The same key comes back with its passphrase, and with no other."""
    key, path = generate(kind), tmp_path / "a.key"
    keyfile.create(path, key, PASSPHRASE)
    found = keyfile.load(path, PASSPHRASE)
    assert spki_of(found.public_key()) == spki_of(key.public_key())
    with pytest.raises(UsageError, match="passphrase is not"):
        keyfile.load(path, b"some other words of it")
    assert keyfile.private_der(key) not in path.read_bytes()


@pytest.mark.parametrize("kind", [one for one in KEY_KINDS if one != "ml-dsa-65"])
def test_openssl_reads_it(tmp_path: Path, kind: KeyKind) -> None:
    """OpenSSL opens the file with the passphrase (PKCS #8, scrypt), and not with another."""
    require("openssl")
    key, path = generate(kind), tmp_path / "a.key"
    keyfile.create(path, key, PASSPHRASE)
    words = ("openssl", "pkey", "-in", str(path), "-pubout", "-outform", "DER", "-passin", "stdin")
    assert output(*words, stdin=PASSPHRASE + b"\n") == spki_of(key.public_key())
    wrong = subprocess.run(words, input=b"wrong words\n", capture_output=True, check=False)
    assert wrong.returncode != 0
    asn1 = output("openssl", "asn1parse", "-in", str(path)).decode()
    assert "scrypt" in asn1 or "1.3.6.1.4.1.11591.4.11" in asn1
    assert "aes-256-cbc" in asn1


def test_what_openssl_encrypts_is_read(tmp_path: Path) -> None:
    """A passphrase can be changed with OpenSSL: the same key comes out of its file."""
    require("openssl")
    path, plain = tmp_path / "a.key", tmp_path / "plain.key"
    keyfile.create(path, generate("ecdsa-p256"), PASSPHRASE)
    output(
        "openssl", "pkcs8", "-topk8", "-scrypt", "-in", str(path), "-out", str(plain),
        "-passin", "pass:" + PASSPHRASE.decode(), "-passout", "pass:another long one",
    )  # fmt: skip
    found = keyfile.load(plain, b"another long one")
    assert spki_of(found.public_key()) == spki_of(keyfile.load(path, PASSPHRASE).public_key())


def test_nobody_else_reads_it_at_any_moment(tmp_path: Path) -> None:
    """Under a umask that hides nothing the file is 0600 from the call that makes it on."""
    require("strace")
    log = tmp_path / "calls"
    code = (
        "import os, sys, pathlib; os.umask(0);"
        "from trustctl.ca import keyfile, kinds;"
        "keyfile.create(pathlib.Path(sys.argv[1]), kinds.generate('ecdsa-p256'), b'x' * 12)"
    )
    path = tmp_path / "secret.key"
    output(
        "strace", "-f", "-o", str(log), "-e", "trace=openat,open,creat", "python", "-c", code,
        str(path), env=dict(os.environ),
    )  # fmt: skip
    (opened,) = [one for one in log.read_text().splitlines() if "O_CREAT" in one and ".key" in one]
    assert "O_EXCL" in opened
    assert "O_NOFOLLOW" in opened
    assert ", 0600)" in opened
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A file or a link that is there stays as it is."""
    path, link = tmp_path / "a.key", tmp_path / "b.key"
    path.write_bytes(b"mine")
    link.symlink_to(tmp_path / "nowhere")
    for one in (path, link):
        with pytest.raises(TargetError, match="exists already"):
            keyfile.create(one, generate("ed25519"), PASSPHRASE)
    assert path.read_bytes() == b"mine"
    assert not (tmp_path / "nowhere").exists()


def test_a_short_passphrase_is_none(tmp_path: Path) -> None:
    """Eleven characters are refused and twelve taken; nothing is written first."""
    path = tmp_path / "a.key"
    with pytest.raises(UsageError, match="12 are needed"):
        keyfile.create(path, generate("ed25519"), b"x" * 11)
    assert not path.exists()
    keyfile.create(path, generate("ed25519"), b"x" * 12)


def test_two_files_of_one_key_have_nothing_in_common(tmp_path: Path) -> None:
    """Salt and vector are new each time: nobody sees that it is the same key."""
    key = generate("ed25519")
    one, other = (keyfile.encrypt(key, PASSPHRASE) for _ in range(2))
    assert not set(one.splitlines()[1:-1]) & set(other.splitlines()[3:-1])


@pytest.mark.parametrize("damage", ["empty", "short", "flipped", "text", "clear", "missing"])
def test_a_damaged_file(tmp_path: Path, damage: str) -> None:
    """It is one error of ours, and never another key."""
    key, path = generate("ecdsa-p256"), tmp_path / "a.key"
    text = keyfile.encrypt(key, PASSPHRASE)
    match damage:
        case "empty":
            text = b""
        case "short":
            text = text[: len(text) // 2]
        case "flipped":
            text = text[:200] + (b"A" if text[200:201] != b"A" else b"B") + text[201:]
        case "text":
            text = b"hello\n"
        case "clear":
            text = keyfile.private_pem(key)
    if damage != "missing":
        path.write_bytes(text)
    with pytest.raises((InputError, UsageError)) as caught:
        keyfile.load(path, PASSPHRASE)
    assert str(path) in caught.value.message
    if damage == "clear":
        assert "not encrypted" in caught.value.message


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_both_halves_of_a_key(kind: KeyKind) -> None:
    """The public one is the private one's, though it may be copied from beside it."""
    for _ in range(1 if kind == "rsa-3072" else 100):
        key = generate(kind)
        text, public = keyfile.halves(key)
        assert text == keyfile.private_pem(key)
        assert public == spki_of(key.public_key())
        read: Any = load_pem_private_key(text, None)
        assert spki_of(read.public_key()) == public
