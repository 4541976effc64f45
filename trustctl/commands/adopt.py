"""``trustctl adopt``: a folder of peers' certificates, taken in as pending pins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trustctl.commands.invocation import Invocation, ask, on_terminal, typed
from trustctl.commands.options import json_option

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from trustctl.commands.adoption import Known, Left, Plan, Taken
    from trustctl.facts.records import Settings
    from trustctl.inventory.transaction import WriteTransaction


@click.command(short_help="Take a folder of peers' certificates in as pending.")
@click.argument("sources", nargs=-1, required=True, metavar="FOLDER|FILE...")
@click.option(
    "--peer", metavar="NAME", help="Whose they all are. [default: what their names suggest]"
)
@click.option(
    "--domain",
    "domains",
    multiple=True,
    metavar="DOMAIN",
    help="A mail domain of the peer, protected from now on: its mail waits until somebody vouches. "
    "With --peer. Repeatable.",
)
@click.option("--dry-run", is_flag=True, help="Show, and keep nothing.")
@json_option
@click.pass_context
def adopt(
    ctx: click.Context,
    sources: tuple[str, ...],
    peer: str | None,
    domains: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take in the certificates that an MTA verifies against today, as pending.

    Nothing is trusted for having been there: each has to be vouched for, and
    the lines for that are shown. No domain is protected before. Public CAs,
    our own CA's, what is pinned already and private keys are left out, and
    named. Exit code 1 where a person has to look at what was left out.

    \b
    trustctl adopt /usr/local/share/ca-certificates
    trustctl adopt /etc/exim4/foo.crt --peer foo
    """
    from trustctl import render
    from trustctl.commands import adoption
    from trustctl.errors import InputError, UsageError
    from trustctl.facts.names import parse_domain, parse_peer_name
    from trustctl.intake.roots import public_roots
    from trustctl.intake.stores import read_store

    call: Invocation = ctx.obj
    name = None if peer is None else parse_peer_name(peer)
    wanted = tuple(parse_domain(one) for one in domains)
    if wanted and name is None:
        raise UsageError("--domain without --peer: whose domain is it?", "type --peer NAME as well")
    contents = [read_store(_path(one), deep=True) for one in dict.fromkeys(sources)]
    found, left = adoption.candidates(contents)
    if not found and not left:
        where = "it holds" if len(sources) == 1 else "they hold"
        raise InputError(
            f"{', '.join(sources)}: {where} no certificate", "name files of PEM or DER, or a folder"
        )
    roots = public_roots()

    def decide(connection: Connection | None, answers: Mapping[str, str]) -> tuple[Plan, Settings]:
        known = _nothing() if connection is None else adoption.read_known(connection, found)
        planner = adoption.Planner(known, call.now, roots, name)
        return adoption.plan(planner, found, left, answers), known.settings

    if call.path.exists():
        with call.reading() as tx:
            plan, settings = decide(tx.connection, {})
    else:
        plan, settings = decide(None, {})
    answers = {} if dry_run else _ask(plan)
    if (plan.taken or answers) and not dry_run:
        with call.writing(create=True) as tx:
            # anew: somebody may have pinned one of them meanwhile
            plan, settings = decide(tx.connection, answers)
            _write(tx, plan, wanted)
    states = _states(plan.taken, settings, call.now)
    if as_json:
        render.as_json(_json(plan, states, protected=bool(wanted), dry_run=dry_run))
    else:
        _show(plan, states, protected=bool(wanted), dry_run=dry_run)
    if any(one.look for one in plan.left):
        ctx.exit(1)


def _path(source: str) -> str:
    """What is typed is always a path here: the system's store is no peer's."""
    return "./system" if source == "system" else source


def _nothing() -> Known:
    from trustctl.commands.adoption import Known
    from trustctl.facts.records import Settings

    return Known((), Settings(), {}, frozenset())


