"""Reads peers with all that policy needs, in order of name, a few queries for any number."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.records import (
    NO_INBOUND,
    Cross,
    Distrust,
    Inbound,
    Peer,
    Pin,
    Revocation,
    Vouch,
)
from trustctl.inventory.merge import Merge
from trustctl.inventory.schema import (
    certificate,
    chain,
    distrust,
    domain,
    mx_host,
    peer,
    pin,
    vouch,
    withdrawal,
)

FACTS = tuple(
    certificate.c[name]
    for name in (
        "fingerprint", "spki", "subject", "issuer", "serial", "names", "not_before", "not_after",
        "is_ca", "self_signed", "key_kind", "key_bits", "curve", "signature_hash", "version",
        "problems",
    )
)  # fmt: skip
_PIN = 8
_PART = 500
_EMPTY = "[]"
_RARE = ("revocation", "crossing", "renewal", "inbound")
"""Where there is nothing of a kind, the modules that read it are not loaded."""
_IS_THERE = (
    "SELECT EXISTS (SELECT 1 FROM revocation), EXISTS (SELECT 1 FROM crossing), "
    "EXISTS (SELECT 1 FROM renewal), EXISTS (SELECT 1 FROM inbound)"
)


def facts_of(row: Sequence[Any]) -> CertificateFacts:
    """The facts from the columns ``FACTS``, in their order."""
    (fingerprint, spki, subject, issuer, serial, names, not_before, not_after, is_ca, self_signed,
     key_kind, key_bits, curve, signature_hash, version, problems) = row  # fmt: skip
    return CertificateFacts(
        fingerprint,
        spki,
        subject,
        issuer,
        serial,
        () if names == _EMPTY else tuple(json.loads(names)),
        not_before,
        not_after,
        None if is_ca is None else bool(is_ca),
        bool(self_signed),
        key_kind,
        key_bits,
        curve,
        signature_hash,
        version,
        () if problems == _EMPTY else tuple(json.loads(problems)),
    )


def owns(name: str) -> ColumnElement[bool]:
    """The condition that a peer owns the domain ``name``."""
    return peer.c.id.in_(select(domain.c.peer_id).where(domain.c.name == name))


def named(name: str) -> ColumnElement[bool]:
    """The condition that a peer has this name, in any case."""
    return peer.c.name == name.strip().lower()


def asked(
    connection: Connection,
    restricted: Callable[[Any, Any], Any] = lambda query, _key: query,
    there: Set[str] | None = None,
) -> dict[int, Inbound]:
    """:func:`trustctl.inventory.inbound.read`, which is not loaded where nobody is asked.

    Args:
        there: what :func:`rare` says, where that is known.
    """
    if "inbound" not in (rare(connection) if there is None else there):
        return {}
    from trustctl.inventory import inbound

    return inbound.read(connection, restricted)


def rare(connection: Connection) -> set[str]:
    """Of what most inventories have nothing: what there is in this one."""
    (row,) = connection.exec_driver_sql(_IS_THERE)
    return {name for name, there in zip(_RARE, row, strict=True) if there}


def _vouch_id(vouch: Vouch) -> int:
    return vouch.id


def read_distrusts(connection: Connection) -> list[Distrust]:
    """All of distrust, in order of time."""
    d = distrust.c
    query = select(d.kind, d.value, d.reason, d.at, d.by).order_by(d.at, d.kind, d.value)
    return [Distrust(*row) for row in connection.execute(query)]


def read_peers(
    connection: Connection,
    *,
    ids: Sequence[int] | None = None,
    where: ColumnElement[bool] | None = None,
) -> Iterator[Peer]:
    """Peers in order of id, each with domains, hosts, pins and vouches; all of them by default.

    Args:
        ids: only these peers. where: only peers for which this holds (a condition on ``peer``).
    """
    for one, _id in read_peers_with_ids(connection, ids=ids, where=where):
        yield one


def read_peers_with_ids(
    connection: Connection,
    *,
    ids: Sequence[int] | None = None,
    where: ColumnElement[bool] | None = None,
) -> Iterator[tuple[Peer, int]]:
    """As :func:`read_peers`, with each peer's id."""

    def restricted(query: Any, key: Any) -> Any:
        if ids is not None:
            return query.where(key.in_(ids))
        if where is not None:
            return query.where(key.in_(select(peer.c.id).where(where)))
        return query

    def ordered(query: Any, key: Any) -> Iterator[Any]:
        return iter(connection.execution_options(yield_per=2000).execute(restricted(query, key)))

    by_key: dict[tuple[str, str], list[Distrust]] = {}
    for one in read_distrusts(connection):
        by_key.setdefault((one.kind, one.value), []).append(one)
    there = rare(connection)
    revoked: dict[int, Revocation] = {}
    if "revocation" in there:
        from trustctl.inventory import revocations

        revoked = revocations.of_pins(connection, restricted)
    held: dict[tuple[int, str], Cross] = {}
    if "crossing" in there:
        from trustctl.inventory import crosses

        held = {
            key: replace(one, distrusts=_against(by_key, one))
            for key, one in crosses.of_peers(connection, restricted).items()
        }
    renewed = None
    if "renewal" in there:
        from trustctl.inventory.renewed import Renewed

        renewed = Renewed(connection, restricted, by_key)
    inbound_of = asked(connection, restricted, there)
    p = peer.c
    peers = ordered(select(p.id, p.name, p.added_at).order_by(p.id), p.id)
    domains = Merge(
        ordered(
            select(domain.c.peer_id, domain.c.name).order_by(domain.c.peer_id, domain.c.name),
            domain.c.peer_id,
        )
    )
    hosts = Merge(
        ordered(
            select(mx_host.c.peer_id, mx_host.c.name).order_by(mx_host.c.peer_id, mx_host.c.name),
            mx_host.c.peer_id,
        )
    )
    columns = (pin.c.id, pin.c.role, pin.c.added_at, pin.c.added_by, pin.c.retired_at)
    pins = Merge(
        ordered(
            select(pin.c.peer_id, *columns, pin.c.retired_reason, peer.c.name, *FACTS)
            .join(peer, peer.c.id == pin.c.peer_id)
            .join(certificate, certificate.c.fingerprint == pin.c.fingerprint)
            .order_by(pin.c.peer_id, pin.c.id),
            pin.c.peer_id,
        )
    )
    v, w = vouch.c, withdrawal.c
    said_columns = (v.fingerprint, v.voucher, v.channel, v.note, v.at, v.expires_at)
    vouches = Merge(
        ordered(
            select(v.peer_id, v.id, peer.c.name, *said_columns, w.at, w.by, w.reason)
            .join(peer, peer.c.id == v.peer_id)
            .outerjoin(withdrawal, w.vouch_id == v.id)
            .order_by(v.peer_id),
            v.peer_id,
        )
    )
    for peer_id, name, added_at in peers:
        said = sorted([Vouch(*row[1:]) for row in vouches.take(peer_id)], key=_vouch_id)
        own_pins = []
        for row in pins.take(peer_id):
            facts = facts_of(row[_PIN:])
            against = by_key and (
                *by_key.get(("fingerprint", facts.fingerprint), ()),
                *by_key.get(("spki", facts.spki or ""), ()),
            )
            own_pins.append(
                Pin(
                    row[1],
                    name,
                    row[2],
                    facts,
                    row[3],
                    row[4],
                    row[5],
                    row[6],
                    tuple([one for one in said if one.fingerprint == facts.fingerprint]),
                    tuple(against) if against else (),
                    revoked.get(row[1]),
                    held.get((peer_id, facts.spki or "")) if row[2] == "authority" else None,
                    None if renewed is None else renewed.of_pin(row[1], said),
                )
            )
        yield (
            Peer(
                name,
                tuple([row[1] for row in domains.take(peer_id)]),
                tuple([row[1] for row in hosts.take(peer_id)]),
                tuple(own_pins),
                added_at,
                inbound_of.get(peer_id, NO_INBOUND),
            ),
            peer_id,
        )


