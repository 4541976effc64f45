"""``trustctl journal``: every change, who made it and when."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from trustctl.commands.invocation import Invocation
from trustctl.commands.options import json_option
from trustctl.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection


@click.group(invoke_without_command=True)
@click.option(
    "--about", metavar="NAME", help="Only entries about this peer, domain or fingerprint."
)
@click.option("--last", type=click.IntRange(1), metavar="N", help="Only the last N entries.")
@json_option
@click.pass_context
def journal(ctx: click.Context, about: str | None, last: int | None, as_json: bool) -> None:
    """Show the journal: every change, oldest first."""
    if ctx.invoked_subcommand is not None:
        if about is not None or last is not None or as_json:
            raise UsageError("verify looks at the whole journal", "trustctl journal verify")
        return
    import json

    from trustctl import render
    from trustctl.facts.text import printable
    from trustctl.inventory.journal import entries

    call: Invocation = ctx.obj
    with call.reading() as tx:
        subject = None if about is None else _meant(tx.connection, about)
        found = list(entries(tx.connection, subject=subject, newest=last))
    if as_json:
        render.as_json(
            [
                {
                    "seq": one.seq,
                    "at": one.at,
                    "actor": one.actor,
                    "action": one.action,
                    "subject": one.subject,
                    "details": json.loads(one.details),
                    "hash": one.hash,
                }
                for one in found
            ]
        )
        return
    if not found:
        render.note("nothing in the journal" + (f" about {about}" if about else ""))
    render.table(
        ["SEQ", "TIME (UTC)", "ACTOR", "ACTION", "SUBJECT"],
        [
            [
                str(one.seq),
                one.at[:19].replace("T", " "),
                printable(one.actor, 14),
                one.action,
                _subject(one.subject, one.details),
            ]
            for one in found
        ],
        flexible=4,
    )


def _meant(connection: Connection, about: str) -> str:
    """The subject as the journal spells it: a fingerprint, a domain, a peer's name, or a text."""
    from trustctl.errors import TrustctlError
    from trustctl.facts.names import parse_domain, parse_peer_name
    from trustctl.inventory import pins

    digits = pins.fingerprint_prefix(about)
    if digits is not None and len(digits) == 64:
        return digits
    if digits is not None:
        with suppress(TrustctlError):
            found = pins.find(connection, about, active=False)
            return found[0].fingerprint if found else about
    for parse in (parse_domain, parse_peer_name):
        with suppress(TrustctlError):
            return parse(about)
    return about


def _subject(subject: str, details: str) -> str:
    import json

    from trustctl.facts.fingerprint import short

    peer = json.loads(details).get("peer", "")
    if len(subject) == 64 and not subject.strip("0123456789abcdef"):
        return f"{peer} {short(subject)}".strip()
    return f"{subject} ({peer})" if peer else subject


@journal.command("verify")
@click.pass_context
def verify_(ctx: click.Context) -> None:
    """Verify the chain of hashes, and the inventory against the journal.

    Exit code 1 and the first thing that does not fit, where something does not.
    """
    from trustctl import render
    from trustctl.inventory.journal import head
    from trustctl.inventory.verify import verify

    call: Invocation = ctx.obj
    with call.reading() as tx:
        problems = verify(tx.connection)
        seq, digest = head(tx.connection)
    for one in problems:
        render.line(one)
    if problems:
        ctx.exit(1)
    render.line(f"the journal is whole, and the inventory is what it tells: {seq} entries")
    render.fields([("head", digest)])
