"""``trustctl distrust``: what may never be trusted again, whoever vouches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.invocation import Invocation, confirm, typed
from trustctl.commands.options import yes_option

if TYPE_CHECKING:
    from trustctl.inventory.transaction import WriteTransaction


@click.command()
@click.argument("subject", metavar="FINGERPRINT|PEER")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it goes into the journal.")
@click.option("--key", is_flag=True, help="The key too: every certificate that has it (SPKI pin).")
@yes_option
@click.pass_obj
def distrust(call: Invocation, subject: str, reason: str, key: bool, yes: bool) -> None:
    """Distrust a certificate, or all of a peer's, for good.

    A whole SHA-256 fingerprint or SPKI pin (spki:HEX) need not be in the
    inventory. There is no way back; mail of a domain that is left without a
    trusted pin waits: each is named before it is done.

    \b
    trustctl distrust 3F2A91C4 --reason 'key stolen' --key
    """
    from trustctl import render
    from trustctl.commands import ahead
    from trustctl.errors import ConflictError
    from trustctl.facts.fingerprint import short
    from trustctl.facts.names import parse_reason
    from trustctl.inventory import distrusts

    why = parse_reason(reason)
    with call.reading() as tx:
        values = distrusts.named(tx.connection, subject, key=key)
    if not values:
        raise ConflictError(f"{subject} has no pin to distrust", "trustctl list --all")
    for kind, value in values:
        render.note(f"{kind:<12} {short(value)} ...")

    def change(tx: WriteTransaction) -> int:
        return sum(
            distrusts.add(tx, "spki" if kind == "spki" else "fingerprint", value, why)
            for kind, value in values
        )

    ahead.tell(ahead.by_change(call, change), call.now)
    confirm(
        f"Distrust {len(values)} for good? There is no way back.",
        yes=yes,
        without_terminal=typed("distrust", subject, "--reason", why, "--yes"),
    )
    with call.writing() as tx:
        made = change(tx)
    already = f", {len(values) - made} already were" if made < len(values) else ""
    render.line(f"distrusted: {made}{already}")
    if made:
        render.note("note: it takes effect with the next export: trustctl export")
