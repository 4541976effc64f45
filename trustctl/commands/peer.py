"""``trustctl list`` and ``show``: who is pinned, in what state, and who says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.invocation import Invocation
from trustctl.commands.options import json_option

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from trustctl.commands.row import Row
    from trustctl.facts.records import Peer
    from trustctl.facts.wire import Announcement


@click.command("list")
@click.option("--pending", is_flag=True, help="Only pins that nobody vouched for yet.")
@click.option("--expiring", metavar="TIME", help="Only pins that end within: 30d, or a date.")
@click.option("--domain", metavar="DOMAIN", help="Only the peer that owns this domain.")
@click.option("--voucher", metavar="PERSON", help="Only pins that this person vouches for.")
@click.option("--all", "everything", is_flag=True, help="Retired pins too.")
@click.option("--at", metavar="TIME", help="The state at another moment: 2027-01-01, or +60d.")
@click.option("--fingerprints", is_flag=True, help="Whole fingerprints, to be read aloud.")
@click.option("--words", is_flag=True, help="Fingerprints as words, to be read aloud.")
@json_option
@click.pass_obj
def list_(
    call: Invocation,
    pending: bool,
    expiring: str | None,
    domain: str | None,
    voucher: str | None,
    everything: bool,
    at: str | None,
    fingerprints: bool,
    words: bool,
    as_json: bool,
) -> None:
    """List the pins: peer, domains, state, expiry, fingerprint."""
    from trustctl import render
    from trustctl.commands.row import Row
    from trustctl.facts.moment import parse_moment
    from trustctl.facts.names import parse_domain, voucher_key
    from trustctl.inventory import snapshot
    from trustctl.inventory.settings import read_settings

    now = call.now if at is None else parse_moment(at, call.now)
    until = None if expiring is None else parse_moment(expiring, now)
    where = None if domain is None else snapshot.owns(parse_domain(domain))
    who = None if voucher is None else voucher_key(voucher)
    with call.reading() as tx:
        settings = read_settings(tx.connection)
        peers = list(snapshot.read_peers(tx.connection, where=where))
    rows = []
    for peer in sorted(peers, key=lambda one: one.name):
        shown = [
            Row(peer, pin, settings, now)
            for pin in peer.pins
            if everything or pin.retired_at is None
        ]
        if not shown and not (pending or expiring or voucher):
            shown = [Row(peer, None, settings, now)]
        rows += [one for one in shown if one.passes(pending=pending, until=until, voucher=who)]
    if as_json:
        render.as_json_list(one.as_json() for one in rows)
    elif not rows:
        render.note("nothing to list" + (" with these filters" if peers or domain else ""))
    elif fingerprints or words:
        for one in rows:
            one.spell(words=words)
    else:
        render.table(
            ["PEER", "DOMAINS", "ROLE", "STATE", "EXPIRES", "FINGERPRINT"],
            (one.cells() for one in rows),
            flexible=1,
        )


@click.command(short_help="Show a peer, its pins, and why each is trusted or not.")
@click.argument("subject", metavar="PEER|DOMAIN|FINGERPRINT")
@click.option("--words", is_flag=True, help="Fingerprints as words too, to be read aloud.")
@json_option
@click.pass_obj
def show(call: Invocation, subject: str, words: bool, as_json: bool) -> None:
    """Show a peer: its domains, its pins, who vouched for them, and why or why
    not each is trusted."""
    from trustctl import render
    from trustctl.commands.row import Row
    from trustctl.inventory import announcements, snapshot
    from trustctl.inventory.settings import read_settings

    with call.reading() as tx:
        settings = read_settings(tx.connection)
        peers = _meant(tx.connection, subject)
        chains = snapshot.chains(
            tx.connection, [pin.certificate.fingerprint for one in peers for pin in one.pins]
        )
        announced = {one.pin: one for one in announcements.of_peers(tx.connection)}
    rows = [[Row(one, pin, settings, call.now) for pin in one.pins] for one in peers]
    if as_json:
        render.as_json(
            [_json(one, of, chains, announced) for one, of in zip(peers, rows, strict=True)]
        )
        return
    for index, (peer, of) in enumerate(zip(peers, rows, strict=True)):
        if index:
            render.line()
        _show_peer(peer, of, chains, announced, words=words)


def _meant(connection: Connection, subject: str) -> list[Peer]:
    """The peers that the subject means: a domain's owner, a name, or those who pin it."""
    from trustctl.errors import UsageError
    from trustctl.facts.names import parse_domain
    from trustctl.inventory import pins, snapshot

    found: list[Peer] = []
    try:
        owner = snapshot.owns(parse_domain(subject))
        found = list(snapshot.read_peers(connection, where=owner))
    except UsageError:
        pass  # it is no domain
    if not found:
        name = snapshot.named(subject.strip().lower())
        found = list(snapshot.read_peers(connection, where=name))
    if not found:
        ids = {one.peer_id for one in pins.find(connection, subject, active=False)}
        found = list(snapshot.read_peers(connection, ids=sorted(ids)))
    return found


def _json(
    peer: Peer,
    rows: list[Row],
    chains: dict[str, tuple[str, ...]],
    announced: dict[int, Announcement],
) -> dict[str, object]:
    from trustctl.commands.inbound import as_json as inbound_json
    from trustctl.commands.row import pin_json
    from trustctl.facts.moment import format_moment

    return {
        "peer": peer.name,
        "domains": list(peer.domains),
        "mx_hosts": list(peer.mx_hosts),
        "added_at": format_moment(peer.added_at),
        **inbound_json(peer.inbound),
        "pins": [
            {
                "state": row.state,
                "reasons": row.reasons(),
                "chain": list(chains.get(pin.certificate.fingerprint, ())),
                "announced_for": None
                if pin.id not in announced
                else format_moment(announced[pin.id].begins_at),
                **pin_json(pin),
            }
            for pin, row in zip(peer.pins, rows, strict=True)
        ],
    }


def _show_peer(
    peer: Peer,
    rows: list[Row],
    chains: dict[str, tuple[str, ...]],
    announced: dict[int, Announcement],
    *,
    words: bool,
) -> None:
    from trustctl import render
    from trustctl.commands.adding import announcement_fields
    from trustctl.commands.inbound import told
    from trustctl.facts.moment import format_moment

    render.fields(
        [
            ("peer", peer.name),
            ("domains", peer.domains or "none"),
            ("MX hosts", peer.mx_hosts or "none named"),
            ("added", format_moment(peer.added_at)),
            *([] if peer.inbound.mode == "off" else [("inbound", told(peer.inbound))]),
        ]
    )
    for row in rows:
        render.line()
        more: list[tuple[str, list[str]]] = []
        if row.pin is not None and (said := announced.get(row.pin.id)) is not None:
            replaced = [one for one in peer.pins if one.id in said.replaces]
            more = announcement_fields(said, replaced)
        row.show(chains, more, words=words)
    if not peer.pins:
        render.line("no pin: mail to its domains waits")
