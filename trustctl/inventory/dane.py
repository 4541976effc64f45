"""The keys that our hosts will have next, and what their owners said to stand in DNS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select

from trustctl.facts.dane import DaneHost, NextKey, Publication, standing
from trustctl.facts.issuance import Issuance
from trustctl.inventory import authorities, issuances
from trustctl.inventory.schema_dane import next_key, publication
from trustctl.inventory.transaction import WriteTransaction


def add_next_key(tx: WriteTransaction, hierarchy: str, host: str, spki: str) -> None:
    """Record the key that a host's next certificate is to be for."""
    number = tx.new_id(next_key)
    details: dict[str, object] = {"hierarchy": hierarchy, "host": host}
    tx.insert(next_key, id=number, spki=spki, at=tx.now, by=tx.actor, **details)
    tx.record("dane.next-key", spki, {"next_key": number, **details})


def publish(
    tx: WriteTransaction, hierarchy: str, host: str, port: int, ttl: int, spki: str | None
) -> None:
    """Record that a key stands in DNS from now on; ``spki`` None: that none of the host's does."""
    number = tx.new_id(publication)
    details: dict[str, object] = {"hierarchy": hierarchy, "port": port, "spki": spki, "ttl": ttl}
    tx.insert(publication, id=number, host=host, at=tx.now, by=tx.actor, **details)
    tx.record("dane.publish", host, {"publication": number, **details})


def next_keys(connection: Connection) -> list[NextKey]:
    """All keys that were made beforehand, oldest first."""
    n = next_key.c
    query = select(n.spki, n.hierarchy, n.host, n.at, n.by).order_by(n.id)
    return [NextKey(*row) for row in connection.execute(query)]


def publications(connection: Connection) -> tuple[Publication, ...]:
    """What stands in DNS by what was said last, oldest first."""
    p = publication.c
    query = select(p.hierarchy, p.host, p.port, p.spki, p.ttl, p.at).order_by(p.id)
    return standing(Publication(*row) for row in connection.execute(query))


def hosts(
    connection: Connection,
    now: int,
    *,
    hierarchy: str | None = None,
    ended: bool = False,
) -> list[DaneHost]:
    """Our hosts that have a certificate that is not revoked, by name.

    Args:
        ended: also those whose certificate has ended.
    """
    known = authorities.authorities(connection, hierarchy=hierarchy, kind="issuing")
    names = {one.spki: one.hierarchy for one in known}
    of_host: dict[tuple[str, str], list[Issuance]] = {}
    used: set[str] = set()
    for one in issuances.search(connection, issuers=list(names), revoked=None):
        used.add(one.spki)
        if one.revoked_at is None and (ended or one.not_after >= now):
            of_host.setdefault((one.subject, names[one.issuer]), []).append(one)
    coming = {
        (one.host, one.hierarchy): one for one in next_keys(connection) if one.spki not in used
    }
    said: dict[tuple[str, str], list[Publication]] = {}
    for told in publications(connection):
        said.setdefault((told.host, told.hierarchy), []).append(told)
    found = []
    for place, all_of_it in sorted(of_host.items()):
        current = all_of_it[-1]
        others = [one for one in all_of_it if one.spki != current.spki]
        found.append(
            DaneHost(
                hierarchy=place[1],
                current=current,
                previous=others[-1] if others else None,
                next=coming.get(place),
                publications=tuple(said.get(place, ())),
            )
        )
    return found


class ReplayDane:
    """What the journal's entries applied so far amount to, keyed as the tables are."""

    def __init__(self) -> None:
        self.next_keys: dict[int, tuple[Any, ...]] = {}
        self.publications: dict[int, tuple[Any, ...]] = {}

    def apply(self, at: int, actor: str, action: str, subject: str, d: dict[str, Any]) -> None:
        """Apply one entry.

        Raises:
            KeyError, TypeError, ValueError: it tells of something that cannot be.
        """
        if action == "dane.next-key" and d["next_key"] not in self.next_keys:
            self.next_keys[d["next_key"]] = (subject, d["hierarchy"], d["host"], at, actor)
        elif action == "dane.publish" and d["publication"] not in self.publications:
            told = (d["hierarchy"], subject, d["port"], d["spki"], d["ttl"], at, actor)
            self.publications[d["publication"]] = told
        else:
            raise ValueError(action)


def tables(
    connection: Connection, replay: ReplayDane
) -> Iterator[tuple[str, dict[Any, Any], dict[Any, Any]]]:
    """For each table: its name for people, what it ought to hold, what it holds."""
    n, p = next_key.c, publication.c
    keys = connection.execute(select(n.id, n.spki, n.hierarchy, n.host, n.at, n.by))
    yield "next key", replay.next_keys, {row[0]: tuple(row[1:]) for row in keys}
    told = connection.execute(select(p.id, p.hierarchy, p.host, p.port, p.spki, p.ttl, p.at, p.by))
    yield "TLSA publication", replay.publications, {row[0]: tuple(row[1:]) for row in told}
