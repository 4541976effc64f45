"""``trustctl journal``: every change, who made it and when."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from trustctl.commands.invocation import Invocation
from trustctl.commands.options import json_option
from trustctl.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from trustctl.inventory.journal import Entry


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
    from trustctl import render
    from trustctl.inventory.journal import entries

    call: Invocation = ctx.obj
    with call.reading() as tx:
        subject = None if about is None else _meant(tx.connection, about)
        found = entries(tx.connection, subject=subject, newest=last)
        if as_json:
            render.as_json_list(_json(one) for one in found)
            return
        count = render.table(
            ["SEQ", "TIME (UTC)", "ACTOR", "ACTION", "SUBJECT"],
            (_cells(one) for one in found),
            flexible=4,
        )
    if not count:
        render.note("nothing in the journal" + (f" about {about}" if about else ""))


def _json(entry: Entry) -> dict[str, Any]:
    import json

    return {
        "seq": entry.seq,
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "details": json.loads(entry.details),
        "hash": entry.hash,
    }


def _cells(entry: Entry) -> list[str]:
    from trustctl.facts.text import printable

    return [
        str(entry.seq),
        entry.at[:19].replace("T", " "),
        printable(entry.actor, 14),
        entry.action,
        _subject(entry.subject, entry.details),
    ]


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
