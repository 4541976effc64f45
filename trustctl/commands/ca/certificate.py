"""``trustctl ca certificate``: an authority's own certificate, for those who are to trust it."""

from __future__ import annotations

import click

from trustctl.commands.ca.keys import ca_option
from trustctl.commands.invocation import Invocation


@click.command()
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
    from pathlib import Path

    from trustctl import files, render
    from trustctl.commands.ca import work
    from trustctl.errors import TargetError
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
    path = Path(out)
    with files.explained(path):
        try:
            files.create(path, [text], mode=0o644, group=None)
        except FileExistsError:
            raise TargetError(
                f"{path} exists already; it was left as it is", "name another file"
            ) from None
        files.sync(path)
    render.line(f"written: {path}")
