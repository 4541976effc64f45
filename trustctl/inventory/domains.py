"""Who owns a protected domain, and the one way out of protection."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, delete, select

from trustctl.errors import ConflictError
from trustctl.inventory.schema import domain, mx_host, peer
from trustctl.inventory.transaction import WriteTransaction


def owner(connection: Connection, name: str) -> tuple[int, str] | None:
    """The id and the name of the peer that owns the domain; None where nobody does."""
    query = (
        select(peer.c.id, peer.c.name)
        .join(domain, domain.c.peer_id == peer.c.id)
        .where(domain.c.name == name)
    )
    row = connection.execute(query).first()
    return None if row is None else (row[0], row[1])


def peer_of(connection: Connection, name: str) -> str | None:
    """The peer of this name, else the one that owns the domain of this name; None where neither."""
    known = connection.execute(select(peer.c.name).where(peer.c.name == name)).scalar()
    if known is not None:
        return str(known)
    found = owner(connection, name)
    return None if found is None else found[1]


def near(names: Iterable[str], peers: Iterable[str] = ()) -> ColumnElement[bool]:
    """The condition that a peer is one of ``peers``, or that one of ``names`` is its domain or its
    host, or lies within its domain."""
    hosts = list(names)
    suffixes = {one[at:] for one in hosts for at in _starts(one)}
    return (
        peer.c.name.in_(list(peers))
        | peer.c.id.in_(select(domain.c.peer_id).where(domain.c.name.in_(suffixes)))
        | peer.c.id.in_(select(mx_host.c.peer_id).where(mx_host.c.name.in_(hosts)))
    )


def _starts(name: str) -> list[int]:
    return [0, *(at + 1 for at, letter in enumerate(name) if letter == ".")]


def unprotect(tx: WriteTransaction, name: str) -> str:
    """Give up the protection of a domain: its mail goes back to ordinary delivery.

    Returns:
        The name of the peer that owned it.

    Raises:
        ConflictError: the domain is not protected.
    """
    tx.flush()
    found = owner(tx.connection, name)
    if found is None:
        raise ConflictError(f"{name} is not protected", "trustctl list shows the domains")
    peer_id, peer_name = found
    tx.connection.execute(delete(domain).where(domain.c.name == name))
    tx.record("domain.unprotect", name, {"peer": peer_name}, peer_id)
    return peer_name
