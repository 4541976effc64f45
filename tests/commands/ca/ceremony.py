"""Two machines, one of them without a network, and the files that are carried between them."""

from __future__ import annotations

import base64
import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests import certs
from tests.authority import PASSPHRASE, OwnCa
from tests.certs import Made
from tests.console import Console
from trustctl.ca import keyfile
from trustctl.ca.draft import draft, new_serial
from trustctl.ca.finish import finish
from trustctl.ca.kinds import kind_of
from trustctl.ca.profile import load
from trustctl.ca.signer import KeySigner
from trustctl.facts.der import subject_public_key_info
from trustctl.facts.issuance import Template


class Ceremony:
    """Two machines, and the files that are carried between them."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, begin: bool = True
    ) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self.online, self.dark = self.machine("online"), self.machine("dark")
        if begin:
            self.dark("init", "--offline-root")

    def machine(self, name: str) -> OwnCa:
        """One more of them."""
        (self.folder / name).mkdir(exist_ok=True)
        return OwnCa(Console(self.folder / name), self._monkeypatch)

    def path(self, name: str) -> str:
        """A file that is carried."""
        return str(self.folder / name)

    def request(self, name: str = "request", *words: str) -> str:
        """A request; its path."""
        self.online("request", "--out", self.path(name), *words)
        return self.path(name)

    def answer(self, request: str, name: str = "answer", *words: str) -> str:
        """The answer to it; its path."""
        self.dark("sign-request", request, "--out", self.path(name), "--yes", *words)
        return self.path(name)

    @property
    def root(self) -> str:
        """The root's fingerprint, as it is read out where it is."""
        found: str = self.dark("list", "--authorities", "--json").json[0]["fingerprint"]
        return found

    def accept(self, answer: str, *words: str, code: int = 0) -> str:
        """Take an answer; what was said."""
        ran = self.online("accept", answer, "--yes", "--fingerprint", self.root, *words, code=code)
        return ran.out + ran.err

    def refused(self, answer: str, said: str, code: int = 4, *words: str) -> None:
        """An answer that is not taken, and changes nothing."""
        how = words or ("--yes", "--fingerprint", self.root)
        ran = self.online.console.fails("ca", "accept", answer, *how, code=code)
        assert said in ran.err, ran

    def changed(self, file: str, **fields: object) -> str:
        """The file, altered on its way."""
        path = self.folder / "changed"
        path.write_text(json.dumps(json.loads(Path(file).read_text()) | fields))
        return str(path)


class Peers(Ceremony):
    """The same where the root on the dark machine is one for peers alone, and the other machine has
    pinned the CA of a peer. ``foo``: that CA."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, foo: Made | None) -> None:
        super().__init__(folder, monkeypatch, begin=False)
        self.foo = certs.authority("Foo CA", days=3000) if foo is None else foo
        if foo is None:
            self.dark("init", "--offline-root", "--name", "peers")
            self.online.console.pin(self.foo, "foo", "--role", "authority")

    def ask(self, name: str = "request", *words: str, ca: str | None = "peers") -> str:
        """A request about foo's CA; its path."""
        which = () if ca is None else ("--ca", ca)
        self.online("cross", "foo", "--request", self.path(name), *which, *words)
        return self.path(name)

    def held(self, name: str = "answer", *words: str) -> str:
        """Foo's CA is held to names: asked, signed, accepted; the answer's path."""
        answer = self.answer(self.ask(f"{name}.request", *words), name)
        self.accept(answer)
        return answer

    def forged(self, answer: str, **changed: Any) -> str:
        """The answer with another certificate, that the root's key has signed all the same."""
        root = base64.b64decode(json.loads(Path(answer).read_text())["root"])
        (file,) = (self.dark.console.db.parent / "ca").glob("*.key")
        key, now = keyfile.load(file, PASSPHRASE), int(time.time())
        wanted = Template(
            load("peer-cross"), "foo", (), subject_public_key_info(self.foo.der), new_serial(),
            now - 3600, now + 86400, ("foo.test",), self.foo.der,
        )  # fmt: skip
        wanted = replace(wanted, **changed)
        made = draft(wanted, x509.load_der_x509_certificate(root), kind_of(key.public_key()))
        der = base64.b64encode(finish(made, KeySigner(key))).decode()
        return self.changed(answer, certificate=der, permit=list(wanted.permitted or ()))


def tbs(said: str) -> str:
    """The TBS hash that was shown."""
    found = re.search(r"TBS SHA-256 +((?:[0-9A-F]{4} ?){8})\n +((?:[0-9A-F]{4} ?){8})", said)
    assert found is not None, said
    return (found[1] + found[2]).replace(" ", "").lower()


def reserved(machine: OwnCa) -> list[str]:
    """The TBS hashes that a machine's journal tells of."""
    found = machine.console("journal", "--json").json
    return [one["details"]["tbs_sha256"] for one in found if one["action"] == "ca.reserve"]
