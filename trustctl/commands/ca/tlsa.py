"""``trustctl ca tlsa``: the TLSA records that ought to stand in DNS for our hosts, and which do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trustctl.commands.ca.keys import ca_option
from trustctl.commands.invocation import Invocation
from trustctl.commands.options import json_option
from trustctl.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from trustctl.facts.dane import DaneHost, Record


@click.command(short_help="Print TLSA records for our hosts.")
@click.argument("hosts", nargs=-1, metavar="[HOST]...")
@click.option(
    "--port",
    "ports",
    multiple=True,
    type=click.IntRange(1, 65535),
    metavar="N",
    help="The port that clients connect to; repeatable. [default: 25, or those published]",
)
@click.option(
    "--ttl",
    type=click.IntRange(60, 7 * 86400),
    metavar="SECONDS",
    help="How long resolvers keep the records. [default: 3600]",
)
@click.option("--published", is_flag=True, help="Record that they stand in DNS, from now on.")
@click.option("--unpublished", is_flag=True, help="Record that they stand there no more.")
@ca_option
@json_option
@click.pass_obj
def tlsa(
    call: Invocation,
    hosts: tuple[str, ...],
    ports: tuple[int, ...],
    ttl: int | None,
    published: bool,
    unpublished: bool,
    hierarchy: str | None,
    as_json: bool,
) -> None:
    """Print TLSA records (3 1 1) for hosts: lines for their zone.

    All that serve, unless some are named. The key that a host will have next
    stands there too (trustctl ca next-key). They serve only in a zone that is
    signed (DNSSEC). Say --published when they are in DNS: renewals then wait
    for the next key to be known before they use it (share/doc/partners.md).

    \b
    trustctl ca tlsa mx1.bar.test
    trustctl ca tlsa mx1.bar.test --published
    """
    from trustctl import render
    from trustctl.facts.dane import SMTP, TTL_SECONDS
    from trustctl.inventory import dane

    if published and unpublished:
        raise UsageError("--published and --unpublished do not go together", "leave one out")
    if (published or unpublished) and not hosts:
        raise UsageError("which hosts?", "name those whose records were changed in DNS")
    with call.reading() as tx:
        found = meant(tx.connection, call.now, hosts, hierarchy)
    asked = tuple(dict.fromkeys(ports))
    records = [one.records(asked or one.ports or (SMTP,), ttl or TTL_SECONDS, call.now)
               for one in found]  # fmt: skip
    if published or unpublished:
        with call.writing() as tx:
            for one, of in zip(found, records, strict=True):
                told = {(it.port, it.spki if published else None): it.ttl for it in of}
                for (port, spki), seconds in told.items():
                    dane.publish(tx, one.hierarchy, one.host, port, seconds, spki)
        with call.reading() as tx:
            found = meant(tx.connection, call.now, hosts, hierarchy)
    if as_json:
        render.as_json([_json(one, of) for one, of in zip(found, records, strict=True)])
        return
    if published or unpublished:
        _say(found, call.now)
        return
    for of in records:
        for record in of:
            render.line(record.line)
    if not found:
        render.note("no host of the CA's serves: trustctl ca issue HOST --out DIR")
    for one in found:
        if one.next is None:
            render.note(f"note: {one.host} has no next key: trustctl ca next-key {one.host}")


def meant(
    connection: Connection, now: int, hosts: Sequence[str], hierarchy: str | None
) -> list[DaneHost]:
    """The hosts of these names (any name in their certificates); all that serve where none is told.

    Raises:
        ConflictError: a name is none of those that have a certificate as a server.
    """
    from trustctl.ca import profile
    from trustctl.commands.ca import work
    from trustctl.facts.names import parse_host
    from trustctl.inventory import authorities, dane

    which = None if hierarchy is None else work.pick(connection, hierarchy)
    if not authorities.hierarchies(connection):
        raise ConflictError("there is no CA yet", "trustctl ca init makes one")
    found = dane.hosts(connection, now, hierarchy=which)
    serving = [
        one
        for one in found
        if "server_auth" in profile.load(one.current.profile).extended_key_usage
    ]
    names = [parse_host(one) for one in hosts]
    for name in names:
        if not any(name in one.current.hosts for one in serving):
            raise ConflictError(
                f"{name}: no certificate that stands is a server's of this name",
                f"trustctl ca issue {name} --out DIR",
            )
    return [one for one in serving if not names or set(names) & set(one.current.hosts)]


def _say(found: Sequence[DaneHost], now: int) -> None:
    from trustctl import render
    from trustctl.facts.moment import format_moment

    for one in found:
        ports = " ".join(str(port) for port in one.ports)
        if not ports:
            render.line(f"recorded: {one.host} has no TLSA records")
            continue
        keys = len({it.spki for it in one.publications if it.port in one.ports})
        render.line(f"recorded: {one.host} has TLSA records for port {ports}, {keys} keys")
        if one.next is None:
            render.note(f"note: it has no next key: trustctl ca next-key {one.host}")
        elif (usable := one.usable_at(one.next.spki)) is not None and usable > now:
            render.line(f"its next key may be used from {format_moment(usable)} on")


def _json(one: DaneHost, records: Sequence[Record]) -> dict[str, Any]:
    """The documented keys of a host's records (share/doc/json.md)."""
    from trustctl.facts.moment import format_moment

    usable = None if one.next is None else one.usable_at(one.next.spki)
    return {
        "host": one.host,
        "ca": one.hierarchy,
        "records": [
            {
                "owner": it.owner,
                "port": it.port,
                "ttl": it.ttl,
                "usage": 3,
                "selector": 1,
                "matching_type": 1,
                "data": it.spki,
                "key": it.use,
                "published": any(
                    told.spki == it.spki and told.port == it.port for told in one.publications
                ),
            }
            for it in records
        ],
        "published_ports": list(one.ports),
        "next_key_usable_from": None if usable is None else format_moment(usable),
    }
