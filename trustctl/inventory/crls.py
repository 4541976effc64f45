"""The CRLs that were signed, each under its number: numbers only ever grow (RFC 5280, 5.2.3)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from trustctl.facts.revocation import Revoked
from trustctl.inventory.schema_ca import crl, issuance, revocation
from trustctl.inventory.transaction import WriteTransaction


@dataclass(frozen=True, slots=True)
class StoredCrl:
    """A CRL. ``base``: the number that a delta is to be applied to; None for a whole one."""

    issuer: str
    number: int
    base: int | None
    this_update: int
    next_update: int
    der: bytes


def revoked(connection: Connection, issuer: str) -> list[Revoked]:
    """All that an authority has issued and that was revoked since, in order of issue.

    Args:
        issuer: its SPKI pin.
    """
    query = (
        select(issuance.c.serial, revocation.c.at, revocation.c.reason, issuance.c.not_after)
        .join(issuance, issuance.c.id == revocation.c.issuance_id)
        .where(issuance.c.issuer == issuer)
        .order_by(issuance.c.id)
    )
    return [Revoked(int(row[0], 16), *row[1:]) for row in connection.execute(query)]


def next_number(connection: Connection, issuer: str) -> int:
    """The number of an authority's next CRL. ``issuer``: its SPKI pin."""
    query = select(func.max(crl.c.number)).where(crl.c.issuer == issuer)
    return (connection.execute(query).scalar() or 0) + 1


def newest(connection: Connection, issuer: str, *, delta: bool = False) -> StoredCrl | None:
    """An authority's newest CRL; None where it has none. With ``delta``: its newest delta."""
    c = crl.c
    kind = c.base.is_not(None) if delta else c.base.is_(None)
    query = (
        select(c.issuer, c.number, c.base, c.this_update, c.next_update, c.der)
        .where((c.issuer == issuer) & kind)
        .order_by(c.number.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else StoredCrl(*row)


def add(tx: WriteTransaction, one: StoredCrl) -> None:
    """Record a CRL."""
    tx.insert(
        crl,
        issuer=one.issuer,
        number=one.number,
        base=one.base,
        this_update=one.this_update,
        next_update=one.next_update,
        der=one.der,
    )
    details: dict[str, object] = {
        "base": one.base,
        "next_update": one.next_update,
        "number": one.number,
        "sha256": hashlib.sha256(one.der).hexdigest(),
        "this_update": one.this_update,
    }
    tx.record("ca.crl", one.issuer, details)
