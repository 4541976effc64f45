"""A target on disk and what is exported to it, without an inventory behind it."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests import certs
from tests.certs import Made
from tests.publish.box import tree
from tests.trusts import trust, trusted
from trustctl.export import bundle, cdb, exim
from trustctl.facts.compiled import Checkpoint, CompiledPeer
from trustctl.facts.records import Role
from trustctl.facts.target import FileProblem
from trustctl.publish import planning, store
from trustctl.publish.inspect import inspect
from trustctl.publish.place import Format, Place
from trustctl.publish.planning import Plan
from trustctl.publish.store import Published

NOW = 1_800_000_000


@functools.cache
def certificate(number: int) -> Made:
    """One of as many certificates as are asked for."""
    return certs.self_signed(f"mx{number}.test")


def peer(
    name: str,
    *numbers: int,
    domains: Iterable[str] | None = None,
    format_name: Format = "exim",
    role: Role = "host",
) -> CompiledPeer:
    """A peer with these certificates (none: nobody is trusted), for PEER.test unless told. Above
    each authority the next one is known: it has two sets."""
    given = trust(
        name,
        *[
            trusted(
                certificate(one),
                role,
                may_sign=role == "authority",
                issuers=(certificate(one + 1),) if role == "authority" else (),
            )
            for one in numbers
        ],
        domains=None if domains is None else tuple(domains),
    )
    return exim.compile_peer(given) if format_name == "exim" else bundle.compile_peer(given)


@dataclass
class Target:
    """A target; ``folder`` is a place of the test's own."""

    folder: Path
    format: Format = "exim"
    now: int = NOW
    place: Place = field(init=False)

    def __post_init__(self) -> None:
        directory = self.folder / "target"
        root = directory / "trustctl" if self.format == "exim" else self.folder / "kept" / "1"
        self.place = Place(directory, self.format, root, None)

    def peer(self, name: str, *numbers: int, domains: Iterable[str] | None = None) -> CompiledPeer:
        """A peer compiled for this target."""
        return peer(name, *numbers, domains=domains, format_name=self.format)

    def plan(
        self, *peers: CompiledPeer, last: bool = True, full: bool = True, whole: bool = False
    ) -> Plan:
        """What an export of these peers would do.

        Args:
            last: read the manifest. whole: read every set, as ``--force`` does.
        """
        found = planning.last_generation(self.place) if last else None
        looked_ns = planning.clock_ns()
        return planning.plan(
            self.place,
            peers,
            last=found,
            problems=planning.look(self.place, found, whole=whole),
            full=full,
            checkpoint=Checkpoint(self.now - NOW, "0" * 64),
            as_of=self.now,
            looked_ns=looked_ns,
        )

    def export(
        self, *peers: CompiledPeer, force: bool = False, last: bool = True, full: bool = True
    ) -> Published | None:
        """Export these peers; None where there was nothing to do."""
        self.now += 1
        planned = self.plan(*peers, last=last, full=full, whole=force)
        if planned.nothing_to_do:
            return None
        return store.carry_out(planned, now=self.now, force=force)

    def problems(self) -> list[FileProblem]:
        """What a whole look finds."""
        return list(inspect(self.place).problems)

    def kinds(self) -> set[tuple[str, str]]:
        """(kind, file name) of each problem."""
        return {(one.kind, Path(one.path).name) for one in self.problems()}

    def current(self, name: str) -> bytes:
        """A file of the generation in force."""
        return (self.place.current / name).read_bytes()

    def entries(self) -> dict[str, str]:
        """What Exim finds in the map."""
        found = dict(cdb.items(self.current("peers.cdb")))
        assert found.pop(exim.GUARD[0]) == exim.GUARD[1]
        return {key.decode(): value.decode() for key, value in found.items()}

    def sets(self) -> set[str]:
        """The names of the trust sets on disk; each is the hash of its content."""
        found = set()
        for one in self.place.sets.iterdir():
            assert hashlib.sha256(one.read_bytes()).hexdigest() == one.stem
            found.add(one.name)
        return found

    def tree(self) -> dict[str, str]:
        """All that lies there, but for the lock."""
        return {path: seen for path, seen in tree(self.folder).items() if Path(path).name != "lock"}
