"""Joins the layers for a proof: inventory, policy, throwaway certificates, exporter."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from trustctl import files
from trustctl.commands.compilation import Compiler
from trustctl.commands.invocation import Invocation
from trustctl.errors import ConflictError, TargetError, UsageError
from trustctl.facts.names import parse_peer_name
from trustctl.facts.proof import INSTALLED, Attempt, Rehearsal
from trustctl.inventory import distrusts, generations, snapshot
from trustctl.inventory.settings import read_settings
from trustctl.prove.attacks import attempts
from trustctl.prove.stand import Compile, Stand, World, all_data

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from trustctl.facts.proof import Proven
    from trustctl.facts.records import Peer, PeerTrust


_NOT_ALONE = "Postfix refuses no single certificate below a peer's authority (postfix.md)"


def choose(call: Invocation, named: str | None) -> str:
    """The kind of MTA that is meant: named, or installed, or of the two that which was exported to.

    Raises:
        UsageError: it cannot be told, or there is none.
    """
    from trustctl.prove import run

    if named is not None:
        return named
    found = run.installed()
    if len(found) > 1:
        with call.reading() as tx:
            formats = {one.format for one in generations.targets(tx.connection)}
        found = [one for one in found if one in formats] or found
    if len(found) > 1:
        raise UsageError(
            f"{' and '.join(found)} are both installed here: which one is it?",
            f"trustctl prove --mta {found[0]}",
        )
    return found[0]


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
        compiler = Compiler(tx.connection, read_settings(tx.connection), call.now, mta)
        refused = frozenset(distrusts.distrusted_fingerprints(tx.connection))
        trusts = {one.peer: one for one in compiler.trust(peers, refused)}
        if mta == "exim":
            from trustctl.export.exim import compile_peer

            compiled: Compile = compile_peer
            now = dict(entry for one in compiler.peers(ids) for entry in one.entries)
        else:
            trusts = {name: _fitting(one) for name, one in trusts.items()}
            compiled = _for_postfix(program, call.now)
            now = dict(each for one in trusts.values() for each in compiled(one, ()).entries)
    world = World(call.now)
    stands = [Stand(trusts[one.name], one.mx_hosts, world) for one in peers]
    found: list[Attempt] = []
    installed: dict[str, str] = {}
    for stand, one in zip(stands, peers, strict=True):
        for domain in one.domains if names else one.domains[:1]:
            found += attempts(stand.at(domain), world)
            installed[domain] = now[domain]
    if mta == "postfix":
        below = {stand.peer for stand in stands if stand.authority is not None}
        found = [
            replace(one, obstacle=_NOT_ALONE)
            if one.attack == "distrusted" and one.peer in below
            else one
            for one in found
        ]
    # the data as they are installed are overwritten by the others
    found.sort(key=lambda one: one.data != INSTALLED)
    data = all_data(stands, world, compiled)
    lists, public = world.lists(), world.public_ca.pem
    made = Rehearsal(mta, program, tuple(found), data, lists, installed, public, keep)
    return made, left_out


def _for_postfix(program: str, now: int) -> Compile:
    """What has expired is left out, as policy leaves it out of an export: Postfix does not look."""
    from trustctl.export.postfix import ANCHORS, anchor_name, entries, policy
    from trustctl.facts.compiled import CompiledPeer
    from trustctl.prove import installed

    named = installed.data(program)
    directory = installed.configuration(program) if named is None else named[0]
    anchors = f"{directory}/trustctl/current/{ANCHORS}"

    def compiled(trust: PeerTrust, _denied: Sequence[str]) -> CompiledPeer:
        alive = [one for one in trust.certificates if not 0 < one.not_after <= now]
        trust = replace(trust, certificates=tuple(alive))
        content = policy(trust, anchors)[1]
        sets = () if content is None else ((anchor_name(content), content),)
        return CompiledPeer(trust.peer, tuple(entries([trust], anchors).items()), sets)

    return compiled


def _fitting(trust: PeerTrust) -> PeerTrust:
    """Whom Postfix can hold to it: not our own CA, whose revocation list it does not read."""
    from trustctl.export.format import bounded
    from trustctl.export.postfix import FORMAT

    return bounded(trust, FORMAT)[0]


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
