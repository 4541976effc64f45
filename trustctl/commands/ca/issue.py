"""``trustctl ca issue``: keys and certificates for MTAs of one's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trustctl.commands.ca.init import KEY_CHOICE
from trustctl.commands.ca.install import home_of, install_options
from trustctl.commands.ca.keys import Keys, ca_option, passphrase_option
from trustctl.commands.invocation import Invocation
from trustctl.commands.options import json_option
from trustctl.errors import UsageError

if TYPE_CHECKING:
    from trustctl.facts.addition import Evidence
    from trustctl.facts.issuance import KeyKind
    from trustctl.publish.home import Home

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
@click.option("--out", metavar="DIR", help="Where HOST.key and HOST.crt go. [default: .]")
@install_options
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
    out: str | None,
    install: str | None,
    install_dir: str | None,
    hierarchy: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Make a key and a certificate for each host.

    HOST.key is for the MTA alone (0600); HOST.crt has the certificate and the
    issuing CA's, as an MTA presents them. A file that is there is never
    overwritten. With --install the pair goes where Exim reads it, in one step,
    and Exim is reloaded; what it had is kept for 'trustctl uninstall'.

    \b
    trustctl ca issue mx1.bar.test mx2.bar.test,mail.bar.test --out /etc/ssl/mail
    trustctl ca issue mx1.bar.test --install exim
    """
    from trustctl import render
    from trustctl.commands.ca import hosts as core
    from trustctl.commands.ca.install import install as install_pair
    from trustctl.commands.ca.pairs import Pairs

    home = home_of(install, install_dir, out)
    wanted = core.parse_hosts(hosts)
    if from_file:
        wanted = core.unique([*wanted, *core.read_hosts(from_file)])
    if not wanted:
        raise UsageError("no host is named", "trustctl ca issue mx.bar.test --out DIR")
    if home is not None and len(wanted) > 1:
        raise UsageError("--install is for one host", "its other names: HOST,ALIAS")
    if client and profile not in (None, "mta-client"):
        raise UsageError(f"--client and --profile {profile} do not go together", "leave one out")
    name = "mta-client" if client else profile or "mta"
    names = [one[0] for one in wanted]
    keys = Keys(call, passphrase_file)
    others = core.still_valid(call, hierarchy, names)
    if home is not None:
        made, remarks, unused = install_pair(
            call, keys, hierarchy, home, wanted[0], kind, profile_name=name, days=days
        )
        show([made], names, installed_at(home), as_json=as_json)
        say(others, remarks)
        if unused is not None:
            raise unused
        return
    pairs = Pairs(Path(out or "."), names, kind)
    if pairs.resumed:
        all_made = pairs.left()
        render.note("note: a run that was killed had issued them; what was left to do is done")
    else:
        with pairs.writing():
            all_made, chain = core.issue_hosts(
                call, keys, hierarchy, wanted, pairs.public_keys(), profile_name=name, days=days
            )
            pairs.finish(all_made, chain)
    show(all_made, names, pairs.at, as_json=as_json)
    if not as_json:
        render.line(f"keys and certificates are in {pairs.folder}")
    say(others, [])


Places = Callable[[str], tuple[Path | None, Path | None]]
"""A host's certificate and key files; None where they are somebody else's."""


def installed_at(home: Home) -> Places:
    """Where an Exim has both."""
    return lambda _host: (home.directory / "exim.crt", home.directory / "exim.key")


def show(
    made: list[Evidence],
    hosts: list[str],
    places: Places,
    *,
    as_json: bool,
    chain: bytes | None = None,
) -> None:
    """What was issued, for a person or a program.

    Args:
        chain: the only certificate and those above it, in PEM, where a program is to have them.
    """
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
                    **{
                        name: None if path is None else str(path)
                        for name, path in zip(("certificate", "key"), places(host), strict=True)
                    },
                    **({} if chain is None else {"chain": chain.decode()}),
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


def say(others: dict[str, list[str]], remarks: list[str]) -> None:
    """What a person should know besides: beside the answer, not in it."""
    from trustctl import render

    for host, serials in list(others.items())[:_SHOWN]:
        render.note(
            f"note: {host}: the certificate before is valid still "
            f"({', '.join(one[:8].upper() for one in serials)}); where its key is lost: "
            f"trustctl ca revoke {serials[0]} --reason key-compromise"
        )
    if len(others) > _SHOWN:
        render.note(f"note: so have {len(others) - _SHOWN} hosts more")
    for one in remarks:
        render.note(one)
