"""Peers' own CAs that are held to names: which cross-certificate of ours stands in whose place."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, select

from trustctl.errors import DatabaseError
from trustctl.facts.records import Cross, Revocation
from trustctl.inventory.hierarchies import hierarchy_of_keys
from trustctl.inventory.schema import certificate, peer, pin
from trustctl.inventory.schema_ca import authority, crossing, issuance, issued, revocation
from trustctl.inventory.transaction import WriteTransaction


def add(
    tx: WriteTransaction,
    name: str,
    spki: str,
    issuance_id: int | None,
    permitted: Sequence[str] = (),
    added: Sequence[str] = (),
) -> None:
    """Hold a peer's CA to names from now on; or no more, where no issuance is given.

    Args:
        name: the peer's. spki: the SPKI pin of its CA. issuance_id: the cross-certificate's.
        added: those of the permitted names that are neither the peer's domains nor its hosts.
    """
    number = tx.new_id(crossing)
    values: dict[str, object] = {
        "spki": spki,
        "issuance_id": issuance_id,
        "permitted": json.dumps(list(permitted)),
        "added": json.dumps(list(added)),
    }
    ids = {row[0]: row[1] for row in tx.connection.execute(_touched(name))}
    tx.insert(crossing, id=number, peer_id=ids[name], at=tx.now, by=tx.actor, **values)
    details: dict[str, object] = {
        "crossing": number,
        "spki": spki,
        "issuance": issuance_id,
        "permitted": values["permitted"],
        "added": values["added"],
        "peers": sorted(ids),
    }
    tx.record("ca.cross", name, details, *ids.values())


def _touched(name: str) -> Select[Any]:
    """The peer, and those who pin an authority of ours: what a cross-certificate signs is not
    theirs, and their entries in the map say so."""
    ours = select(certificate.c.spki).join(
        authority, authority.c.fingerprint == certificate.c.fingerprint
    )
    pinning = (
        select(pin.c.peer_id)
        .join(certificate, certificate.c.fingerprint == pin.c.fingerprint)
        .where((pin.c.role == "authority") & certificate.c.spki.in_(ours))
    )
    wanted = (peer.c.name == name) | peer.c.id.in_(pinning)
    return select(peer.c.name, peer.c.id).where(wanted)


def of_peers(
    connection: Connection, restrict: Callable[[Any, Any], Any] = lambda query, _key: query
) -> dict[tuple[int, str], Cross]:
    """(Peer's id, SPKI pin of its CA) -> how it is held to names, where it is.

    Args:
        restrict: narrows the query down, by the column of the peer.

    Raises:
        DatabaseError: what holds it is not there (a damaged inventory): it is not let off for that.
    """
    x, c = crossing.c, certificate.c
    newest = select(func.max(x.id)).group_by(x.peer_id, x.spki)
    roots = _roots().subquery()
    query = (
        select(
            x.peer_id, x.spki, c.fingerprint, roots.c.fingerprint, roots.c.spki,
            roots.c.not_after, x.permitted, x.added, c.not_before, c.not_after,
            roots.c.key, revocation.c.at, revocation.c.reason,
        )
        .outerjoin(issuance, issuance.c.id == x.issuance_id)
        .outerjoin(issued, issued.c.issuance_id == x.issuance_id)
        .outerjoin(certificate, c.fingerprint == issued.c.fingerprint)
        .outerjoin(roots, roots.c.spki == issuance.c.issuer)
        .outerjoin(revocation, revocation.c.issuance_id == x.issuance_id)
        .where(x.id.in_(newest), x.issuance_id.is_not(None))
    )  # fmt: skip
    found = {}
    for row in connection.execute(restrict(query, x.peer_id)):
        peer_id, spki, one, root, root_spki, root_end, *times = row
        permitted, added, start, end, key, at, reason = times
        if one is None or root is None:
            raise DatabaseError(
                f"the inventory has lost the cross-certificate of {spki[:16]}",
                "trustctl journal verify shows what was changed; then restore a backup",
            )
        found[peer_id, spki] = Cross(
            one,
            root,
            root_spki,
            root_end,
            tuple(json.loads(permitted)),
            tuple(json.loads(added)),
            start,
            end,
            (),
            None if at is None else Revocation(at, reason),
            key == "elsewhere",
        )
    return found


def _roots() -> Select[Any]:
    return (
        select(
            certificate.c.spki, certificate.c.fingerprint, certificate.c.not_after, authority.c.key
        )
        .join(authority, authority.c.fingerprint == certificate.c.fingerprint)
        .where(authority.c.kind == "root")
    )


def ending(connection: Connection, start: int, end: int) -> list[int]:
    """The ids of peers of whom a cross-certificate begins or ends between two moments."""
    i = issuance.c
    query = (
        select(crossing.c.peer_id)
        .join(issuance, i.id == crossing.c.issuance_id)
        .where(i.not_before.between(start, end) | i.not_after.between(start, end))
    )
    return list(connection.execute(query).scalars())


def fingerprints(connection: Connection) -> dict[str, list[str]]:
    """By the name of a CA of ours: the fingerprints of the cross-certificates that it signed for
    peers, sorted. Whoever takes that CA for an authority would take them for its own.

    What has expired is among them: time alone does not change what an export has to say.
    """
    hierarchies = hierarchy_of_keys(connection)
    query = (
        select(issuance.c.issuer, issued.c.fingerprint)
        .join(issued, issued.c.issuance_id == issuance.c.id)
        .where(issuance.c.profile == "peer-cross")
        .order_by(issued.c.fingerprint)
    )
    found: dict[str, list[str]] = {}
    for issuer, fingerprint in connection.execute(query):
        found.setdefault(hierarchies[issuer], []).append(fingerprint)
    return found
