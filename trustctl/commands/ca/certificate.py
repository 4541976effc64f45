"""``trustctl ca certificate``: an authority's own certificate, for those who are to trust it."""

from __future__ import annotations

import click

from trustctl.commands.ca.keys import ca_option
from trustctl.commands.invocation import Invocation


@click.command(short_help="Print the certificates of the root or issuing CA.")
@click.argument("which", type=click.Choice(["root", "issuing"]))
@click.option("--out", metavar="FILE", help="Write it there (0644), never over a file.")
@ca_option
@click.pass_obj
def certificate(call: Invocation, which: str, out: str | None, hierarchy: str | None) -> None:
    """Print the certificates of the root, or of the issuing CA, in PEM.

    After a rollover those that are still in use are all there, the newest
    first.

    \b
    trustctl ca certificate root --out bar-root.pem
    """
    from trustctl import render
    from trustctl.commands.ca import work
    from trustctl.commands.ca.output import write_new
    from trustctl.facts.pem import pem
    from trustctl.inventory import authorities

    with call.reading() as tx:
        name = work.pick(tx.connection, hierarchy)
        kind = authorities.kind_named(which)
        found = authorities.authorities(tx.connection, hierarchy=name, kind=kind)
    text = b"".join(pem(one.der) for one in reversed(found) if one.not_after >= call.now)
    if out is None:
        render.raw(text)
        return
    with write_new(out) as target:
        target.finish(text)
    render.line(f"written: {out}")
