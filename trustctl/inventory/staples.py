"""The OCSP responses that were signed, one at a time for each certificate."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, func, select

from trustctl.inventory.schema_ca import issuance, staple
from trustctl.inventory.transaction import WriteTransaction

Status = Literal["good", "revoked"]
_AN_ENTRY = 500


@dataclass(frozen=True, slots=True)
class Staple:
    """One signed response about an issuance."""

    issuance: int
    status: Status
    this_update: int
    next_update: int
    der: bytes


def newest(connection: Connection, issuers: Sequence[str]) -> dict[int, Staple]:
    """The newest response about each issuance of these authorities (SPKI pins), by its id."""
    latest = (
        select(func.max(staple.c.id))
        .join(issuance, issuance.c.id == staple.c.issuance_id)
        .where(issuance.c.issuer.in_(list(issuers)))
        .group_by(staple.c.issuance_id)
    )
    s = staple.c
    query = select(s.issuance_id, s.status, s.this_update, s.next_update, s.der).where(
        s.id.in_(latest)
    )
    return {row[0]: Staple(*row) for row in connection.execute(query)}


def add(tx: WriteTransaction, issuer: str, found: Sequence[Staple]) -> None:
    """Record responses that an authority (its SPKI pin) signed."""
    for start in range(0, len(found), _AN_ENTRY):
        told = []
        for one in found[start : start + _AN_ENTRY]:
            number = tx.new_id(staple)
            tx.insert(
                staple,
                id=number,
                issuance_id=one.issuance,
                status=one.status,
                this_update=one.this_update,
                next_update=one.next_update,
                der=one.der,
            )
            digest = hashlib.sha256(one.der).hexdigest()
            told.append(
                [number, one.issuance, one.status, one.this_update, one.next_update, digest]
            )
        tx.record("ca.staple", issuer, {"staples": told})
