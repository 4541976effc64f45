"""Keeps what was seen on the wire: the same again updates a row, so that it stays bounded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, update

from trustctl.facts.addition import Evidence
from trustctl.facts.text import printable
from trustctl.facts.wire import Endpoint, Heard, Observation, Sighting, Testimony
from trustctl.inventory.recorder import Recorder
from trustctl.inventory.schema import domain, mx_host, peer
from trustctl.inventory.schema_wire import DETAIL_AT_MOST, observation, testimony
from trustctl.inventory.transaction import WriteTransaction


@dataclass(frozen=True, slots=True)
class Seen:
    """A sighting to be kept.

    Attributes:
        evidence: what was presented, parsed, its own certificate first; empty where nothing was.
        peer: whose host it was looked for as, None where nobody's. domain: whose MX it is.
    """

    sighting: Sighting
    evidence: tuple[Evidence, ...] = ()
    peer: str | None = None
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of sightings.

    Attributes:
        new: so many rows were added. again: so many sightings were of what is known.
        dropped: a line for each that was not kept, there being too many of that host.
        ids: the row of each sighting, in their order; 0 where it was not kept.
    """

    new: int
    again: int
    dropped: tuple[str, ...]
    ids: list[int]


def record(tx: WriteTransaction, sightings: Iterable[Seen]) -> Recorded:
    """Keep what was seen, within the bounds. What is kept is trusted for nothing.

    Raises:
        ConflictError: no such peer.
    """
    wanted = list(sightings)
    tx.flush()
    recorder = Recorder(tx, wanted)
    ids = [recorder.take(one) for one in wanted]
    recorder.finish()
    kept = len(ids) - ids.count(0)
    new = len(recorder.fresh)
    return Recorded(new, kept - new, tuple(recorder.dropped), ids)


def testify(tx: WriteTransaction, observation_id: int, testimonies: Iterable[Testimony]) -> None:
    """Keep what others say of an observation: what differs from before is journaled.

    Args:
        observation_id: as :func:`record` gave it; of 0, which was not kept, nothing is kept either.
    """
    told = list(testimonies)
    if not observation_id or not told:
        return
    tx.flush()
    t = testimony.c
    host = tx.connection.execute(
        select(observation.c.host).where(observation.c.id == observation_id)
    ).scalar_one()
    query = select(t.kind, t.verdict, t.detail).where(t.observation_id == observation_id)
    known = {row[0]: (row[1], row[2]) for row in tx.connection.execute(query)}
    for one in told:
        detail = printable(one.detail, DETAIL_AT_MOST)
        row: dict[str, Any] = {"verdict": one.verdict, "detail": detail}
        mine = (t.observation_id == observation_id) & (t.kind == one.kind)
        if known.get(one.kind) == (one.verdict, detail):
            row = {"last_at": func.max(t.last_at, tx.now)}
        else:
            details: dict[str, object] = {"observation": observation_id, "kind": one.kind, **row}
            tx.record("testimony", host, details)
            row |= {"first_at": tx.now, "last_at": tx.now}
        if one.kind in known:
            tx.connection.execute(update(testimony).where(mine).values(**row))
        else:
            tx.insert(testimony, observation_id=observation_id, kind=one.kind, **row)
            tx.flush()
        known[one.kind] = (one.verdict, detail)


def of_peer(connection: Connection, name: str) -> list[Observation]:
    """What was seen of a peer's hosts; also what was seen as nobody's, where it is the peer's by
    its domain or its host."""
    own = select(peer.c.id).where(peer.c.name == name).scalar_subquery()
    o = observation.c
    domains = select(domain.c.name).where(domain.c.peer_id == own)
    hosts = select(mx_host.c.name).where(mx_host.c.peer_id == own)
    unclaimed = o.peer_id.is_(None) & (o.domain.in_(domains) | o.host.in_(hosts))
    return _read(connection, (o.peer_id == own) | unclaimed)


def of_certificate(connection: Connection, fingerprint: str) -> list[Observation]:
    """Where a certificate was seen."""
    return _read(connection, observation.c.fingerprint == fingerprint)


def of_host(connection: Connection, host: str) -> list[Observation]:
    """What was seen at a host (a name or an address)."""
    return _read(connection, (observation.c.host == host) | (observation.c.address == host))


def looked_at_as(connection: Connection, names: Iterable[str]) -> dict[str, str]:
    """By domain or host: the peer that it was looked at as, where that was one alone."""
    o, wanted = observation.c, list(names)
    found: dict[str, set[str]] = {}
    for column in (o.domain, o.host):
        query = (
            select(column, peer.c.name)
            .join(peer, peer.c.id == o.peer_id)
            .where(column.in_(wanted))
            .distinct()
        )
        for name, whose in connection.execute(query):
            found.setdefault(name, set()).add(whose)
    return {name: one for name, (one, *more) in found.items() if not more}


def fingerprints(connection: Connection, prefix: str) -> list[str]:
    """Of the certificates that were seen, those whose fingerprint begins so."""
    print_ = observation.c.fingerprint
    query = select(print_).where(print_.startswith(prefix)).distinct().order_by(print_)
    return list(connection.execute(query).scalars())


def latest(connection: Connection) -> list[Observation]:
    """Of every place, as every peer's, what was seen there last."""
    o = observation.c
    place = (func.coalesce(o.peer_id, 0), o.host, o.address, o.port, o.protocol)
    order = func.row_number().over(partition_by=place, order_by=(o.last_seen.desc(), o.id.desc()))
    ranked = select(o.id, order.label("rank")).subquery()
    return _read(connection, o.id.in_(select(ranked.c.id).where(ranked.c.rank == 1)))


def _read(connection: Connection, where: ColumnElement[bool]) -> list[Observation]:
    """In order of host, port, address, and of time."""
    o, t = observation.c, testimony.c
    heard: dict[int, list[Heard]] = {}
    told = (
        select(t.observation_id, t.kind, t.verdict, t.detail, t.first_at, t.last_at)
        .where(t.observation_id.in_(select(o.id).where(where)))
        .order_by(t.observation_id, t.kind)
    )
    for number, kind, verdict, detail, first_at, last_at in connection.execute(told):
        one = Heard(Testimony(kind, verdict, detail), first_at, last_at)
        heard.setdefault(number, []).append(one)
    query = (
        select(o.id, o.host, o.address, o.port, o.protocol, peer.c.name, o.domain, o.outcome,
               o.fingerprint, o.tls, o.detail, o.first_seen, o.last_seen, o.times)
        .outerjoin(peer, peer.c.id == o.peer_id)
        .where(where)
        .order_by(o.host, o.port, o.address, o.first_seen, o.id)
    )  # fmt: skip
    found = []
    for number, host, address, port, protocol, *rest in connection.execute(query):
        place = Endpoint(host, address, port, protocol)
        said = tuple(heard.get(number, ()))
        name, mx_of, outcome, print_, tls, detail, first, last, times = rest
        found.append(
            Observation(
                number, place, name, mx_of, outcome, print_, tls, detail, first, last, times, said
            )
        )
    return found
