"""Killed at each system call, the private CA leaves no certificate that the inventory does not
know; and typed again, the command succeeds."""

from __future__ import annotations

import collections
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests import certs
from tests.authority import PASSPHRASE
from tests.faults.spawner import Ended, Spawner
from tests.tools import require
from trustctl.ca import carried, crossfile, offline
from trustctl.facts.pem import pem
from trustctl.files import TEMPORARY

pytestmark = pytest.mark.faults
ONLINE, DARK = ("--db", "online/trustctl.db"), ("--db", "dark/trustctl.db")
CALLS = ("pwrite64", "write", "fsync", "fdatasync", "syncfs", "rename", "link", "unlink", "mkdir")
"""The calls between which files come, change and go."""

HOSTS = ("mx1.bar.test", "mx2.bar.test", "mx3.bar.test")


@dataclass(frozen=True)
class Killed:
    """A command that is killed.

    Attributes:
        before: the commands that make the state in which it begins.
        done: what it says where it had done all, and died before it could say so.
    """

    words: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    done: str | None = None


_ROOT = (*DARK, "ca", "init", "--offline-root")
_REQUEST = (*ONLINE, "ca", "request", "--permit", "bar.test", "--out", "request.json")
_SIGN = (*DARK, "ca", "sign-request", "request.json", "--out", "answer.json", "--yes")
_INIT = (*ONLINE, "ca", "init", "--permit", "bar.test")
_PEERS = (*DARK, "ca", "init", "--offline-root", "--name", "peers")
_PIN = (*ONLINE, "add", "foo.pem", "--peer", "foo", "--domain", "foo.test", "--role", "authority",
        "--fingerprint", "FOO", "--vouched-by", "Ann <ann@bar.test>", "--via", "phone")  # fmt: skip
_ASK = (*ONLINE, "ca", "cross", "foo", "--ca", "peers", "--request", "request.json")
COMMANDS = {
    # test_kills looks at how an inventory begins; this is about the CA in it
    "init": Killed(_INIT, ((*_INIT, "--name", "other"),), "is there already"),
    "issue": Killed((*ONLINE, "ca", "issue", *HOSTS, "--out", "out"), (_INIT,), "exists already"),
    "issue into a new folder": Killed(
        (*ONLINE, "ca", "issue", *HOSTS, "--out", "new"), (_INIT,), "exists already"
    ),
    "request": Killed(_REQUEST, (_ROOT,), "exists already"),
    "sign-request": Killed(_SIGN, (_ROOT, _REQUEST), "exists already"),
    "accept": Killed(
        (*ONLINE, "ca", "accept", "answer.json", "--yes", "--fingerprint", "ROOT"),
        (_ROOT, _REQUEST, _SIGN),
        "accepted already",
    ),
    "accept about a peer's CA": Killed(
        (*ONLINE, "ca", "accept", "answer.json", "--yes", "--fingerprint", "ROOT"),
        (_PEERS, _PIN, _ASK, _SIGN),
        "accepted already",
    ),
}


