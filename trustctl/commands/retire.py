"""``trustctl retire``: a pin that has served its time."""

from __future__ import annotations

import click

from trustctl.commands.invocation import Invocation, confirm, typed
from trustctl.commands.options import yes_option


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
    domain's mail will wait until another is added.

    \b
    trustctl retire 3F2A91C4 --reason 'replaced by the new certificate'
    """
    from trustctl import render
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
    if peer.domains and not any(judge(one, settings, call.now).trusted for one in left):
        confirm(
            f"{peer.name} has no other trusted pin: mail to {', '.join(peer.domains)} will wait. "
            "Retire it?",
            yes=yes,
            without_terminal=typed("retire", subject, "--yes"),
        )
    with call.writing() as tx:
        again = pins.only(
            pins.find(tx.connection, ref.fingerprint, peer_name=ref.peer), subject, "retire"
        )
        pins.retire(tx, again, why)
    render.line(f"retired: {short(ref.fingerprint)} of {ref.peer}")
    render.note("note: it takes effect with the next export: trustctl export")
