"""``trustctl audit``: what is wrong, why it matters, and what to type."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trustctl.commands.findings import fail_on
from trustctl.commands.invocation import Invocation
from trustctl.commands.options import json_option

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from trustctl.facts.audit import AuditFacts, AuditTarget
    from trustctl.facts.live import Live
    from trustctl.facts.mta import MtaState
    from trustctl.facts.target import FileProblem
    from trustctl.inventory.generations import TargetRef


@click.command()
@click.option("--at", metavar="TIME", help="As if it were then: 2027-01-01, or +60d.")
@click.option("--live", is_flag=True, help="Ask the peers' hosts as well, as probe --all does.")
@click.option(
    "--store",
    "names",
    multiple=True,
    metavar="FILE|DIR|system",
    help="Look at this trust store alone: who is in it, and who should not be. Repeatable.",
)
@fail_on
@json_option
@click.pass_context
def audit(
    ctx: click.Context,
    at: str | None,
    live: bool,
    names: tuple[str, ...],
    fail_on: str,
    as_json: bool,
) -> None:
    """Look for what is wrong or soon will be.

    Inventory, journal, targets on disk, and what Exim is really configured to
    do; each finding with the command that mends it (share/doc/audit-rules.md).

    \b
    trustctl audit --store system        # what this machine trusts today
    """
    from trustctl import render
    from trustctl.commands import findings
    from trustctl.errors import UsageError
    from trustctl.facts.moment import parse_moment
    from trustctl.policy.audit import audit as run

    call: Invocation = ctx.obj
    if live and at is not None:
        raise UsageError("--live looks at this moment, --at at another", "leave one of them out")
    if live and names:
        raise UsageError("--live looks at hosts, --store at stores", "leave one of them out")
    now = call.now if at is None else parse_moment(at, call.now)
    if names:
        from trustctl.commands import stores

        found = stores.audit(call, names, now, quiet=as_json)
        if as_json:
            render.as_json([findings.as_json(one) for one in found])
        findings.show([] if as_json else found)
        if findings.fails(found, fail_on):
            ctx.exit(1)
        return
    seen = _look(call, quiet=as_json) if live else None
    facts = _gather(call, now)
    found = run(facts if seen is None else replace(facts, live=seen))
    if as_json:
        render.as_json([findings.as_json(one) for one in found])
    elif not found:
        render.line("nothing found: every protected domain has a trusted pin, and it is in force")
    findings.show([] if as_json else found)
    if findings.fails(found, fail_on):
        ctx.exit(1)


def _look(call: Invocation, *, quiet: bool) -> Live:
    """What every peer's hosts present now; kept, as ``probe --all`` keeps it."""
    from trustctl import render
    from trustctl.commands.wire.probing import Probe
    from trustctl.commands.wire.reach import DEFAULTS

    run = Probe(call, (), DEFAULTS)
    live = run.look(quiet=quiet)
    run.keep()
    render.note(*run.notes)
    return live


def _gather(call: Invocation, now: int) -> AuditFacts:
    from trustctl.commands.ahead import Lookout
    from trustctl.commands.ca import compiled
    from trustctl.facts.audit import AuditFacts
    from trustctl.intake.roots import public_roots
    from trustctl.inventory import announcements, dane, generations, observations, snapshot, upkeep
    from trustctl.inventory.settings import read_settings
    from trustctl.inventory.verify import verify

    path = call.path
    with call.reading() as tx:
        broken = upkeep.check(tx.connection) or verify(tx.connection)
        peers = tuple(snapshot.read_peers_by_name(tx.connection))
        announced = tuple(announcements.of_peers(tx.connection))
        rolling = {one.pin for one in announced}
        return AuditFacts(
            now=now,
            settings=read_settings(tx.connection),
            peers=peers,
            targets=tuple(
                _known_target(tx.connection, one, path, now)
                for one in generations.targets(tx.connection)
            ),
            journal_problems=tuple(broken),
            database_problems=tuple(_exposed(path)),
            public_roots=public_roots(),
            ca=compiled.facts(tx.connection, now),
            dane=tuple(dane.hosts(tx.connection, now)),
            chains=Lookout(tx.connection, now).chains(peers),
            observations=tuple(
                seen
                for peer in peers
                if not rolling.isdisjoint([pin.id for pin in peer.pins])
                for seen in observations.of_peer(tx.connection, peer.name)
            ),
            announcements=announced,
        )


