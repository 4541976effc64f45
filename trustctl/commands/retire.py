"""``trustctl retire``: a pin that has served its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.invocation import Invocation, confirm, typed
from trustctl.commands.options import yes_option

if TYPE_CHECKING:
    from trustctl.inventory.transaction import WriteTransaction


@click.command()
@click.argument("subject", metavar="FINGERPRINT|PEER")
@click.option(
    "--peer", "peer_name", metavar="NAME", help="Whose pin, where several peers share it."
)
@click.option("--reason", default="", metavar="TEXT", help="Why; it goes into the journal.")
@yes_option
@click.pass_obj
def retire(call: Invocation, subject: str, peer_name: str | None, reason: str, yes: bool) -> None:
    """Retire a pin: kept and listed, no longer trusted.

    The domain stays protected. Where it was the last pin, this asks first: the
    domain's mail will wait until another is added. Who breaks later is named.

    \b
    trustctl retire 3F2A91C4 --reason 'replaced by the new certificate'
    """
    from trustctl import render
    from trustctl.commands import ahead
    from trustctl.facts.fingerprint import short
    from trustctl.facts.names import parse_reason
    from trustctl.inventory import pins, snapshot
    from trustctl.inventory.schema import peer as peer_table
    from trustctl.inventory.settings import read_settings
    from trustctl.policy.trust import judge

    why = parse_reason(reason) if reason else ""
    with call.reading() as tx:
        ref = pins.only(pins.find(tx.connection, subject, peer_name=peer_name), subject, "retire")
        settings = read_settings(tx.connection)
        (peer,) = snapshot.read_peers(tx.connection, where=peer_table.c.id == ref.peer_id)
    left = [one for one in peer.pins if one.id != ref.id]
    alone = not any(judge(one, settings, call.now).trusted for one in left)

    def change(tx: WriteTransaction) -> None:
        again = pins.find(tx.connection, ref.fingerprint, peer_name=ref.peer)
        pins.retire(tx, pins.only(again, subject, "retire"), why)

    found = ahead.by_change(call, change)
    waiting = [one for one in found if one.at <= call.now and not one.renewable]
    ahead.tell([one for one in found if one not in waiting], call.now)
    if peer.domains and (alone or waiting):
        what = "has no other trusted pin" if alone else f"would have no way: {waiting[0].why}"
        confirm(
            f"{peer.name} {what}: mail to {', '.join(peer.domains)} will wait. Retire it?",
            yes=yes,
            without_terminal=typed("retire", subject, "--yes"),
        )
    with call.writing() as tx:
        change(tx)
    render.line(f"retired: {short(ref.fingerprint)} of {ref.peer}")
    render.note("note: it takes effect with the next export: trustctl export")
