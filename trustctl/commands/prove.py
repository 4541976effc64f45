"""``trustctl prove``: does the installed MTA hold to the pins? It is attacked, in a namespace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.invocation import Invocation
from trustctl.commands.options import json_option

if TYPE_CHECKING:
    from trustctl.facts.proof import Attempt, Proven

_AT_MOST = 5
"""Peers that are played unless they are named: one more tells nothing more of the configuration."""
_DATA = {"installed": "data as they are installed", "throwaway": "throwaway certificates"}


@click.command(short_help="Attack the installed MTA, and see that it holds.")
@click.option(
    "--mta",
    type=click.Choice(["exim", "postfix"]),
    metavar="KIND",
    help="Which MTA: exim or postfix. [default: the one that is installed]",
)
@click.option(
    "--peer", "names", multiple=True, metavar="PEER", help="All domains of this peer alone."
)
@click.option(
    "--keep", metavar="DIR", help="Keep the MTA's configuration and log in this new folder."
)
@json_option
@click.pass_context
def prove(
    ctx: click.Context, mta: str | None, names: tuple[str, ...], keep: str | None, as_json: bool
) -> None:
    """Play a peer and then its attackers against the installed MTA.

    Runs the real program with its real configuration in a network namespace of
    its own: no mail leaves the machine, the running MTA is not touched. The
    peer's key is not ours, so copies of the data name throwaway certificates
    that are made like the pinned ones; strangers are played against the data
    as they are installed too (share/doc/prove.md). Exit code 0 if the true
    peer gets its mail and every attack is deferred, 1 otherwise.

    \b
    sudo trustctl prove
    sudo trustctl prove --peer foo --keep /root/proof
    """
    from trustctl import render
    from trustctl.commands import proving
    from trustctl.facts.proof import Proven
    from trustctl.prove import run

    call: Invocation = ctx.obj
    run.require_tools()
    kind = proving.choose(call, mta)
    program = run.require(kind)
    folder = None if keep is None else proving.free(keep)
    rehearsal, left_out = proving.rehearse(
        call, kind, program, names, at_most=_AT_MOST, keep=keep is not None
    )
    if left_out:
        render.note(f"note: {_AT_MOST} peers are played; {left_out} more can be named with --peer")
    found: list[Proven] = []
    with run.playing(rehearsal) as played:
        for number, outcome in played.outcomes():
            one = Proven(rehearsal.attempts[number], outcome)
            _show(one, before=found[-1] if found else None, as_json=as_json)
            found.append(one)
        problems, kept = played.problems, played.kept
    if folder is not None:
        proving.keep(folder, kept, found)
    _conclude(kind, found, problems, as_json=as_json)
    if problems or any(one.held is False for one in found):
        ctx.exit(1)


def _show(one: Proven, *, before: Proven | None, as_json: bool) -> None:
    from textwrap import wrap

    from trustctl import render
    from trustctl.facts.text import printable

    attempt, outcome = one.attempt, one.outcome
    if as_json:
        render.as_json_line(_json(one))
        return
    if before is None or _section(before.attempt) != _section(attempt):
        if before is not None:
            render.line()
        render.line(f"{attempt.domain} (peer {attempt.peer}), {_DATA[attempt.kind]}")
    verdict = {True: "ok", False: "FAILED", None: ""}[one.held]
    render.line(f"  {attempt.about:<56}{outcome.did:<11}{verdict}".rstrip())
    told = outcome.why != "" and before is not None and before.outcome.why == outcome.why
    for line in () if told else (outcome.why,) if outcome.why else outcome.log:
        for part in wrap(printable(line), render.WIDTH - 6, break_on_hyphens=False, max_lines=6):
            render.line(f"      {part}")


def _section(attempt: Attempt) -> tuple[str, str]:
    return attempt.domain, attempt.kind


def _json(one: Proven) -> dict[str, object]:
    attempt, outcome = one.attempt, one.outcome
    return {
        "peer": attempt.peer,
        "domain": attempt.domain,
        "attack": attempt.attack,
        "about": attempt.about,
        "data": attempt.kind,
        "expected": attempt.expected,
        "did": outcome.did,
        "held": one.held,
        "log": list(outcome.log),
        "taken_by": list(outcome.takers),
        "reached": outcome.reached,
        "why": outcome.why or None,
    }


def _conclude(kind: str, found: list[Proven], problems: list[str], *, as_json: bool) -> None:
    from trustctl import render

    failed = [one for one in found if one.held is False]
    if as_json:
        proven = not failed and not problems
        render.as_json_line({"mta": kind, "proven": proven, "problems": problems})
        return
    render.line()
    for text in problems:
        render.line(f"PROBLEM: {text}")
    tried = sum(one.held is not None for one in found)
    if failed or problems:
        render.line(f"NOT PROVEN: {len(failed)} of {tried} came out as they must not")
    else:
        render.line(f"proven: {tried} came out as they must")
