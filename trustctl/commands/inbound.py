"""What ``add`` and ``set`` share: what is asked of whoever sends as a peer's domains."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from trustctl.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from trustctl.facts.records import Inbound, Peer, PeerTrust
    from trustctl.inventory.transaction import WriteTransaction
    from trustctl.publish.place import Place

_AT_ONCE = 500
_MODES = {
    "off": "off: anybody may send as its domains",
    "offer": "offer: who presents its certificate is marked, nobody is refused",
    "require": "require: nobody sends as its domains without its certificate",
}
_FOR = (
    click.option(
        "--inbound",
        type=click.Choice(tuple(_MODES)),
        help="Who may send to us as its domains. require: only who presents a pinned certificate. "
        "offer: who does is marked. off: anybody.",
    ),
    click.option(
        "--relay/--no-relay",
        default=None,
        help="May its server, with a pinned certificate, send through ours to anybody?",
    ),
    click.option(
        "--allow-from",
        "networks",
        multiple=True,
        metavar="CIDR",
        help="A network from which others may send as its domains (a mailing list, a forwarder), "
        "in the place of those before. Repeatable.",
    ),
)


def inbound_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--inbound --relay/--no-relay --allow-from``."""
    for option in reversed(_FOR):
        function = option(function)
    return function


def wanted(
    before: Inbound,
    mode: str | None,
    relay: bool | None,
    networks: tuple[str, ...],
    *,
    nobody_else: bool = False,
) -> Inbound:
    """What the options come to; what they leave out stays as it was.

    Args:
        nobody_else: no network any more.

    Raises:
        UsageError: a network that is none, or what cannot be meant together.
    """
    from trustctl.facts.network import parse_networks
    from trustctl.facts.records import NO_INBOUND, Inbound

    if nobody_else and networks:
        raise UsageError("--allow-from and --no-allow-from exclude each other", "give one of them")
    given = parse_networks(" ".join(networks))
    if networks and not given:
        raise UsageError("--allow-from names no network", "type it like 192.0.2.0/24")
    if mode == "off":
        if relay or given:
            raise UsageError(
                "--inbound off takes neither --relay nor --allow-from", "leave them out"
            )
        return NO_INBOUND
    if mode is None and before.mode == "off" and (relay or given):
        raise UsageError(
            "--relay and --allow-from need --inbound: it is off", "add --inbound require"
        )
    return Inbound(
        {None: before.mode, "offer": "offer", "require": "require"}[mode],
        before.relay if relay is None else relay,
        () if nobody_else else given or before.networks,
    )


def set_inbound(
    tx: WriteTransaction,
    name: str,
    mode: str | None,
    relay: bool | None,
    networks: tuple[str, ...],
    *,
    nobody_else: bool = False,
) -> tuple[Peer, bool]:
    """Set what the options say of a peer.

    Returns:
        The peer as it is now, and whether that differs from before.

    Raises:
        ConflictError: there is no such peer. UsageError: as :func:`wanted` does.
    """
    from trustctl.errors import ConflictError
    from trustctl.inventory import inbound, snapshot

    tx.flush()
    peer = next(snapshot.read_peers(tx.connection, where=snapshot.named(name)), None)
    if peer is None:
        raise ConflictError(f"there is no peer {name}", "trustctl list shows the peers")
    now = wanted(peer.inbound, mode, relay, networks, nobody_else=nobody_else)
    changed = inbound.change(tx, peer.name, now)
    return replace(peer, inbound=now), changed


def told(inbound: Inbound) -> list[str]:
    """What is asked, in lines for people."""
    lines = [_MODES[inbound.mode]]
    if inbound.relay:
        lines.append("relay: with it, its server may send through ours to anybody")
    return lines + [f"others may, from {one}" for one in inbound.networks]


def as_json(inbound: Inbound) -> dict[str, object]:
    """The documented keys (share/doc/json.md)."""
    return {
        "inbound": inbound.mode,
        "relay": inbound.relay,
        "allow_from": list(inbound.networks),
    }


def files(connection: Connection, place: Place, as_of: int) -> dict[str, bytes]:
    """Who may send as which domain, compiled for a moment: path in a generation -> content.

    Nothing where nobody's inbound is on; but while the mail server's configuration asks, it gets an
    answer.
    """
    from trustctl.commands.compilation import Compiler
    from trustctl.inventory import distrusts, snapshot
    from trustctl.inventory.settings import read_settings
    from trustctl.publish.history import serves

    asked = snapshot.asked(connection)
    if not asked and not serves(place):
        return {}
    from trustctl.export import exim_server, postfix_server

    compiler = Compiler(connection, read_settings(connection), as_of, "exim")
    refused = frozenset(distrusts.distrusted_fingerprints(connection))

    def trusted() -> Iterator[tuple[PeerTrust, Inbound]]:
        for start in range(0, len(ids), _AT_ONCE):
            part = list(snapshot.read_peers(connection, ids=ids[start : start + _AT_ONCE]))
            trusts = compiler.trust(part, refused)
            yield from zip(trusts, (one.inbound for one in part), strict=True)

    ids = sorted(asked)
    if place.is_exim:
        return exim_server.compile_senders(trusted())
    return postfix_server.compile_senders(trusted())