def _against(by_key: dict[tuple[str, str], list[Distrust]], one: Cross) -> tuple[Distrust, ...]:
    """The distrusts of a cross-certificate, or of our root (the key is the pin's own matter)."""
    keys = (("fingerprint", one.fingerprint), ("fingerprint", one.root), ("spki", one.root_spki))
    return tuple(each for key in keys for each in by_key.get(key, ()))


def facts_by_fingerprint(
    connection: Connection, fingerprints: Sequence[str]
) -> dict[str, CertificateFacts]:
    """The facts of these certificates, as far as they are in the inventory."""
    query = select(*FACTS).where(certificate.c.fingerprint.in_(list(fingerprints)))
    return {row[0]: facts_of(row) for row in connection.execute(query)}


def read_peers_by_name(connection: Connection) -> Iterator[Peer]:
    """All peers in order of name, a few hundred in memory at a time."""
    ids = connection.execute(select(peer.c.id).order_by(peer.c.name)).scalars().all()
    for part in range(0, len(ids), _PART):
        found = read_peers(connection, ids=ids[part : part + _PART])
        yield from sorted(found, key=lambda one: one.name)


def chains(connection: Connection, fingerprints: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The fingerprints of the chain that each leaf was presented with, nearest first."""
    found: dict[str, tuple[str, ...]] = {}
    for part in _parts(fingerprints):
        query = (
            select(chain.c.fingerprint, chain.c.issuer)
            .where(chain.c.fingerprint.in_(part))
            .order_by(chain.c.fingerprint, chain.c.position)
        )
        for leaf, rows in groupby(connection.execute(query), key=itemgetter(0)):
            found[leaf] = tuple(row[1] for row in rows)
    return found


def ders(connection: Connection, fingerprints: Sequence[str]) -> dict[str, bytes]:
    """The DER of these certificates."""
    found: dict[str, bytes] = {}
    for part in _parts(fingerprints):
        query = select(certificate.c.fingerprint, certificate.c.der).where(
            certificate.c.fingerprint.in_(part)
        )
        for fingerprint, der in connection.execute(query):
            found[fingerprint] = der
    return found


def _parts(values: Sequence[str]) -> Iterator[list[str]]:
    unique = list(dict.fromkeys(values))
    for start in range(0, len(unique), _PART):
        yield unique[start : start + _PART]
