"""The passphrase: where it may come from, and that it is nowhere else afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import certs
from tests.authority import PASSPHRASE, OwnCa
from tests.console import Console

MX = "mx.bar.test"
_WORDS = "nine words that nobody else would ever think of"


@pytest.fixture
def asked(own: OwnCa) -> Console:
    """A user who is asked: no file names the passphrase."""
    own.absent()
    return own.console


def _init(console: Console) -> None:
    terminal = console.terminal("ca", "init", "--permit", "bar.test")
    terminal.expect("New passphrase")
    terminal.type(_WORDS)
    terminal.expect("Again")
    terminal.type(_WORDS)
    assert terminal.end() == 0
    assert _WORDS not in terminal.seen


def test_a_person_is_asked_and_nothing_is_echoed(asked: Console) -> None:
    """Twice for a new one, again where the two differ; once for one that is known."""
    terminal = asked.terminal("ca", "init", "--permit", "bar.test")
    for answer, next_question in ((_WORDS, "Again"), ("another one", "do not match")):
        terminal.expect("New passphrase" if answer == _WORDS else "Again")
        terminal.type(answer)
        if answer != _WORDS:
            terminal.expect(next_question)
    for question in ("New passphrase", "Again"):
        terminal.expect(question)
        terminal.type(_WORDS)
    assert terminal.end() == 0
    assert _WORDS not in terminal.seen
    assert "another one" not in terminal.seen
    terminal = asked.terminal("ca", "issue", MX, "--out", str(asked.folder / "mail"))
    terminal.expect("Passphrase of the CA's keys")
    terminal.type(_WORDS)
    assert terminal.end() == 0
    assert _WORDS not in terminal.seen
    assert (asked.folder / "mail" / f"{MX}.crt").exists()


def test_a_wrong_answer_and_an_interruption(asked: Console) -> None:
    """Nothing is issued; no key stays; the terminal shows nothing of it."""
    _init(asked)
    terminal = asked.terminal("ca", "issue", MX, "--out", str(asked.folder / "mail"))
    terminal.expect("Passphrase of the CA's keys")
    terminal.type("not these words of it")
    assert terminal.end() == 2
    assert "not these words" not in terminal.seen
    terminal = asked.terminal("ca", "issue", MX, "--out", str(asked.folder / "mail"))
    terminal.expect("Passphrase of the CA's keys")
    assert terminal.leave(b"\x03") == 130
    assert asked("ca", "list", "--json").json == []
    assert set(asked.folder.rglob("*.key")) == set((asked.db.parent / "ca").iterdir())


def test_nobody_to_ask(asked: Console) -> None:
    """Without a terminal the error says how to give it."""
    _init(asked)
    ran = asked.fails("ca", "issue", MX, "--out", str(asked.folder / "mail"), code=2)
    assert "--passphrase-file" in ran.err
    assert "trustctl-ca-passphrase" in ran.err


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_file_that_others_may_read(ca: OwnCa, mode: int) -> None:
    """It is refused, wherever it is named; and what it holds is not shown."""
    ca.secret.chmod(mode)
    ran = ca.console.fails("ca", "issue", MX, "--out", "mail", code=4)
    assert "others may read" in ran.err
    assert PASSPHRASE.decode() not in ran.err
    ca.absent()
    words = ("--passphrase-file", str(ca.secret))
    ca.console.fails("ca", "issue", MX, "--out", "mail", *words, code=4)
    ca.secret.chmod(0o400)
    ca("issue", MX, "--out", "mail", *words)


def test_files_that_hold_none(ca: OwnCa) -> None:
    """Missing, empty, a folder: said, and nothing done."""
    ca.absent()
    empty = Path(ca.console.write("empty", b"\n"))
    empty.chmod(0o600)
    for path in ("absent", str(empty), str(ca.console.folder)):
        words = ("--passphrase-file", path)
        ca.console.fails("ca", "issue", MX, "--out", "mail", *words, code=4)


def test_a_file_of_another_system(ca: OwnCa) -> None:
    """CR LF at the end of the line, and further lines, are not part of it."""
    ca.secret.write_bytes(PASSPHRASE + b"\r\nsecond line\r\n")
    ca("issue", MX, "--out", "mail")


def test_a_systemd_credential(ca: OwnCa, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken where no file is named; one that is wrong is told from one that is not there."""
    ca.absent()
    folder = ca.console.folder / "credentials"
    folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    ca.console.fails("ca", "issue", MX, "--out", "mail", code=2)
    path = folder / "trustctl-ca-passphrase"
    path.write_bytes(PASSPHRASE)
    path.chmod(0o440)  # as systemd makes it for a service's user and group
    ca("issue", MX, "--out", "mail")
    path.chmod(0o600)
    path.write_bytes(b"not these words of it")
    ran = ca.console.fails("ca", "issue", "mx2.bar.test", "--out", "mail", code=2)
    assert "passphrase" in ran.err


def test_it_is_nowhere_afterwards(own: OwnCa, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a session of commands neither the passphrase nor a key of the CA in clear is in any
    file, the journal, or anything that was printed."""
    own.secret.write_bytes(_WORDS.encode() + b"\n")
    monkeypatch.setenv("TRUSTCTL_DEBUG", "1")
    folder, said = own.console.folder / "mail", []
    csr = certs.openssl(
        "req", "-new", "-newkey", "rsa:3072", "-nodes", "-keyout", "/dev/null", "-subj",
        "/CN=mx3.bar.test",
    )  # fmt: skip
    path = own.console.write("their.csr", csr)
    for words in (
        ("init", "--permit", "bar.test"),
        ("issue", MX, "--out", str(folder)),
        ("issue", MX, "--out", str(folder)),  # fails: it is there
        ("sign", path, "--out", str(folder / "mx3.crt")),
        ("renew", MX, "--out", str(folder)),
        ("rollover", "issuing", "--yes"),
        ("rollover", "root", "--yes"),
        ("revoke", "mx3.bar.test", "--reason", "superseded", "--yes"),
        ("crl", "--of", "all", "--out", str(own.console.folder / "all.crl")),
        ("ocsp", "--out", str(folder)),
        ("list", "--all", "--json"),
    ):
        ran = own.console.any("ca", *words)
        said.append(ran.out + ran.err)
    said.append(own.console("journal", "--json").out)
    assert "main/root-2" in str(said)
    keys = (own.console.db.parent / "ca").iterdir()
    opened = [
        certs.openssl("pkey", "-in", str(one), "-passin", f"file:{own.secret}", "-outform", "DER")
        for one in keys
    ]
    assert len(opened) == 4
    secrets = [_WORDS.encode(), *opened]
    for one in own.console.folder.rglob("*"):
        if one.is_file() and one != own.secret:
            data = one.read_bytes()
            assert not [each for each in secrets if each in data], one
    assert _WORDS not in str(said)
