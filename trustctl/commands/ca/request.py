"""``trustctl ca sign``: a certificate for a key that somebody else made and keeps."""

from __future__ import annotations

import os
from pathlib import Path

import click

from trustctl.commands.ca.issue import say, show
from trustctl.commands.ca.keys import Keys, ca_option, passphrase_option
from trustctl.commands.invocation import Invocation
from trustctl.commands.options import json_option
from trustctl.errors import UsageError

_SHOWN = 20


@click.command(short_help="Sign a certificate request (PKCS #10).")
@click.argument("file", metavar="CSR")
@click.argument("hosts", nargs=-1, metavar="[HOST]...")
@click.option("--profile", default="mta", show_default=True, metavar="NAME", help="The profile.")
@click.option("--days", type=click.IntRange(1), metavar="N", help="Lifetime. [default: profile's]")
@click.option("--out", metavar="FILE", help="Write the chain there, never over a file.")
@ca_option
@passphrase_option
@json_option
@click.pass_obj
def sign(
    call: Invocation,
    file: str,
    hosts: tuple[str, ...],
    profile: str,
    days: int | None,
    out: str | None,
    hierarchy: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Sign a certificate request (PKCS #10, PEM or DER; - for stdin).

    Named hosts are what the certificate is for. Without any, the request's own
    names are taken, where the profile allows. Nothing else is taken from it.

    \b
    trustctl ca sign mx.csr mx.bar.test --out mx.bar.test.crt
    """
    from trustctl import render
    from trustctl.ca import profile as profiles
    from trustctl.commands.ca.hosts import issue_hosts, parse_hosts, still_valid
    from trustctl.commands.ca.output import write_new
    from trustctl.facts.pem import pem
    from trustctl.facts.request import parse_request
    from trustctl.intake.source import read_source

    facts = parse_request(read_source(file), file)
    found = profiles.load(profile)
    wanted = hosts
    if not wanted:
        if not found.names_from_request:
            raise UsageError(
                f"the profile {profile} takes no names from a request",
                f"name them: trustctl ca sign {file} HOST --profile {profile}",
            )
        if not facts.hosts:
            raise UsageError(f"{file} names no host", f"trustctl ca sign {file} HOST")
        wanted = facts.hosts
    (host,) = parse_hosts([",".join(wanted)])
    others = still_valid(call, hierarchy, [host[0]])
    ignored = [f"its name {one}" for one in facts.hosts if one not in host] + list(facts.ignored)
    with write_new(out) as target:
        made, chain = issue_hosts(
            call,
            Keys(call, passphrase_file),
            hierarchy,
            [host],
            [facts.public_key],
            profile_name=profile,
            days=days,
        )
        text = b"".join(pem(one) for one in (made[0].der, *chain))
        target.finish(text)
    for one in ignored[:_SHOWN]:
        render.note(f"note: ignored in the request: {one}")
    if len(ignored) > _SHOWN:
        render.note(f"note: and {len(ignored) - _SHOWN} more")
    say(others, [])
    if out is None and not as_json:
        render.raw(text)
        return
    path = None if out is None else Path(os.path.abspath(out))
    show(made, [host[0]], lambda _host: (path, None), as_json=as_json, chain=text)
    if out is not None and not as_json:
        render.line(f"written: {out}")
