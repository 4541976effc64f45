"""Which pins hold what our own CA revoked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, select

from trustctl.facts.records import COMPROMISE, Revocation
from trustctl.inventory.hierarchies import hierarchy_of_keys
from trustctl.inventory.schema import certificate, distrust, pin
from trustctl.inventory.schema_ca import issuance, issued, revocation


def of_pins(
    connection: Connection, restrict: Callable[[Any, Any], Any] = lambda query, _key: query
) -> dict[int, Revocation]:
    """Pin's id -> the first revocation of its certificate, or of another one with its key where
    that key was compromised.

    Args:
        restrict: narrows the query down, by the column of the pin's peer.
    """
    if connection.execute(select(revocation.c.issuance_id).limit(1)).first() is None:
        return {}
    same = (issued.c.fingerprint == pin.c.fingerprint) | revocation.c.reason.in_(COMPROMISE)
    query = (
        select(pin.c.id, revocation.c.at, revocation.c.reason)
        .join(certificate, certificate.c.fingerprint == pin.c.fingerprint)
        .join(issuance, issuance.c.spki == certificate.c.spki)
        .join(issued, issued.c.issuance_id == issuance.c.id)
        .join(revocation, revocation.c.issuance_id == issuance.c.id)
        .where(same)
    )
    found: dict[int, Revocation] = {}
    for pin_id, at, reason in connection.execute(restrict(query, pin.c.peer_id)):
        if pin_id not in found or at < found[pin_id].at:
            found[pin_id] = Revocation(at, reason)
    return found


def of_certificates(connection: Connection, fingerprints: Sequence[str]) -> dict[str, Revocation]:
    """Fingerprint -> revocation, of those of these certificates that our CA revoked."""
    query = (
        select(issued.c.fingerprint, revocation.c.at, revocation.c.reason)
        .join(revocation, revocation.c.issuance_id == issued.c.issuance_id)
        .where(issued.c.fingerprint.in_(list(fingerprints)))
    )
    return {row[0]: Revocation(row[1], row[2]) for row in connection.execute(query)}


def lost_keys(connection: Connection) -> dict[str, str]:
    """SPKI pin -> why no certificate may be made for this key again: it is in other hands, or
    distrusted."""
    compromised = (
        select(issuance.c.spki, revocation.c.reason)
        .join(revocation, revocation.c.issuance_id == issuance.c.id)
        .where(revocation.c.reason.in_(COMPROMISE))
    )
    found = {row[0]: f"it was revoked ({row[1]})" for row in connection.execute(compromised)}
    distrusted = select(distrust.c.value).where(distrust.c.kind == "spki")
    return found | dict.fromkeys(connection.execute(distrusted).scalars(), "it is distrusted")


AT_MOST = 100


def newest(connection: Connection) -> dict[str, list[str]]:
    """By the name of a CA of ours: the fingerprints of what it revoked last, at most a hundred.

    What has expired is among them: time alone does not change what an export has to say.
    """
    found: dict[str, list[str]] = {}
    if connection.execute(select(revocation.c.issuance_id).limit(1)).first() is None:
        return found
    signers: dict[str, list[str]] = {}
    for spki, name in hierarchy_of_keys(connection).items():
        signers.setdefault(name, []).append(spki)
    for name, spkis in signers.items():
        query = (
            select(issued.c.fingerprint)
            .join(revocation, revocation.c.issuance_id == issued.c.issuance_id)
            .join(issuance, issuance.c.id == issued.c.issuance_id)
            .where(issuance.c.issuer.in_(spkis))
            .order_by(revocation.c.at.desc(), revocation.c.issuance_id.desc())
            .limit(AT_MOST)
        )
        if prints := list(connection.execute(query).scalars()):
            found[name] = prints
    return found


def pinned_fingerprints(connection: Connection) -> list[str]:
    """The fingerprints of pinned certificates that are revoked, sorted."""
    revoked = of_pins(connection)
    query = select(pin.c.fingerprint).where(pin.c.id.in_(list(revoked)))
    return sorted(set(connection.execute(query).scalars()))
