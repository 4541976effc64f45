"""An inventory in a scratch folder, with the few calls that these tests make of it."""

from __future__ import annotations

import hashlib
import io
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from tests.certs import DAY, KeyKind, Made, PrivateKey, self_signed
from trustctl.facts.addition import Added, Addition, Evidence, Imported, NewVouch
from trustctl.facts.certificate import parse_certificate
from trustctl.facts.records import Peer, Role
from trustctl.intake.additions import read_addition
from trustctl.intake.rows import RowError, read_rows
from trustctl.inventory import journal, pins, snapshot, transfer
from trustctl.inventory.additions import Additions
from trustctl.inventory.dump import dump
from trustctl.inventory.journal import Entry
from trustctl.inventory.pins import PinRef
from trustctl.inventory.settings import read_settings
from trustctl.inventory.transaction import WriteTransaction, reading, writing
from trustctl.inventory.verify import verify
from trustctl.policy.trust import judge

NOW = 1_900_000_000
"""2030-03-17T17:46:40Z: the moment of what these tests do, unless they say otherwise."""

ANN = NewVouch("Ann <ann@bar.test>", "phone")
BOB = NewVouch("Bob <bob@bar.test>", "post", "their letter of May")
LONG = 900
"""Days that the certificates here are valid, from a day before ``NOW``."""

_T = TypeVar("_T")


def strong(name: str = "mx.foo.test", *, key: KeyKind | PrivateKey = "p256") -> Made:
    """A self-signed certificate that is valid at ``NOW``."""
    return self_signed(name, days=LONG, not_before=NOW - DAY, key=key)


def evidence(made: Made | bytes) -> Evidence:
    """A certificate as the core takes it."""
    der = made if isinstance(made, bytes) else made.der
    return Evidence(parse_certificate(der), der)


def addition(
    peer: str,
    made: Made | bytes,
    *domains: str,
    role: Role = "host",
    chain: tuple[Made | bytes, ...] = (),
    mx_hosts: tuple[str, ...] = (),
    vouches: tuple[NewVouch, ...] = (ANN,),
) -> Addition:
    """What ``trustctl add`` would ask for."""
    above = tuple(evidence(one) for one in chain)
    return Addition(peer, domains, role, evidence(made), above, mx_hosts, vouches)


def fingerprints(path: Path) -> dict[str, str]:
    """The name and the SHA-256 of every file in a folder: what must not change."""
    return {
        one.name: hashlib.sha256(one.read_bytes()).hexdigest()
        for one in path.iterdir()
        if one.is_file()
    }


class Store:
    """One inventory. ``path`` need not exist before the first write."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def writing(self, *, now: int = NOW, actor: str = "root") -> Iterator[WriteTransaction]:
        """A write transaction; makes the inventory where there is none."""
        with writing(self.path, actor, now, create=True) as tx:
            yield tx

    def change(self, step: Callable[[WriteTransaction], object], *, now: int = NOW) -> None:
        """Run ``step`` in a transaction of its own."""
        with self.writing(now=now) as tx:
            step(tx)

    def add(self, *wanted: Addition, now: int = NOW) -> list[Added]:
        """Add these, each in a transaction of its own."""
        done = []
        for one in wanted:
            with self.writing(now=now) as tx:
                done.append(Additions(tx).add(one))
        return done

    def ask(self, question: Callable[[Connection], _T]) -> _T:
        """What ``question`` answers on a reading connection."""
        with reading(self.path) as tx:
            return question(tx.connection)

    def pin(self, subject: str, *, active: bool = True) -> PinRef:
        """The one pin that ``subject`` names."""
        (found,) = self.ask(lambda c: pins.find(c, subject, active=active))
        return found

    def peers(self) -> dict[str, Peer]:
        """All peers by name."""
        return {one.name: one for one in self.ask(lambda c: list(snapshot.read_peers(c)))}

    def trusted(self, now: int = NOW) -> set[tuple[str, tuple[str, ...], str, str]]:
        """Who is trusted: (peer, its domains, fingerprint, role)."""
        settings = self.ask(read_settings)
        return {
            (peer.name, peer.domains, pin.certificate.fingerprint, pin.role)
            for peer in self.peers().values()
            for pin in peer.pins
            if judge(pin, settings, now).trusted
        }

    def verify(self) -> list[str]:
        """What does not fit."""
        return self.ask(verify)

    def journal(self, **options: str | int) -> list[Entry]:
        """The entries."""
        return self.ask(lambda c: list(journal.entries(c, **options)))  # type: ignore[arg-type]

    def dump(self) -> str:
        """What ``trustctl dump`` prints."""
        return self.ask(lambda c: "".join(f"{line}\n" for line in dump(c)))

    def import_(self, text: str, *, now: int = NOW) -> None:
        """Import JSON Lines, as ``trustctl import`` does; every line has to be good."""
        rows = parse_rows(text, now=now)
        with self.writing(now=now) as tx:
            assert transfer.apply(tx, rows) == []

    def imported_into(self, folder: Path) -> Store:
        """An empty inventory in ``folder`` that has imported the dump."""
        other = Store(folder / "again" / "trustctl.db")
        other.import_(self.dump())
        return other

    @contextmanager
    def raw(self, *, as_attacker: bool = False) -> Iterator[sqlite3.Connection]:
        """The file as any other program opens it: plain sqlite3, commits at the end.

        Args:
            as_attacker: with every trigger dropped, and put back at the end.
        """
        connection = sqlite3.connect(self.path, isolation_level=None)
        try:
            triggers = connection.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            ).fetchall()
            for name, _sql in triggers if as_attacker else ():
                connection.execute(f'DROP TRIGGER "{name}"')
            yield connection
            for _name, sql in triggers if as_attacker else ():
                connection.execute(sql)
        finally:
            connection.close()


def parse_rows(text: str, *, now: int = NOW) -> list[tuple[int, Imported]]:
    """The lines of an import as what they ask for."""
    rows = []
    for row in read_rows(io.BytesIO(text.encode()), "peers.jsonl"):
        assert not isinstance(row, RowError), row
        line, values = row
        rows.append((line, read_addition(values, folder=".", actor="root", now=now)))
    return rows
