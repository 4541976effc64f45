"""``trustctl ca renew``: the next certificate for a host, in time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trustctl.commands.ca.install import home_of, install_options
from trustctl.commands.ca.issue import installed_at, say, show
from trustctl.commands.ca.keys import Keys, ca_option, passphrase_option
from trustctl.commands.invocation import Invocation
from trustctl.commands.options import json_option
from trustctl.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from trustctl.facts.issuance import Issuance


@click.command(short_help="Renew hosts' certificates.")
@click.argument("hosts", nargs=-1, metavar="[HOST]...")
@click.option("--all", "everything", is_flag=True, help="Every host that --before fits.")
@click.option(
    "--before",
    default="30d",
    show_default=True,
    metavar="TIME",
    help="With --all: those that end within this.",
)
@click.option(
    "--same-key/--new-key",
    "same_key",
    default=None,
    help="Keep the key (pins on it go on), or never. [default: the next key, or a new one; the "
    "same while TLSA records name no other]",
)
@click.option("--days", type=click.IntRange(1), metavar="N", help="Lifetime. [default: profile's]")
@click.option("--out", metavar="DIR", help="Where HOST.key and HOST.crt are. [default: .]")
@install_options
@ca_option
@passphrase_option
@json_option
@click.pass_obj
def renew(
    call: Invocation,
    hosts: tuple[str, ...],
    everything: bool,
    before: str,
    same_key: bool | None,
    days: int | None,
    out: str | None,
    install: str | None,
    install_dir: str | None,
    hierarchy: str | None,
    passphrase_file: str | None,
    as_json: bool,
) -> None:
    """Renew hosts' certificates: the same names and profile, the next key.

    HOST.key and HOST.crt in DIR are replaced; reload the MTA afterwards. With
    --install the pair that Exim has is replaced in one step, and Exim
    reloaded. The certificate before stays valid until it ends: revoke it if its
    key is lost.

    The next key is what trustctl ca next-key made (DIR/HOST.next.key), else a
    new one. A host with published TLSA records keeps its key until the next one
    has been in DNS for long enough.

    \b
    trustctl ca renew --all --before 30d --out /etc/ssl/mail
    trustctl ca renew --all --before 30d --install exim
    """
    from trustctl import render
    from trustctl.commands.ca.hosts import issue_hosts
    from trustctl.commands.ca.install import in_force, key_in_force
    from trustctl.commands.ca.install import install as install_pair
    from trustctl.commands.ca.pairs import Renewals
    from trustctl.commands.ca.rotation import Rotation
    from trustctl.facts.moment import parse_moment

    if everything == bool(hosts):
        raise UsageError(
            "which hosts?", "trustctl ca renew HOST..., or trustctl ca renew --all --before 30d"
        )
    home = home_of(install, install_dir, out)
    if home is not None and len(hosts) > 1:
        raise UsageError("--install is for one host", "--out DIR, for many")
    until = parse_moment(before, call.now)
    due = _due(call, hosts, hierarchy, until=until if everything else None)
    if everything and home is not None:
        due = in_force(home, due)
    if not due:
        if as_json:
            render.as_json([])
        else:
            render.line("nothing to renew: no certificate ends by then")
        return
    keys = Keys(call, passphrase_file)
    folder = Path(out or ".") if home is None else home.directory
    rotation = Rotation(call, hierarchy, due, folder, same_key=same_key)
    if home is not None:
        (one,) = due
        kept = rotation.keeps(one.subject)
        key = key_in_force(home, one) if kept else rotation.prepared(one.subject)
        fresh, remarks, unused = install_pair(
            call, keys, hierarchy, home, one.hosts, None, profile_name=one.profile, days=days,
            key=key,
        )  # fmt: skip
        show([fresh], [one.subject], installed_at(home), as_json=as_json)
        say({}, remarks)
        rotation.finish(one.subject)
        if unused is not None:
            raise unused
        return
    if everything:
        due, elsewhere = _with_keys(due, folder)
        for one in elsewhere:
            render.note(
                f"note: {one.subject}: its key is not in {folder}; its owner has to ask anew"
            )
        if not due:
            raise ConflictError(
                f"{len(elsewhere)} certificates end by then, and none of their keys is in {folder}",
                "--out DIR, where the hosts' files are",
            )
    pairs = Renewals(folder, [(one.subject, one.spki) for one in due], rotation)
    made = []
    for profile in dict.fromkeys(one.profile for one in due):
        part = [one for one in due if one.profile == profile]
        fresh_ones, chain = issue_hosts(
            call,
            keys,
            hierarchy,
            [one.hosts for one in part],
            [pairs.public_key(one.subject) for one in part],
            profile_name=profile,
            days=days,
        )
        for one, evidence in zip(part, fresh_ones, strict=True):
            pairs.replace(one.subject, evidence, chain)
            made.append((one.subject, evidence))
    show([one for _h, one in made], [host for host, _e in made], pairs.at, as_json=as_json)


def _with_keys(due: list[Issuance], folder: Path) -> tuple[list[Issuance], list[Issuance]]:
    """Those whose keys are in the folder, and those whose are not (a request's owner has them)."""
    here = [one for one in due if (folder / f"{one.subject}.key").exists()]
    return here, [one for one in due if one not in here]


def _due(
    call: Invocation, hosts: tuple[str, ...], hierarchy: str | None, *, until: int | None
) -> list[Issuance]:
    """The newest certificate of each host that is to be renewed, in order of name."""
    from trustctl.commands.ca import work
    from trustctl.facts.names import parse_host
    from trustctl.inventory import authorities, issuances

    names = [parse_host(one) for one in hosts]
    with call.reading() as tx:
        name = work.pick(tx.connection, hierarchy)
        issuers = [
            one.spki
            for one in authorities.authorities(tx.connection, hierarchy=name, kind="issuing")
        ]
        newest: dict[str, Issuance] = {}
        for one in issuances.search(tx.connection, issuers=issuers, revoked=False):
            newest[one.subject] = one
    if until is not None:
        return [one for _, one in sorted(newest.items()) if one.not_after <= until]
    unknown = [one for one in names if one not in newest]
    if unknown:
        raise ConflictError(
            f"{unknown[0]}: the CA {name} has issued nothing that stands for it",
            f"trustctl ca issue {unknown[0]} --out DIR",
        )
    return [newest[one] for one in dict.fromkeys(names)]
