"""``trustctl history``: what was seen on the wire of a peer, a certificate or a host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.invocation import Invocation, typed
from trustctl.commands.options import json_option

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from trustctl.facts.wire import Observation

NOT_PINNED = "not pinned"


@click.command(short_help="Show what was seen of a peer's hosts, and when.")
@click.argument("subject", metavar="PEER|DOMAIN|FINGERPRINT|HOST")
@json_option
@click.pass_obj
def history(call: Invocation, subject: str, as_json: bool) -> None:
    """Show what was seen on the wire: where, what, first and last, and what
    others say of it.

    fetch and probe keep what they see. The same again is told by its last time;
    nothing is trusted because it was seen.
    """
    from trustctl import render
    from trustctl.commands import seen

    with call.reading() as tx:
        found = _find(tx.connection, subject)
        state = _states(tx.connection, found, call.now)
    if as_json:
        states = [None if one.fingerprint is None else state(one) for one in found]
        for pair in zip(found, states, strict=True):
            render.as_json_line(seen.as_json(*pair))
        return
    if not found:
        render.line("nothing was seen of it yet")
        render.note(f"note: {typed('probe', subject)} looks")
    _show(found, state)


def _show(found: Sequence[Observation], state: Callable[[Observation], str]) -> None:
    """Every place with what was seen there, the newest first."""
    from itertools import groupby

    from trustctl import render
    from trustctl.commands import seen
    from trustctl.facts.fingerprint import short

    for index, ((place, peer), rows) in enumerate(
        groupby(sorted(found, key=_place), key=lambda one: (seen.place(one.endpoint), one.peer))
    ):
        if index:
            render.line()
        render.line(f"{place}  ({peer or 'no peer'})")
        pairs = []
        for one in rows:
            lines = [seen.period(one)]
            if one.fingerprint is None:
                name = f"  {one.outcome}"
                lines += [one.detail] if one.detail else []
            else:
                name = f"  {short(one.fingerprint)[:9]}"
                lines[0] = f"{state(one)}: {lines[0]}" + (f", {one.tls}" if one.tls else "")
            pairs.append((name, [*lines, *map(seen.evidence, one.testimonies)]))
        render.fields(pairs)


def _place(one: Observation) -> tuple[str, int, str, str, str, int, int]:
    at = one.endpoint
    return at.host, at.port, at.address, at.protocol, one.peer or "", -one.last_seen, -one.id


def _find(connection: Connection, subject: str) -> list[Observation]:
    """What was seen of a peer, of a domain's owner, of a host, or of a certificate.

    Raises:
        ConflictError: nothing of that name or fingerprint is known. UsageError: wrong words.
    """
    from trustctl.errors import ConflictError, UsageError
    from trustctl.facts.names import parse_host
    from trustctl.facts.text import printable
    from trustctl.inventory import domains, observations, pins

    try:
        name = parse_host(subject)
    except UsageError:  # a peer's name, an address, a fingerprint
        name = subject.strip().lower()
    if (peer := domains.peer_of(connection, name)) is not None:
        return observations.of_peer(connection, peer)
    if found := observations.of_host(connection, name):
        return found
    prefix = pins.fingerprint_prefix(subject)
    prints = observations.fingerprints(connection, prefix) if prefix else []
    if len(prints) > 1:
        raise ConflictError(
            f"{len(prints)} certificates have fingerprints that begin with {prefix}",
            "give more digits",
        )
    if prints:
        return observations.of_certificate(connection, prints[0])
    raise ConflictError(
        f"{printable(subject, 70)} is no peer, no protected domain, and no host or certificate "
        "that was seen",
        "trustctl list shows the peers; trustctl fetch looks at any host",
    )


def _states(
    connection: Connection, found: Sequence[Observation], now: int
) -> Callable[[Observation], str]:
    """What each presented certificate is among the pins: of its own peer first, else of another."""
    from trustctl.inventory import pins, snapshot
    from trustctl.inventory.settings import read_settings
    from trustctl.policy.trust import judge, state

    prints = sorted({one.fingerprint for one in found if one.fingerprint is not None})
    settings = read_settings(connection)
    words: dict[tuple[str, str], str] = {}
    anybody: dict[str, str] = {}
    for start in range(0, len(prints), 400):
        where = pins.pinning(prints[start : start + 400], retired=True)
        for peer in snapshot.read_peers(connection, where=where):
            for pin in peer.pins:  # the newest last: what was retired and pinned anew is pinned
                print_, word = pin.certificate.fingerprint, state(judge(pin, settings, now))
                words[peer.name, print_] = word
                anybody[print_] = f"{word} ({peer.name})"

    def word_of(one: Observation) -> str:
        print_ = one.fingerprint or ""
        return words.get((one.peer or "", print_)) or anybody.get(print_, NOT_PINNED)

    return word_of