def _exposed(path: Path) -> list[FileProblem]:
    from trustctl.facts.target import FileProblem

    found = []
    for one, allowed in ((path, 0o077), (path.parent, 0o022)):
        mode = stat.S_IMODE(os.stat(one).st_mode)
        sticky = mode & stat.S_ISVTX and allowed == 0o022
        if mode & allowed and not sticky:
            found.append(FileProblem(str(one), "mode", f"mode {mode:04o}: others may use it"))
    return found


def _known_target(connection: Connection, ref: TargetRef, database: Path, now: int) -> AuditTarget:
    """The target; what cannot be told of it where its format, somebody else's, cannot be loaded."""
    from trustctl.errors import UsageError
    from trustctl.facts.audit import AuditTarget
    from trustctl.facts.target import TargetState

    try:
        return _target(connection, ref, database, now)
    except UsageError as error:
        state = TargetState(ref.path, ref.format, exists=True)
        empty: frozenset[str] = frozenset()
        return AuditTarget(state, ref.current, True, {}, empty, empty, unknown=error.message)


def _target(connection: Connection, ref: TargetRef, database: Path, now: int) -> AuditTarget:
    import hashlib

    from trustctl.commands import debian, inbound, postfix
    from trustctl.commands.ca import compiled
    from trustctl.commands.compilation import Compiler
    from trustctl.commands.tree import Tree
    from trustctl.facts.audit import AuditTarget
    from trustctl.inventory import distrusts, journal, revocations
    from trustctl.inventory.settings import read_settings
    from trustctl.publish.inspect import inspect
    from trustctl.publish.place import place_of

    place = place_of(ref.path, ref.format, database)
    state = inspect(place)
    tree = Tree(place) if place.is_tree else None
    if tree is not None:
        tree.lists = compiled.lists(connection, now)
    compiler = Compiler(connection, read_settings(connection), now, place.format, tree=tree)
    entries: dict[str, str] = {}
    prints: set[str] = set()
    for peer in compiler.peers(None):
        entries.update(peer.entries)
        for block in peer.blocks:
            digits = block.split(b"sha256=", 1)[1].split(b" ", 1)[0]
            prints.add(digits.decode().replace(":", "").lower())
    more: dict[str, str] = {}
    if tree is not None:
        more = tree.digests()
    if place.has_mta:
        files = compiled.files(connection, now) if place.is_exim else {}
        files |= inbound.files(connection, place, now)
        for name, content in files.items():
            more[name] = hashlib.sha256(content).hexdigest()
    known = state.current is not None and (
        journal.hash_at(connection, state.current.checkpoint.seq) == state.current.checkpoint.hash
    )
    return AuditTarget(
        state=state,
        recorded=ref.current,
        checkpoint_known=known,
        entries=entries,
        fingerprints=frozenset(prints),
        denied=frozenset(
            [
                *distrusts.distrusted_fingerprints(connection),
                *revocations.pinned_fingerprints(connection),
            ]
        ),
        more=more,
        mta=_mta(place.directory, entries, receives=place.receives)
        if place.is_exim
        else postfix.state(place, [] if tree is None else tree.unheld(connection)),
        system=debian.state(place),
    )


def _mta(directory: Path, domains: Iterable[str], *, receives: bool) -> MtaState:
    from trustctl.export.exim import configuration as texts_for
    from trustctl.publish import configuration, exim

    texts = texts_for(str(directory), receives=receives)
    return exim.state(configuration.site(directory), texts, domains)
