"""``trustctl ca issue``: keys and certificates for MTAs of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trustctl.commands.ca.init import KEY_CHOICE
from trustctl.commands.ca.keys import Keys, ca_option, passphrase_option
from trustctl.commands.invocation import Invocation
from trustctl.commands.options import json_option
from trustctl.errors import UsageError

if TYPE_CHECKING:
    from trustctl.facts.addition import Evidence
    from trustctl.facts.issuance import KeyKind

_SHOWN = 20


@click.command()
@click.argument("hosts", nargs=-1, metavar="HOST[,ALIAS...]...")
@click.option(
    "--from-file", metavar="FILE", help="More hosts, one a line (aliases behind it); - for stdin."
)
@click.option("--client", is_flag=True, help="For a host that only sends (profile mta-client).")
@click.option("--profile", metavar="NAME", help="Another profile. [default: mta]")
@click.option("--days", type=click.IntRange(1), metavar="N", help="Lifetime. [default: profile's]")
@click.option(
    "--key", "kind", type=KEY_CHOICE, default="ecdsa-p256", show_default=True, help="Kind of key."
)
@click.option(
    "--out", default=".", show_default=True, metavar="DIR", help="Where HOST.key and HOST.crt go."
)
@ca_option
@passphrase_option
@json_option
@click.pass_obj
def issue(
    call: Invocation,
    hosts: tuple[str, ...],
    from_file: str | None,
    client: bool,
    profile: str | None,
    days: int | None,
    kind: KeyKind,
    out: str,
    hierarchy: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Make a key and a certificate for each host.

    HOST.key is for the MTA alone (0600); HOST.crt has the certificate and the
    issuing CA's, as an MTA presents them. A file that is there is never
    overwritten.

    \b
    trustctl ca issue mx1.bar.test mx2.bar.test,mail.bar.test --out /etc/ssl/mail
    """
    from trustctl.commands.ca.hosts import issue_hosts, parse_hosts, read_hosts
    from trustctl.commands.ca.pairs import Pairs

    wanted = parse_hosts(hosts) + (read_hosts(from_file) if from_file else [])
    if not wanted:
        raise UsageError("no host is named", "trustctl ca issue mx.bar.test --out DIR")
    if client and profile not in (None, "mta-client"):
        raise UsageError(f"--client and --profile {profile} do not go together", "leave one out")
    name = "mta-client" if client else profile or "mta"
    pairs = Pairs(Path(out), [one[0] for one in wanted], kind)
    keys = Keys(call, passphrase_file)
    with pairs.writing():
        made, chain = issue_hosts(
            call, keys, hierarchy, wanted, pairs.public_keys(), profile_name=name, days=days
        )
        pairs.finish(made, chain)
    show(made, [one[0] for one in wanted], pairs.folder, as_json=as_json)


def show(made: list[Evidence], hosts: list[str], folder: Path | None, *, as_json: bool) -> None:
    """What was issued, for a person or a program."""
    from trustctl import render
    from trustctl.facts.fingerprint import short
    from trustctl.facts.moment import format_date, format_moment

    if as_json:
        render.as_json(
            [
                {
                    "host": host,
                    "serial": one.facts.serial,
                    "fingerprint": one.facts.fingerprint,
                    "spki": one.facts.spki,
                    "not_after": format_moment(one.facts.not_after or 0),
                    "certificate": None if folder is None else str(folder / f"{host}.crt"),
                    "key": None if folder is None else str(folder / f"{host}.key"),
                }
                for host, one in zip(hosts, made, strict=True)
            ]
        )
        return
    for host, one in list(zip(hosts, made, strict=True))[:_SHOWN]:
        render.line(
            f"issued: {host}, to {format_date(one.facts.not_after or 0)}, "
            f"{short(one.facts.fingerprint)}"
        )
    if len(made) > _SHOWN:
        render.line(f"... and {len(made) - _SHOWN} more")
    if folder is not None:
        render.line(f"keys and certificates are in {folder}")
