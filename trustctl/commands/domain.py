"""``trustctl unprotect``: the only way in which a domain goes back to ordinary delivery."""

from __future__ import annotations

import click

from trustctl.commands.invocation import Invocation, confirm, typed
from trustctl.commands.options import yes_option


@click.command(short_help="Give a domain back to ordinary, unverified delivery.")
@click.argument("domain")
@yes_option
@click.pass_obj
def unprotect(call: Invocation, domain: str, yes: bool) -> None:
    """Give up the protection of a domain: ordinary, unverified delivery.

    \b
    trustctl unprotect foo.test
    """
    from trustctl import render
    from trustctl.errors import ConflictError
    from trustctl.facts.names import parse_domain
    from trustctl.inventory import domains

    name = parse_domain(domain)
    with call.reading() as tx:
        owner = domains.owner(tx.connection, name)
    if owner is None:
        raise ConflictError(f"{name} is not protected", "trustctl list shows the domains")
    confirm(
        f"Mail to {name} (peer {owner[1]}) will be delivered to whoever DNS names, verified by "
        "nobody. Unprotect it?",
        yes=yes,
        without_terminal=typed("unprotect", name, "--yes"),
    )
    with call.writing() as tx:
        domains.unprotect(tx, name)
    render.line(f"unprotected: {name}")
    render.note("note: it takes effect with the next export: trustctl export")
