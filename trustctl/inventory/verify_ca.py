"""What the private CA's tables hold, in the shape that the journal's replay has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Table, select

from trustctl.inventory.replay_ca import ReplayCa
from trustctl.inventory.schema import peer
from trustctl.inventory.schema_ca import (
    authority,
    crl,
    crossing,
    issuance,
    issued,
    request,
    revocation,
    staple,
)


def tables(
    connection: Connection, replay: ReplayCa
) -> Iterator[tuple[str, dict[Any, Any], dict[Any, Any]]]:
    """For each table: its name for people, what it ought to hold, what it holds."""

    def rows(table: Table, *columns: str) -> Iterator[tuple[Any, ...]]:
        query = select(*(table.c[name] for name in columns))
        for row in connection.execution_options(yield_per=2000).execute(query):
            yield tuple(row)

    names: tuple[str, ...] = ("fingerprint", "hierarchy", "kind", "number", "key", "permitted",
                              "added_at", "id", "retired_at")  # fmt: skip
    yield "authority", replay.authorities, {r[0]: r[1:] for r in rows(authority, *names)}
    names = ("spki", "hierarchy", "subject", "permitted", "key", "at", "by", "public_key")
    yield (
        "request",
        replay.requests,
        {r[0]: (*r[1:4], r[7].hex(), *r[4:7]) for r in rows(request, *names)},
    )
    names = ("id", "issuer", "serial", "tbs_sha256", "profile", "subject", "hosts", "spki",
             "not_before", "not_after", "at", "by")  # fmt: skip
    yield "issuance", replay.issuances, {r[0]: r[1:] for r in rows(issuance, *names)}
    names = ("issuance_id", "fingerprint", "at")
    yield "issued", replay.issued, {r[0]: r[1:] for r in rows(issued, *names)}
    names = ("issuance_id", "at", "by", "reason")
    yield "revocation", replay.revocations, {r[0]: r[1:] for r in rows(revocation, *names)}
    peers = dict(rows(peer, "id", "name"))
    names = ("id", "peer_id", "spki", "issuance_id", "permitted", "added", "at", "by")
    yield (
        "crossing",
        replay.crossings,
        {r[0]: (peers.get(r[1]), *r[2:]) for r in rows(crossing, *names)},
    )
    names = ("issuer", "number", "base", "this_update", "next_update", "der")
    yield (
        "CRL",
        replay.crls,
        {r[:2]: (*r[2:5], hashlib.sha256(r[5]).hexdigest()) for r in rows(crl, *names)},
    )
    names = ("id", "issuance_id", "status", "this_update", "next_update", "der")
    yield (
        "OCSP response",
        replay.staples,
        {r[0]: (*r[1:5], hashlib.sha256(r[5]).hexdigest()) for r in rows(staple, *names)},
    )
