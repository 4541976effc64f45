"""Joins the layers for a proof: inventory, policy, throwaway certificates, exporter."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from trustctl import files
from trustctl.commands.compilation import Compiler
from trustctl.commands.invocation import Invocation
from trustctl.errors import ConflictError, TargetError
from trustctl.export.exim import compile_peer
from trustctl.facts.names import parse_peer_name
from trustctl.facts.proof import INSTALLED, Attempt, Rehearsal
from trustctl.inventory import distrusts, snapshot
from trustctl.inventory.settings import read_settings
from trustctl.prove.attacks import attempts
from trustctl.prove.stand import Stand, World, all_data

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from trustctl.facts.proof import Proven
    from trustctl.facts.records import Peer


def rehearse(
    call: Invocation,
    mta: str,
    program: str,
    names: Sequence[str],
    *,
    at_most: int,
    keep: bool,
) -> tuple[Rehearsal, int]:
    """What is to be played, and how many peers are left out.

    Args:
        names: the peers, with all their domains; none: the first ones that protect a domain, with
            one domain each.

    Raises:
        ConflictError: no such peer, or none with a domain.
    """
    with call.reading() as tx:
        ids, peers, left_out = _peers(tx.connection, names, at_most)
        compiler = Compiler(tx.connection, read_settings(tx.connection), call.now, "exim")
        refused = frozenset(distrusts.distrusted_fingerprints(tx.connection))
        trusts = {one.peer: one for one in compiler.trust(peers, refused)}
        now = dict(entry for one in compiler.peers(ids) for entry in one.entries)
    world = World(call.now)
    stands = [Stand(trusts[one.name], one.mx_hosts, world) for one in peers]
    found: list[Attempt] = []
    installed: dict[str, str] = {}
    for stand, one in zip(stands, peers, strict=True):
        for domain in one.domains if names else one.domains[:1]:
            found += attempts(stand.at(domain), world)
            installed[domain] = now[domain]
    # the data as they are installed are overwritten by the others
    found.sort(key=lambda one: one.data != INSTALLED)
    data = all_data(stands, world, compile_peer)
    lists, public = world.lists(), world.public_ca.pem
    made = Rehearsal(mta, program, tuple(found), data, lists, installed, public, keep)
    return made, left_out


def _peers(
    connection: Connection, names: Sequence[str], at_most: int
) -> tuple[list[int], list[Peer], int]:
    """The ids of the peers that are played, the peers, and how many are left out."""
    wanted = dict.fromkeys(parse_peer_name(one) for one in names)
    left_out = 0
    if not names:
        stream = (one.name for one in snapshot.read_peers_by_name(connection) if one.domains)
        wanted = dict.fromkeys(islice(stream, at_most))
        left_out = sum(1 for _one in stream)
    ids, found = [], []
    for name in wanted:
        one, number = next(
            snapshot.read_peers_with_ids(connection, where=snapshot.named(name)), (None, 0)
        )
        if one is None:
            raise ConflictError(f"there is no peer {name}", "trustctl list shows the peers")
        if not one.domains:
            raise ConflictError(
                f"{name} has no protected domain: there is nothing to prove",
                f"trustctl add peer.pem --peer {name} --domain DOMAIN",
            )
        ids.append(number)
        found.append(one)
    if not found:
        raise ConflictError(
            "no peer has a protected domain: there is nothing to prove",
            "trustctl add peer.pem --peer NAME --domain DOMAIN",
        )
    return ids, found, left_out


def free(path: str) -> Path:
    """Where a folder is to be made at the end.

    Raises:
        TargetError: something is there already, or the folder above is not.
    """
    from pathlib import Path

    place = Path(os.path.abspath(path))
    if os.path.lexists(place):
        raise TargetError(f"{place} is there already", "name a folder that is not")
    if not place.parent.is_dir():
        raise TargetError(f"{place.parent} is not there", f"mkdir -p {place.parent}")
    return place


def keep(place: Path, texts: dict[str, str], found: Sequence[Proven]) -> None:
    """Write what was kept into a new folder: the MTA's texts, and what became of each attempt.

    Raises:
        TargetError: it cannot be written.
    """
    told = []
    for number, one in enumerate(found):
        attempt, outcome = one.attempt, one.outcome
        told.append(f"## {number} {attempt.domain} {attempt.attack} {attempt.kind} {outcome.did}\n")
        told += [f"{line}\n" for line in (outcome.why, *outcome.log) if line]
    with files.explained(place):
        place.mkdir(mode=0o700)
    for name, text in {**texts, "attempts": "".join(told)}.items():
        files.create(place / name, [text.encode("utf-8", "replace")], mode=0o600, group=None)
