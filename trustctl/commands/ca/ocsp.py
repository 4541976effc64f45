"""``trustctl ca ocsp``: signed answers about our hosts' certificates, for stapling."""

from __future__ import annotations

import click

from trustctl.commands.ca.keys import Keys, ca_option, passphrase_option
from trustctl.commands.invocation import Invocation
from trustctl.errors import ConflictError


@click.command(short_help="Write signed OCSP responses, for stapling.")
@click.argument("hosts", nargs=-1, metavar="[HOST...]")
@click.option("--out", default=".", show_default=True, metavar="DIR", help="Where HOST.ocsp goes.")
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    metavar="N",
    help="Until the next has to be there. [default: 10]",
)
@ca_option
@passphrase_option
@click.pass_obj
def ocsp(
    call: Invocation,
    hosts: tuple[str, ...],
    out: str,
    days: int | None,
    hierarchy: str | None,
    passphrase_file: str | None,
) -> None:
    """Write signed OCSP responses for our hosts, for their servers to staple.

    HOST.ocsp (DER) is about the host's newest certificate, HOST-SERIAL.ocsp
    about an older one that has not expired. An export to an Exim has all of
    them as well. Exim reads such a file by its option tls_ocsp_file.

    \b
    trustctl ca ocsp mx1.bar.test --out /etc/ssl/mail
    """
    import os
    from pathlib import Path

    from trustctl import files, render
    from trustctl.commands.ca import revocation, work
    from trustctl.facts.moment import format_moment
    from trustctl.facts.names import parse_host

    wanted = [parse_host(one) for one in hosts]
    folder = Path(os.path.abspath(out))
    files.refuse_unsafe(folder)
    with call.reading() as tx:
        name = work.pick(tx.connection, hierarchy)
        drafts = revocation.draft_staples(tx.connection, name, call.now, days=days, hosts=wanted)
    missing = sorted(set(wanted) - {one.issuance.subject for one in drafts})
    if missing or not drafts:
        raise ConflictError(
            f"{' '.join(missing) or name}: no certificate of a server that has not expired",
            "trustctl ca list shows what there is",
        )
    found = revocation.sign_staples(
        call, Keys(call, passphrase_file), name, drafts, days=days or revocation.STAPLE_DAYS
    )
    with files.explained(folder):
        for one in drafts:
            path = folder / f"{one.name}.ocsp"
            files.replace(path, found[one.name].der, mode=0o644, group=None)
    for one in drafts:
        staple = found[one.name]
        end = format_moment(staple.next_update)
        render.line(f"{one.name}.ocsp: {staple.status}, holds until {end}")
