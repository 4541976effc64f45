"""Input that is none, or far too much, or a secret: refused in one line, nothing stored."""

from __future__ import annotations

import base64
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from cryptography.hazmat.primitives import serialization

from tests import certs
from tests.console import Console
from tests.faults.typed import at_most, refused, typed

pytestmark = pytest.mark.faults
_MEMORY = 400 << 20
"""Address space enough for an ordinary call (a third of it is used), and not for 100 MB more."""


def everything(console: Console) -> bytes:
    """Every byte of the inventory, its log and its leftovers, deleted pages too."""
    return b"".join(one.read_bytes() for one in console.db.parent.glob("*") if one.is_file())


def forms(secret: bytes) -> Iterator[bytes]:
    """How these bytes look raw, in hex and in base64 at any offset (a line of PEM at a time)."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for skip in range(3):
        yield base64.b64encode(secret[skip:])[4:60]


def encrypted(made: certs.Made, encoding: serialization.Encoding) -> bytes:
    """The private key under a passphrase."""
    return made.key.private_bytes(
        encoding,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


_KEYS: dict[str, Callable[[certs.Made], bytes]] = {
    "PEM": lambda made: made.key_pem,
    "DER": lambda made: made.key_der,
    "encrypted PEM": lambda made: encrypted(made, serialization.Encoding.PEM),
    "encrypted DER": lambda made: encrypted(made, serialization.Encoding.DER),
    "SEC 1": lambda made: certs.openssl("ec", stdin=made.key_pem),
    "before the certificate": lambda made: made.key_pem + made.pem,
    "after the certificate": lambda made: made.pem + made.key_pem,
    "in the middle of a line": lambda made: (
        made.pem + b"key: " + made.key_pem.replace(b"\n", b"\r\n")
    ),
}


@pytest.mark.parametrize("form", _KEYS)
def test_a_private_key_is_never_stored_or_shown(
    console: Console, foo: certs.Made, bar: certs.Made, form: str
) -> None:
    """Whichever way it comes, by add or by import, no part of it is in the inventory's bytes or in
    what is shown, and what was there is as it was."""
    console.pin(foo, "foo")
    given = _KEYS[form](bar)
    path = console.write("oops.pem", given)
    line = b'{"peer": "bar", "certificate": "oops.pem"}\n'
    before = console("dump").out
    secret = bar.key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )[36:67]  # the number itself (RFC 5915, 3)
    shown = list(forms(secret)) + [one for one in given.split() if len(one) == 64]
    for ran in (
        typed(console, "add", path, "--peer", "bar"),
        typed(console, "import", console.write("peers.jsonl", line)),
    ):
        said = (ran.out + ran.err).encode()
        assert ran.code == 4, ran
        assert "PRIVATE KEY" in ran.err, ran
        for one in shown:
            assert one not in said
            assert one not in everything(console)
    assert console("dump").out == before


def test_where_a_key_would_be_found(console: Console, foo: certs.Made) -> None:
    """The look for secret bytes finds bytes that are stored: the certificate's own."""
    console.pin(foo, "foo")
    assert any(one in everything(console) for one in forms(foo.der[-40:-9]))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"hello\n", "no certificate"),
        (os.urandom(5000), "no certificate"),
        (b"\0" * 3000, "no certificate"),
        (b"-----BEGIN CERTIFICATE-----\nMIIB\n", "was cut off"),
        (b"\x7fELF" + bytes(range(256)) * 4, "no certificate"),
        (b"\x30\x82\x01\x00" + b"\x30" * 256, "certificate"),
    ],
    ids=["nothing", "text", "random", "zeros", "truncated PEM", "a program", "broken DER"],
)
def test_what_is_no_certificate(console: Console, content: bytes, said: str) -> None:
    """One line that says what it is, a hint, and not even an empty inventory."""
    path = console.write("peer.pem", content)
    refused(typed(console, "add", path, "--peer", "foo"), 4, path, said)
    assert not console.db.exists()


@pytest.mark.parametrize("label", ["zeros", "PEM", "lines"])
def test_a_hundred_megabytes(console: Console, foo: certs.Made, label: str) -> None:
    """As a certificate or as an import it is refused in bounded memory: it is not read whole."""
    path = console.folder / "large"
    with path.open("wb") as file:
        if label == "zeros":
            file.truncate(100 << 20)
        else:
            part = foo.pem if label == "PEM" else b'{"peer": "foo"\n'
            for _ in range(100):
                file.write(part * ((1 << 20) // len(part)))
    for words in (("add", str(path), "--peer", "foo"), ("import", str(path))):
        ran = typed(console, *words, limit=at_most(resource.RLIMIT_AS, _MEMORY))
        refused(ran, 4, str(path))
        assert not console.db.exists()


def test_the_memory_limit_is_one(console: Console) -> None:
    """Under the limit of these tests a command ends where it would need so much more."""
    ran = typed(console, "--version", limit=at_most(resource.RLIMIT_AS, _MEMORY))
    assert ran.code == 0
    program = f"import sqlalchemy, cryptography.x509; bytes({_MEMORY})"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=False,
        preexec_fn=at_most(resource.RLIMIT_AS, _MEMORY),
    )
    assert b"MemoryError" in done.stderr


@pytest.mark.parametrize("source", [["cat", "/dev/zero"], ["yes", "peer,domains"]])
@pytest.mark.parametrize("words", [("add", "-", "--peer", "foo"), ("import", "-")])
def test_endless_input(console: Console, words: tuple[str, ...], source: list[str]) -> None:
    """A stream without an end is given up after the limit, in bounded memory."""
    endless = subprocess.Popen(source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert endless.stdout is not None
    ran = typed(
        console, *words, stdin=endless.stdout.fileno(), limit=at_most(resource.RLIMIT_AS, _MEMORY)
    )
    endless.stdout.close()
    endless.wait()
    refused(ran, 4, "MiB" if words[0] == "add" or source[0] == "cat" else "bad lines")
    assert not console.db.exists()


def test_a_chain_of_ten_thousand(console: Console, foo: certs.Made) -> None:
    """Refused by its number, before any of it is read closely."""
    path = console.write("chain.pem", foo.pem * 10_000)
    refused(typed(console, "add", path, "--peer", "foo"), 4, "chain")
    assert not console.db.exists()
