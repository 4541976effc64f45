"""Finds room for what was seen: a new row, one that is there already, or none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, bindparam, func, select, update

from trustctl.errors import ConflictError
from trustctl.facts.fingerprint import short
from trustctl.facts.text import printable
from trustctl.inventory.certificates import certificate_row, facts_digest
from trustctl.inventory.schema import certificate, chain, peer, pin
from trustctl.inventory.schema_wire import DETAIL_AT_MOST, observation

if TYPE_CHECKING:
    from trustctl.facts.addition import Evidence
    from trustctl.inventory.observations import Seen
    from trustctl.inventory.transaction import WriteTransaction

CERTIFICATES_PER_HOST = 100
"""So many different certificates are kept of one host and port, as one peer's."""
ROWS_PER_HOST = 200
ROWS_PER_PEER = 2000
LARGEST_BYTES = 1 << 16
"""The largest certificate that is kept; and of a chain, all of it together."""
LONGEST_CHAIN = 10
_AT_ONCE = 400
_HOST = re.compile(r"[a-z0-9._:-]{1,253}", re.ASCII)

_Key = tuple[str, str, int, str, str, str, int]


@dataclass(slots=True)
class _Place:
    """What is known of one host and port, as one peer's."""

    rows: int
    prints: set[str]
    addresses: set[tuple[str, str]]


