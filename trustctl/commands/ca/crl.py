"""``trustctl ca crl``: the list of what was revoked, signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.ca.keys import Keys, ca_option, passphrase_option
from trustctl.commands.invocation import Invocation
from trustctl.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from trustctl.facts.issuance import Authority
    from trustctl.inventory.crls import StoredCrl


@click.command(short_help="Print the revocation list; sign it where it is due.")
@click.option("--out", metavar="FILE", help="Write it there, in one step. [default: print it]")
@click.option("--delta", is_flag=True, help="Only what was revoked since the last whole CRL.")
@click.option(
    "--of",
    "which",
    default="issuing",
    show_default=True,
    metavar="CA",
    help="Whose: root, issuing, one by its number (issuing-2), or all.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    metavar="N",
    help="Until the next has to be there. [default: issuing 30, root 180, delta 7]",
)
@click.option(
    "--delta-url",
    metavar="URL",
    help="Where partners will find the deltas; the whole list says so from now on.",
)
@click.option("--der", is_flag=True, help="In DER instead of PEM.")
@click.option("--force", is_flag=True, help="Sign a new one though nothing has changed.")
@click.option("--accept", metavar="FILE", help="Record a CRL that was signed where the key is.")
@ca_option
@passphrase_option
@click.pass_obj
def crl(
    call: Invocation,
    out: str | None,
    delta: bool,
    which: str,
    days: int | None,
    delta_url: str | None,
    der: bool,
    force: bool,
    accept: str | None,
    hierarchy: str | None,
    passphrase_file: str | None,
) -> None:
    """Print the CA's revocation list (CRL); sign a new one where it is due.

    It is due when something was revoked since, or half of its life is over. An
    export to an Exim does the same by itself.

    \b
    trustctl ca crl --out /etc/ssl/mail/crl.pem
    trustctl ca crl --of all
    """
    import re

    from trustctl import render
    from trustctl.commands.ca import revocation, work
    from trustctl.facts.moment import format_moment

    with call.reading() as tx:
        name = work.pick(tx.connection, hierarchy)
        wanted = _named(tx.connection, name, which, call.now, accept=accept is not None)
    if accept is not None:
        from trustctl.commands.ca.crl_acceptance import accept_crls
        from trustctl.intake.source import read_source

        if delta or days or delta_url or der or force or out:
            raise UsageError("--accept records a CRL, and does nothing else", "leave the rest out")
        accept_crls(call, wanted, read_source(accept), accept)
        return
    if der and len(wanted) > 1:
        names = ", ".join(one.name.partition("/")[2] for one in wanted)
        raise UsageError(
            f"--der holds one CRL, and there are {len(wanted)}", f"--of one of {names}"
        )
    if delta_url is not None and (delta or not re.fullmatch(r"https?://[!-~]{1,300}", delta_url)):
        raise UsageError("--delta-url is an http URL in the whole list", "leave --delta out")
    found = revocation.sign_crls(
        call,
        Keys(call, passphrase_file),
        wanted,
        delta=delta,
        days=days,
        force=force,
        delta_url=delta_url,
    )
    text = found[0].der if der else joined(found)
    if out is None:
        render.raw(text)
    else:
        _write(out, text)
        render.line(f"written: {out}")
    for authority, one in zip(wanted, found, strict=True):
        end = format_moment(one.next_update)
        render.note(f"note: {authority.name}, number {one.number}, holds until {end}")


def joined(found: Sequence[StoredCrl]) -> bytes:
    """CRLs in PEM, as a file for an MTA."""
    from trustctl.facts.pem import pem

    return b"".join(pem(one.der, "X509 CRL") for one in found)


def _named(
    connection: Connection, hierarchy: str, which: str, now: int, *, accept: bool
) -> list[Authority]:
    from trustctl.commands.ca import revocation

    known = revocation.issuers(connection, hierarchy, now)
    names = {one.name.partition("/")[2]: one for one in known}
    if which in names:
        return [names[which]]
    if accept or which == "all":
        return known
    found = [one for one in known if one.kind == which]
    if not found:
        if which in ("root", "issuing"):
            raise ConflictError(f"{hierarchy} has no {which} CA that has not expired")
        raise UsageError(
            f"--of {which}: there is no such CA", f"it is all, root, issuing, {', '.join(names)}"
        )
    return found


def _write(out: str, text: bytes) -> None:
    import os
    from pathlib import Path

    from trustctl import files

    path = Path(os.path.abspath(out))
    with files.explained(path):
        files.replace(path, text, mode=0o644, group=None)
