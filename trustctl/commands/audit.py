"""``trustctl audit``: what is wrong, why it matters, and what to type."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trustctl.commands.invocation import Invocation
from trustctl.commands.options import json_option

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from trustctl.facts.audit import AuditFacts, AuditTarget
    from trustctl.facts.mta import MtaState
    from trustctl.facts.target import FileProblem
    from trustctl.inventory.generations import TargetRef

_LEVELS = ["notice", "warning", "error", "never"]


@click.command()
@click.option("--at", metavar="TIME", help="As if it were then: 2027-01-01, or +60d.")
@click.option(
    "--fail-on",
    type=click.Choice(_LEVELS),
    default="warning",
    metavar="LEVEL",
    help="Exit with 1 at a finding of this severity or a worse one: notice, warning, error, or "
    "never. [default: warning]",
)
@json_option
@click.pass_context
def audit(ctx: click.Context, at: str | None, fail_on: str, as_json: bool) -> None:
    """Look for what is wrong or soon will be.

    Inventory, journal, targets on disk, and what Exim is really configured to
    do; each finding with the command that mends it (share/doc/audit-rules.md).
    """
    from trustctl import render
    from trustctl.facts.moment import parse_moment
    from trustctl.policy.audit import audit as run

    call: Invocation = ctx.obj
    now = call.now if at is None else parse_moment(at, call.now)
    found = run(_gather(call, now))
    if as_json:
        render.as_json(
            [
                {
                    "rule": one.rule,
                    "severity": one.severity.label,
                    "subject": one.subject,
                    "what": one.what,
                    "why": one.why,
                    "fix": one.fix,
                }
                for one in found
            ]
        )
    elif not found:
        render.line("nothing found: every protected domain has a trusted pin, and it is in force")
    for one in [] if as_json else found:
        render.line(f"{one.severity.label.upper()}: {one.subject}: {one.what}  [{one.rule}]")
        render.line(f"  why: {one.why}")
        render.line(f"  fix: {one.fix}")
    limit = _LEVELS.index(fail_on) + 1
    if any(one.severity >= limit for one in found):
        ctx.exit(1)


def _gather(call: Invocation, now: int) -> AuditFacts:
    from trustctl.commands.ahead import Lookout
    from trustctl.commands.ca import compiled
    from trustctl.facts.audit import AuditFacts
    from trustctl.intake.roots import public_roots
    from trustctl.inventory import dane, generations, snapshot, upkeep
    from trustctl.inventory.settings import read_settings
    from trustctl.inventory.verify import verify

    path = call.path
    with call.reading() as tx:
        broken = upkeep.check(tx.connection) or verify(tx.connection)
        peers = tuple(snapshot.read_peers_by_name(tx.connection))
        return AuditFacts(
            now=now,
            settings=read_settings(tx.connection),
            peers=peers,
            targets=tuple(
                _target(tx.connection, one, path, now) for one in generations.targets(tx.connection)
            ),
            journal_problems=tuple(broken),
            database_problems=tuple(_exposed(path)),
            public_roots=public_roots(),
            ca=compiled.facts(tx.connection, now),
            dane=tuple(dane.hosts(tx.connection, now)),
            chains=Lookout(tx.connection, now).chains(peers),
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


def _target(connection: Connection, ref: TargetRef, database: Path, now: int) -> AuditTarget:
    import hashlib

    from trustctl.commands.ca import compiled
    from trustctl.commands.compilation import Compiler
    from trustctl.facts.audit import AuditTarget
    from trustctl.inventory import distrusts, journal, revocations
    from trustctl.inventory.settings import read_settings
    from trustctl.publish.inspect import inspect
    from trustctl.publish.place import place_of

    kind = "pem" if ref.format == "pem" else "exim"
    place = place_of(ref.path, "pem" if kind == "pem" else "exim", database)
    state = inspect(place)
    compiler = Compiler(connection, read_settings(connection), now, place.format)
    entries: dict[str, str] = {}
    prints: set[str] = set()
    for peer in compiler.peers(None):
        entries.update(peer.entries)
        for block in peer.blocks:
            digits = block.split(b"sha256=", 1)[1].split(b" ", 1)[0]
            prints.add(digits.decode().replace(":", "").lower())
    more: dict[str, str] = {}
    if kind == "exim":
        for name, content in compiled.files(connection, now).items():
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
        mta=None if kind == "pem" else _mta(place.directory, entries),
    )


def _mta(directory: Path, domains: Iterable[str]) -> MtaState:
    from trustctl.export.exim import configuration as texts_for
    from trustctl.publish import configuration, exim

    return exim.state(configuration.site(directory), texts_for(str(directory)), domains)