class Recorder:
    """Reads at once what bears on all of the sightings, then takes them one by one."""

    def __init__(self, tx: WriteTransaction, wanted: Sequence[Seen]) -> None:
        self._tx = tx
        self.fresh: dict[int, dict[str, object]] = {}
        self.dropped: list[str] = []
        self._again: dict[int, dict[str, object]] = {}
        self._ids: dict[_Key, int] = {}
        self._places: dict[tuple[str, int, int], _Place] = {}
        self._of_peer: dict[int, int] = {}
        self._peers = self._known_peers(wanted)
        prints = {one.facts.fingerprint for seen in wanted for one in seen.evidence}
        self._certificates = set(self._values(certificate.c.fingerprint, prints))
        p, leaves = pin.c, {seen.evidence[0].facts.fingerprint for seen in wanted if seen.evidence}
        self._pinned = {
            (row[0], row[1])
            for part in _parts(leaves)
            for row in tx.connection.execute(
                select(p.peer_id, p.fingerprint).where(p.fingerprint.in_(part))
            )
        }
        self._load({seen.sighting.endpoint.host for seen in wanted})

    def take(self, seen: Seen) -> int:
        """The id of its row; 0 where it is not kept."""
        sighting, place = seen.sighting, seen.sighting.endpoint
        peer_id = 0 if seen.peer is None else self._peers[seen.peer]
        leaf = seen.evidence[0] if sighting.outcome == "presented" else None
        print_ = "" if leaf is None else leaf.facts.fingerprint
        key = (
            place.host, place.address, place.port, place.protocol, sighting.outcome, print_, peer_id
        )  # fmt: skip
        volatile: dict[str, object] = {
            "tls": None if sighting.tls is None else printable(sighting.tls, 40),
            "detail": printable(sighting.detail, DETAIL_AT_MOST),
        }
        number = self._ids.get(key)
        if number is None:
            refusal = self._refusal(key, leaf)
            if refusal is not None:
                self.dropped.append(f"{printable(place.host, 253)} port {place.port}: {refusal}")
                return 0
            return self._add(seen, key, volatile)
        row = self.fresh.get(number)
        if row is None:
            row = self._again.setdefault(
                number, {"number": number, "times": 0, "last_seen": sighting.at}
            )
        row |= volatile
        row["times"] = int(str(row["times"])) + 1
        row["last_seen"] = max(int(str(row["last_seen"])), sighting.at)
        return number

    def finish(self) -> None:
        """Write the rows."""
        for row in self.fresh.values():
            self._tx.insert(observation, **row)
        self._tx.flush()
        if self._again:
            o = observation.c
            self._tx.connection.execute(
                update(observation)
                .where(o.id == bindparam("number"))
                .values(
                    last_seen=func.max(o.last_seen, bindparam("last_seen")),
                    times=o.times + bindparam("times"),
                    tls=bindparam("tls"),
                    detail=bindparam("detail"),
                ),
                list(self._again.values()),
            )

    def _refusal(self, key: _Key, leaf: Evidence | None) -> str | None:
        """Why there is no room for a new row; None where there is.

        Whatever is known of a place goes on being told: that it fails, and that it presents what
        its peer pins. Else somebody could fill the room and have the rest go unseen.
        """
        host, address, port, protocol, _outcome, print_, peer_id = key
        if not _HOST.fullmatch(host):
            return "that is no host's name"
        if leaf is not None and len(leaf.der) > LARGEST_BYTES:
            return f"a certificate of {len(leaf.der)} bytes was not kept"
        place = self._places.get((host, port, peer_id))
        pinned = (peer_id, print_) in self._pinned
        if place is not None and (address, protocol) in place.addresses and (pinned or not leaf):
            return None
        if peer_id and self._rows_of(peer_id) >= ROWS_PER_PEER:
            return f"its peer has {ROWS_PER_PEER} rows already; this was not kept"
        if place is None:
            return None
        if place.rows >= ROWS_PER_HOST:
            return f"it has {ROWS_PER_HOST} rows already; this was not kept"
        if leaf is not None and not pinned and print_ not in place.prints and (
            len(place.prints) >= CERTIFICATES_PER_HOST
        ):  # fmt: skip
            return (
                f"{CERTIFICATES_PER_HOST} different certificates are kept already; "
                f"{short(print_)} was not"
            )
        return None

    def _add(self, seen: Seen, key: _Key, volatile: dict[str, object]) -> int:
        tx, at = self._tx, seen.sighting.at
        host, address, port, protocol, outcome, print_, peer_id = key
        number = tx.new_id(observation)
        stored: dict[str, str] = {}
        details: dict[str, object] = {
            "observation": number,
            "address": address,
            "port": port,
            "protocol": protocol,
            "outcome": outcome,
            "fingerprint": print_ or None,
            "peer": seen.peer,
            "domain": seen.domain,
            "first_seen": at,
        }
        if print_ and print_ not in self._certificates:
            stored, issuers = self._store(seen.evidence)
            details |= {"stored": stored, "issuers": issuers}
        self.fresh[number] = {
            "id": number,
            "host": host,
            "address": address,
            "port": port,
            "protocol": protocol,
            "outcome": outcome,
            "fingerprint": print_ or None,
            "peer_id": peer_id or None,
            "domain": seen.domain,
            "first_seen": at,
            "last_seen": at,
            "times": 1,
            **volatile,
        }
        self._remember(key, number)
        if peer_id:
            self._of_peer[peer_id] = self._rows_of(peer_id) + 1
        tx.record("observe", host, details)
        return number

    def _store(self, evidence: tuple[Evidence, ...]) -> tuple[dict[str, str], list[str]]:
        """Keep a certificate that is new, and the chain above it unless that is too large.

        A chain is kept with a certificate that nobody has pinned yet. Whoever pins it decides what
        stands there; what is seen later never alters what is exported.
        """
        leaf, above = evidence[0], evidence[1:]
        if len(above) > LONGEST_CHAIN or sum(len(one.der) for one in above) > LARGEST_BYTES:
            above = ()
        stored: dict[str, str] = {}
        for one in (leaf, *above):
            fingerprint = one.facts.fingerprint
            if fingerprint not in self._certificates:
                row = certificate_row(one)
                self._tx.insert(certificate, **row)
                self._certificates.add(fingerprint)
                stored[fingerprint] = facts_digest(row)
        issuers = [one.facts.fingerprint for one in above]
        for position, issuer in enumerate(issuers):
            self._tx.insert(
                chain, fingerprint=leaf.facts.fingerprint, position=position, issuer=issuer
            )
        return stored, issuers

    def _rows_of(self, peer_id: int) -> int:
        if peer_id not in self._of_peer:
            query = select(func.count()).where(observation.c.peer_id == peer_id)
            self._of_peer[peer_id] = self._tx.connection.execute(query).scalar_one()
        return self._of_peer[peer_id]

    def _known_peers(self, wanted: Sequence[Seen]) -> dict[str, int]:
        names = {seen.peer for seen in wanted if seen.peer is not None}
        found = {
            str(row[0]): int(row[1])
            for part in _parts(names)
            for row in self._tx.connection.execute(
                select(peer.c.name, peer.c.id).where(peer.c.name.in_(part))
            )
        }
        for name in names - found.keys():
            raise ConflictError(f"there is no peer {name}", "trustctl list shows the peers")
        return found

    def _load(self, hosts: set[str]) -> None:
        o = observation.c
        columns = (o.host, o.address, o.port, o.protocol, o.outcome)
        query = select(
            *columns, func.coalesce(o.fingerprint, ""), func.coalesce(o.peer_id, 0), o.id
        )
        for part in _parts(hosts):
            for *key, number in self._tx.connection.execute(query.where(o.host.in_(part))):
                self._remember((key[0], key[1], key[2], key[3], key[4], key[5], key[6]), number)

    def _remember(self, key: _Key, number: int) -> None:
        host, address, port, protocol, _outcome, print_, peer_id = key
        self._ids[key] = number
        place = self._places.setdefault((host, port, peer_id), _Place(0, set(), set()))
        place.rows += 1
        place.addresses.add((address, protocol))
        if print_ and (peer_id, print_) not in self._pinned:
            place.prints.add(print_)

    def _values(self, column: ColumnElement[Any], values: set[str]) -> Iterator[str]:
        for part in _parts(values):
            yield from self._tx.connection.execute(select(column).where(column.in_(part))).scalars()


def _parts(values: Iterable[str]) -> Iterator[list[str]]:
    ordered = sorted(values)
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]
