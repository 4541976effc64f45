"""Joins the layers for an export: inventory, policy, exporter, and what lies at the target."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from trustctl.commands import debian
from trustctl.errors import TargetError, UsageError
from trustctl.facts.compiled import Checkpoint, CompiledPeer
from trustctl.facts.records import Cross, Held, Peer, PeerTrust, Settings, TrustedCertificate
from trustctl.inventory import (
    affected,
    crosses,
    distrusts,
    generations,
    hierarchies,
    journal,
    revocations,
    snapshot,
)
from trustctl.inventory.settings import read_settings
from trustctl.policy.trust import judge
from trustctl.publish.place import Format, Place

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from trustctl.commands.ahead import Lookout
    from trustctl.commands.tree import Tree
    from trustctl.publish.manifest import Manifest
    from trustctl.publish.planning import Begun, Plan

_AT_ONCE = 500
_PARTIAL_AT_MOST = 2000
DEFAULT_DIRECTORY = "/etc/exim4"


def choose(
    directory: str | None, format_name: str | None, connection: Connection | None
) -> tuple[str, Format]:
    """The target that the options mean: named, or the only one known, or /etc/exim4.

    Raises:
        UsageError: it cannot be told.
    """
    known = [] if connection is None else generations.targets(connection)
    if directory is None:
        fitting = [one for one in known if format_name in (None, one.format)]
        if len(fitting) == 1:
            return fitting[0].path, fitting[0].format
        if not fitting and os.path.isdir(DEFAULT_DIRECTORY) and format_name in (None, "exim"):
            return DEFAULT_DIRECTORY, "exim"
        if format_name == debian.NAME:
            return debian.DIRECTORY, debian.NAME
        raise UsageError(
            "--to is missing: which folder?"
            + (f" {len(fitting)} are known" if len(fitting) > 1 else ""),
            "trustctl export --to /etc/exim4",
        )
    path = os.path.abspath(directory)
    if format_name is None:
        from trustctl.publish.debian import looks_like_exim

        before = [one.format for one in known if one.path == path]
        if len(before) == 1:
            return path, before[0]
        format_name = "exim" if looks_like_exim(Path(path)) else "pem"
    return path, format_name


@dataclass(frozen=True, slots=True)
class Compiler:
    """Judges peers at a moment and compiles those whom it trusts, for one format; ``lookout`` is
    shown each of them. ``tree``: gathers them where all files are made of all peers."""

    connection: Connection
    settings: Settings
    as_of: int
    format: Format
    lookout: Lookout | None = None
    tree: Tree | None = None

    def peers(self, ids: list[int] | None) -> Iterator[CompiledPeer]:
        """The compiled peers: these, or all."""
        denied = distrusts.distrusted_fingerprints(self.connection)
        revoked = revocations.newest(self.connection)
        crossed = crosses.fingerprints(self.connection)
        for name, prints in crossed.items():
            # what a peer's CA signed is not for the domains of those who pin the root above it
            revoked[name] = [*revoked.get(name, ()), *prints]
        if self.tree is None:
            compile_peer = _exporter(self.format, denied, revoked)
        else:
            compile_peer = self.tree.begin()
        refused = frozenset(denied)
        parts: Iterator[list[Peer]]
        if ids is None:
            stream = snapshot.read_peers(self.connection)
            parts = iter(lambda: list(islice(stream, _AT_ONCE)), [])
        else:
            starts = range(0, len(ids), _AT_ONCE)
            parts = (
                list(snapshot.read_peers(self.connection, ids=ids[at : at + _AT_ONCE]))
                for at in starts
            )
        for part in parts:
            if self.lookout is not None:
                self.lookout.look(part)
            for trust in self.trust(part, refused):
                yield compile_peer(trust)

    def trust(self, peers: list[Peer], refused: frozenset[str]) -> Iterator[PeerTrust]:
        """What policy finds for these peers; ``refused``: fingerprints that are distrusted."""
        trusted = [
            (
                peer,
                [
                    (pin, verdict.vouches)
                    for pin in peer.pins
                    if (verdict := judge(pin, self.settings, self.as_of)).trusted
                ],
            )
            for peer in peers
        ]
        prints = [pin.certificate.fingerprint for _peer, pins in trusted for pin, _ in pins]
        held = [pin.cross for _peer, pins in trusted for pin, _ in pins if pin.cross is not None]
        chains = snapshot.chains(self.connection, prints)
        issuers = [one for chain in chains.values() for one in chain if one not in refused]
        ours = [each for one in held for each in (one.fingerprint, one.root)]
        ders = snapshot.ders(self.connection, [*prints, *issuers, *ours])
        names = hierarchies.hierarchy_of_keys(self.connection)
        for peer, pins in trusted:
            certificates = []
            for pin, vouches in pins:
                facts = pin.certificate
                chain = chains.get(facts.fingerprint, ())
                certificates.append(
                    TrustedCertificate(
                        facts.fingerprint,
                        pin.role,
                        ders[facts.fingerprint],
                        facts.not_after or 0,
                        facts.is_ca is not False,
                        tuple([ders[one] for one in chain if one in ders]),
                        names.get(facts.spki or "") if pin.role == "authority" else None,
                        None if pin.cross is None else _held(pin.cross, ders),
                        tuple([f"{one.voucher} ({one.channel})" for one in vouches]),
                    )
                )
            yield PeerTrust(peer.name, peer.domains, tuple(certificates), peer.mx_hosts)


def _held(cross: Cross, ders: Mapping[str, bytes]) -> Held:
    return Held(
        cross.fingerprint,
        ders[cross.fingerprint],
        cross.not_after,
        cross.root,
        ders[cross.root],
        cross.root_not_after,
    )


def _exporter(
    format_name: Format, denied: list[str], revoked: dict[str, list[str]]
) -> Callable[[PeerTrust], CompiledPeer]:
    if format_name == "pem":
        from trustctl.export.bundle import compile_peer

        return compile_peer
    from trustctl.export import exim

    return lambda trust: exim.compile_peer(trust, denied, revoked)


def make_plan(
    connection: Connection,
    place: Place,
    as_of: int,
    *,
    full: bool = False,
    more: Mapping[str, bytes] | None = None,
    lookout: Lookout | None = None,
    begun: Begun | None = None,
    tree: Tree | None = None,
) -> Plan:
    """Plan the next generation: from what changed since the last where that is known, else whole.

    Args:
        as_of: the moment to judge at. full: look at every peer and file, whatever is there.
        more: what else goes into it, path -> content (CRLs and staples). lookout: foresees what
            breaks, for whoever may differ from the last generation. begun: a look at the target,
            which may go on while the plan is carried out.
        tree: makes the files, where the target is one.

    Raises:
        TargetError: the target cannot be read.
    """
    from trustctl.publish import planning

    checkpoint = Checkpoint(*journal.head(connection))
    compiler = Compiler(connection, read_settings(connection), as_of, place.format, lookout, tree)
    last: Manifest | None = None
    look: Begun | None = None  # at the trust sets, which is finished last
    looked_ns = planning.clock_ns()
    if full:
        with suppress(TargetError):
            last = planning.last_generation(place)
        problems = planning.look(place, last, whole=True)
    else:
        look = begun
        if look is None or look.place != place or look.outdated:
            look = planning.begin(place)
        last, looked_ns, problems = look.last, look.at_ns, look.files()

    def plan(ids: list[int] | None) -> Plan:
        if lookout is not None:
            lookout.found, lookout.whole = [], ids is None
        planned = planning.plan(
            place,
            compiler.peers(ids),
            last=last,
            problems=problems,
            full=ids is None,
            checkpoint=checkpoint,
            as_of=as_of,
            more=more or {},
            looked_ns=looked_ns,
        )
        if tree is not None:
            planned.more = {**(more or {}), **tree.files(planned)}
            changes = planned.draft.changes
            planned.draft.changes = replace(changes, closed=tree.closed(planned))
        return planned

    # what is missing or was edited is to be written anew: that takes every peer
    whole = full or tree is not None or problems
    ids = None if whole else _changed_since(connection, place, last, as_of)
    planned = None if ids is None else plan(ids)
    if look is not None:
        goes_on = look is begun and look.search is not None
        if goes_on and planned is not None and not planned.nothing_to_do:
            planned.unfinished = look
            return planned
        problems += look.sets()
    return planned if planned is not None and not problems else plan(None)


def _changed_since(
    connection: Connection, place: Place, last: Manifest | None, as_of: int
) -> list[int] | None:
    """The peers that may differ from the last generation; None where all have to be looked at."""
    if last is None or last.stored.as_of > as_of:
        return None
    row = generations.row_of(last.stored)
    if not generations.is_recorded(connection, str(place.directory), place.format, row):
        return None  # not what was recorded: a killed export's, or a forged one
    seq, digest = last.stored.checkpoint.seq, last.stored.checkpoint.hash
    if journal.hash_at(connection, seq) != digest:
        return None  # another inventory wrote it
    if journal.tells(connection, "ca.authority", after_seq=seq):
        return None  # whoever pins an authority of ours is held to its CRL from then on
    ids = affected.affected(connection, after_seq=seq, since=last.stored.as_of, until=as_of)
    return ids if len(ids) <= _PARTIAL_AT_MOST else None