class World:
    """A folder with two machines, and what is carried between them."""

    def __init__(self, folder: Path, spawner: Spawner, killed: Killed) -> None:
        self.path, self._template, self._spawner = folder / "world", folder / "begin", spawner
        self._killed = killed
        self._left: set[frozenset[tuple[str, int]]] = set()
        self.path.mkdir(parents=True)
        (self.path / "out").mkdir(mode=0o700)
        for name in ("online", "dark"):
            (self.path / name).mkdir(mode=0o700)
        foo = certs.authority("Foo CA")
        (self.path / "foo.pem").write_bytes(foo.pem)
        for words in killed.before:
            ended = self.run(tuple(foo.fingerprint if one == "FOO" else one for one in words))
            assert ended.code == 0, ended.err
        self.words = tuple(self._root() if one == "ROOT" else one for one in killed.words)
        shutil.copytree(self.path, self._template)

    def _root(self) -> str:
        ended = self.run((*DARK, "ca", "list", "--authorities", "--json"))
        found: str = json.loads(ended.out)[0]["fingerprint"]
        return found

    def run(self, words: tuple[str, ...], *strace: str) -> Ended:
        """Run a command."""
        return self._spawner.run(self.path, words, strace)

    def restore(self) -> None:
        """Bring back the state before."""
        shutil.rmtree(self.path)
        shutil.copytree(self._template, self.path)

    def counts(self) -> collections.Counter[str]:
        """How often each call is made in a run that nobody disturbs."""
        log = self.path.parent / "calls"
        ended = self.run(self.words, "-o", str(log), "-e", "trace=" + ",".join(CALLS))
        assert ended.code == 0, ended.err
        self.look("undisturbed")
        lines = [one for one in log.read_text().splitlines() if not one.startswith(("+++", "---"))]
        return collections.Counter(one.partition("(")[0] for one in lines)

    def look(self, why: str) -> None:
        """The inventories and their journals are sound, and what is outside of them is in them."""
        known: set[str] = set()
        for name, db in (("online", ONLINE), ("dark", DARK)):
            if not (self.path / name / "trustctl.db").exists():
                continue
            ended = self.run((*db, "db", "check"))  # its journal too
            assert ended.code == 0, (why, ended)
            listed = json.loads(self.run((*db, "ca", "list", "--all", "--json")).out)
            known |= {one["fingerprint"] for one in listed}
        for one in self.certificates():
            assert one.fingerprint(hashes.SHA256()).hex() in known, why
        for path in self.issued():
            leaf = x509.load_pem_x509_certificates(path.read_bytes())[0]
            key = load_pem_private_key(path.with_suffix(".key").read_bytes(), None)
            assert leaf.public_key() == key.public_key(), why
        for path in self.path.glob("**/*.key"):
            assert path.stat().st_mode & 0o777 == 0o600, why

    def issued(self) -> list[Path]:
        """The files of hosts' certificates that anybody would look at."""
        return [*self.path.glob("out/*.crt"), *self.path.glob("new/*.crt")]

    def certificates(self) -> Iterator[x509.Certificate]:
        """Every certificate that is anywhere in a file; none is torn."""
        for path in self.issued():
            yield from x509.load_pem_x509_certificates(path.read_bytes())
        answer = self.path / "answer.json"
        if answer.exists() and answer.stat().st_size:
            text = answer.read_bytes()
            about_peer = carried.kind_of_file(text, "answer") == carried.CROSS_ANSWER
            found = (crossfile if about_peer else offline).read_answer(text, "answer")
            for der in (found.certificate, found.root):
                yield x509.load_pem_x509_certificate(pem(der))

    def kill(self, call: str, number: int) -> None:
        """Let it be killed on entering the numbered call, look, and let it run again."""
        self.restore()
        why = f"killed at {call} {number}"
        ended = self.run(
            self.words, "-o", "/dev/null", "-e", f"trace={call}", "-e",
            f"inject={call}:signal=SIGKILL:when={number}",
        )  # fmt: skip
        assert ended.code == -signal.SIGKILL, f"{why}: {ended}"
        left = signature(self.path)
        if left in self._left:
            return  # the files are there, and as long, as an earlier kill left them
        self._left.add(left)
        self.look(why)
        again = self.run(self.words)
        if again.code != 0:
            assert self._killed.done is not None, (why, again)
            assert self._killed.done in again.err, (why, again)
        self.assert_complete(f"{why}, typed again")

    def assert_complete(self, why: str) -> None:
        """All that the command makes is there, known, and of use."""
        self.look(why)
        if "issue" in self.words:
            assert {one.stem for one in self.issued() if one.stat().st_size} == {*HOSTS}, why
            assert not list(self.path.rglob(f"{TEMPORARY}*")), why
        elif "request" in self.words:
            assert (self.path / "request.json").stat().st_size, why
        elif "sign-request" in self.words:
            assert (self.path / "answer.json").stat().st_size, why
        elif _ASK in self._killed.before:
            (shown,) = json.loads(self.run((*ONLINE, "show", "foo", "--json")).out)
            assert [one["held_to"] for one in shown["pins"]] == [["foo.test"]], why
        else:
            ended = self.run(
                (*ONLINE, "ca", "issue", "mx9.bar.test", "--out", "out", "--ca", "main")
            )
            assert ended.code == 0, (why, ended)


@pytest.fixture(scope="module")
def secretive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spawner]:
    """Starts ``trustctl`` for somebody who knows the passphrase."""
    folder = tmp_path_factory.mktemp("spawner")
    secret = folder / "passphrase"
    secret.write_bytes(PASSPHRASE + b"\n")
    secret.chmod(0o600)
    before = os.environ.get("TRUSTCTL_CA_PASSPHRASE_FILE")
    os.environ["TRUSTCTL_CA_PASSPHRASE_FILE"] = str(secret)
    made = Spawner(folder)
    yield made
    made.close()
    if before is None:
        del os.environ["TRUSTCTL_CA_PASSPHRASE_FILE"]
    else:
        os.environ["TRUSTCTL_CA_PASSPHRASE_FILE"] = before


def signature(folder: Path) -> frozenset[tuple[str, int]]:
    """What is there, by kind of file and size: names are made of keys and process ids, and what is
    written into the database at one call is as long at every run."""
    return frozenset(
        (f"{one.parent.relative_to(folder)}/{one.suffix}{index}", one.stat().st_size)
        for index, one in enumerate(sorted(folder.rglob("*")))
        if one.is_file()
    )


def chosen(call: str, count: int) -> list[int]:
    """The calls to stop at: all, but of the many writes to the database some."""
    numbers = list(range(1, count + 1))
    if call not in ("pwrite64", "write", "fchmod", "fchown", "flock") or count <= 6:
        return numbers
    return sorted({*numbers[:2], *numbers[2:-2:30], *numbers[-2:]})


@pytest.mark.parametrize("name", COMMANDS)
def test_a_kill_at_any_call(
    secretive: Spawner, tmp_path: Path, name: str, record_property: Callable[[str, object], None]
) -> None:
    """Whatever was signed is known, whatever is in a file is whole, and the same command then
    succeeds, or says that all is there."""
    require("strace")
    world = World(tmp_path, secretive, COMMANDS[name])
    counts = world.counts()
    assert counts["fsync"] + counts["fdatasync"] > 1
    kills = 0
    for call, count in counts.items():
        for number in chosen(call, count):
            world.kill(call, number)
            kills += 1
    assert kills > 15
    record_property("kills", kills)
