"""What our servers ask of whoever sends as a peer's domains: set, read, replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, delete, select

from trustctl.errors import ConflictError, DatabaseError, UsageError
from trustctl.facts.records import NO_INBOUND, Inbound
from trustctl.inventory.schema import peer
from trustctl.inventory.schema_inbound import inbound, inbound_network
from trustctl.inventory.transaction import WriteTransaction


def change(tx: WriteTransaction, name: str, wanted: Inbound) -> bool:
    """Set what is asked of whoever sends as the peer's domains; False where that is so already.

    Args:
        wanted: validated; ``off`` has neither ``relay`` nor networks.

    Raises:
        ConflictError: there is no such peer.
        UsageError: ``relay`` or networks without a mode that they could be for.
    """
    if wanted.mode == "off" and wanted != NO_INBOUND:
        raise UsageError(
            f"{name}: inbound is off, so neither relay nor --allow-from can mean anything",
            f"trustctl set {name} --inbound require",
        )
    tx.flush()
    found = tx.connection.execute(select(peer.c.id).where(peer.c.name == name)).scalar()
    if found is None:
        raise ConflictError(f"there is no peer {name}", "trustctl list shows the peers")
    peer_id = int(found)
    before = read(tx.connection, lambda query, key: query.where(key == peer_id))
    if before.get(peer_id, NO_INBOUND) == wanted:
        return False
    for table in (inbound_network, inbound):
        tx.connection.execute(delete(table).where(table.c.peer_id == peer_id))
    if wanted.mode != "off":
        tx.insert(
            inbound,
            peer_id=peer_id,
            mode=wanted.mode,
            relay=int(wanted.relay),
            at=tx.now,
            by=tx.actor,
        )
        for one in wanted.networks:
            tx.insert(inbound_network, peer_id=peer_id, network=one)
        tx.flush()
    details: dict[str, object] = {
        "mode": wanted.mode,
        "relay": int(wanted.relay),
        "networks": list(wanted.networks),
    }
    tx.record("inbound.set", name, details, peer_id)
    return True


def read(
    connection: Connection, restricted: Callable[[Any, Any], Any] = lambda query, _key: query
) -> dict[int, Inbound]:
    """What is asked, by the id of the peer; those that are off are left out.

    Args:
        restricted: adds to a query which peers are meant, by the column of their ids.

    Raises:
        DatabaseError: a stored network has no meaning.
    """
    networks: dict[int, list[str]] = {}
    listed = select(inbound_network.c.peer_id, inbound_network.c.network)
    modes = select(inbound.c.peer_id, inbound.c.mode, inbound.c.relay)
    for peer_id, network in connection.execute(restricted(listed, inbound_network.c.peer_id)):
        networks.setdefault(peer_id, []).append(network)
    found = {}
    for peer_id, mode, relay in connection.execute(restricted(modes, inbound.c.peer_id)):
        told = networks.get(peer_id, [])
        if set(told) != set(_parsed(told)):
            raise DatabaseError(
                "a network in the inventory is none: it was written by another program",
                "trustctl journal verify, then restore a backup",
            )
        found[peer_id] = Inbound(mode, bool(relay), _parsed(told))
    return found


def _parsed(networks: list[str]) -> tuple[str, ...]:
    from trustctl.facts.network import parse_networks

    try:
        return parse_networks(" ".join(networks))
    except UsageError:
        return ()


class ReplayInbound:
    """What the journal's entries applied so far amount to, keyed as the tables are."""

    def __init__(self) -> None:
        self.modes: dict[str, tuple[Any, ...]] = {}
        self.networks: dict[tuple[str, str], None] = {}

    def apply(self, at: int, actor: str, subject: str, d: dict[str, Any]) -> None:
        """Apply one entry.

        Raises:
            KeyError, TypeError, ValueError: it tells of something that cannot be.
        """
        self.modes.pop(subject, None)
        self.networks = {key: None for key in self.networks if key[0] != subject}
        if d["mode"] == "off":
            return
        self.modes[subject] = (d["mode"], d["relay"], at, actor)
        self.networks |= dict.fromkeys((subject, one) for one in d["networks"])


def tables(
    connection: Connection, replay: ReplayInbound
) -> Iterator[tuple[str, dict[Any, Any], dict[Any, Any]]]:
    """For each table: its name for people, what it ought to hold, what it holds."""
    i, n = inbound.c, inbound_network.c
    names = {row[0]: row[1] for row in connection.execute(select(peer.c.id, peer.c.name))}
    modes = connection.execute(select(i.peer_id, i.mode, i.relay, i.at, i.by))
    yield "inbound", replay.modes, {names.get(r[0], "?"): tuple(r[1:]) for r in modes}
    listed = connection.execute(select(n.peer_id, n.network))
    found = dict.fromkeys((names.get(r[0], "?"), r[1]) for r in listed)
    yield "inbound network", replay.networks, found