def _ask(plan: Plan) -> dict[str, str]:
    """Whose a person says that they are, by fingerprint; nothing where nobody can be asked."""
    from trustctl.commands.adoption import questions
    from trustctl.facts.names import parse_peer_name
    from trustctl.facts.text import printable

    answers: dict[str, str] = {}
    for one in questions(plan) if on_terminal() else ():
        name = ask(
            printable(f"{one.place}: {one.text}") + "\nPeer's name (- leaves it out)",
            lambda text: text if text.strip() == "-" else parse_peer_name(text),
            default="-",
        )
        if name != "-" and one.fingerprint is not None:
            answers[one.fingerprint] = name
    return answers


def _write(tx: WriteTransaction, plan: Plan, domains: tuple[str, ...]) -> None:
    """Pin what is taken, in this one transaction.

    Raises:
        ConflictError: a domain belongs to another peer.
    """
    from trustctl.facts.addition import Addition
    from trustctl.inventory.additions import Additions

    additions = Additions(tx, bulk=True)
    for one in plan.taken:
        additions.add(Addition(one.peer, domains, "host", one.evidence, one.chain))


def _states(taken: Sequence[Taken], settings: Settings, now: int) -> list[str]:
    """Each new pin's state: it has no vouch, so it is never ``trusted``."""
    from trustctl.facts.records import Pin
    from trustctl.policy.trust import judge, state

    pins = (Pin(0, one.peer, "host", one.evidence.facts, now, "") for one in taken)
    return [state(judge(pin, settings, now)) for pin in pins]


def _vouch(one: Taken, *, protected: bool) -> str:
    named = ["--domain", one.domain] if one.domain is not None and not protected else []
    fingerprint = one.evidence.facts.fingerprint
    return typed("vouch", fingerprint[:16], "--peer", one.peer, *named, "--fingerprint")


def _show(plan: Plan, states: Sequence[str], *, protected: bool, dry_run: bool) -> None:
    from collections import Counter

    from trustctl import render
    from trustctl.facts.fingerprint import short

    several = Counter(one.place.file for one in plan.taken)
    rows = [
        [
            str(one.place) if several[one.place.file] > 1 else one.place.file,
            one.peer,
            short(one.evidence.facts.fingerprint),
            state,
        ]
        for one, state in zip(plan.taken, states, strict=True)
    ]
    if not render.table(["FILE", "PEER", "FINGERPRINT", "STATE"], rows):
        render.line("nothing to adopt")
    for one in plan.left:
        render.note(f"left out: {_described(one)}")
        if one.fix is not None:
            render.note(f"  {one.fix}")
    for taken in plan.taken:
        facts = taken.evidence.facts
        if facts.is_ca is not False:
            what = f"{short(facts.fingerprint)} of {taken.peer} may sign others"
            render.note(f"note: {what}: pinned as exactly this certificate, for nothing it signed")
    if plan.taken and dry_run:
        render.note("nothing was kept: leave --dry-run out")
    elif plan.taken:
        render.note(
            "Nothing is trusted for having been there. Have each peer read its fingerprint out to",
            "you, over a way that is not the mail, look at the domain, and type:",
            *(f"  {_vouch(one, protected=protected)}" for one in plan.taken),
        )


def _described(one: Left) -> str:
    from trustctl.facts.fingerprint import short

    which = "" if one.fingerprint is None else f" {short(one.fingerprint)}"
    return f"{one.place}{which}: {one.text}"


def _json(plan: Plan, states: Sequence[str], *, protected: bool, dry_run: bool) -> dict[str, Any]:
    """The documented keys (share/doc/json.md)."""
    return {
        "dry_run": dry_run,
        "adopted": [
            {
                "file": one.place.file,
                "line": one.place.line or None,
                "peer": one.peer,
                "fingerprint": one.evidence.facts.fingerprint,
                "state": state,
                "may_sign": one.evidence.facts.is_ca is not False,
                "chain": [each.facts.fingerprint for each in one.chain],
                "proposed_domain": one.domain,
                "vouch": _vouch(one, protected=protected),
            }
            for one, state in zip(plan.taken, states, strict=True)
        ],
        "left_out": [
            {
                "file": one.place.file,
                "line": one.place.line or None,
                "fingerprint": one.fingerprint,
                "code": one.code,
                "text": one.text,
                "look": one.look,
                "fix": one.fix,
            }
            for one in plan.left
        ],
    }
