"""Records fingerprints and SPKI pins that may never be trusted again."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Connection, select

from trustctl.errors import UsageError
from trustctl.facts.fingerprint import parse_fingerprint
from trustctl.inventory import pins
from trustctl.inventory.schema import certificate, chain, distrust, peer, pin
from trustctl.inventory.transaction import WriteTransaction


def add(
    tx: WriteTransaction, kind: Literal["fingerprint", "spki"], value: str, reason: str
) -> bool:
    """Distrust ``value`` (64 lower-case hex digits) for good; False where it was already."""
    tx.flush()
    d = distrust.c
    known = select(d.value).where((d.kind == kind) & (d.value == value))
    if tx.connection.execute(known).first() is not None:
        return False
    tx.insert(distrust, kind=kind, value=value, reason=reason, at=tx.now, by=tx.actor)
    column = certificate.c.fingerprint if kind == "fingerprint" else certificate.c.spki
    below = (
        select(chain.c.fingerprint)
        .join(certificate, certificate.c.fingerprint == chain.c.issuer)
        .where(column == value)
    )
    pinning = (
        select(peer.c.id, peer.c.name)
        .join(pin, pin.c.peer_id == peer.c.id)
        .join(certificate, certificate.c.fingerprint == pin.c.fingerprint)
        # an authority's peers carry the list of what is distrusted
        .where((column == value) | (pin.c.role == "authority") | pin.c.fingerprint.in_(below))
        .distinct()
        .order_by(peer.c.name)
    )
    touched = tx.connection.execute(pinning).all()
    details: dict[str, object] = {
        "kind": kind,
        "peers": [row[1] for row in touched],
        "reason": reason,
    }
    tx.record("distrust.add", value, details, *(row[0] for row in touched))
    return True


def named(
    connection: Connection, subject: str, *, key: bool
) -> list[tuple[Literal["fingerprint", "spki"], str]]:
    """What ``subject`` means: a whole fingerprint or SPKI pin (known or not), some digits of a
    known fingerprint, or all pins of a peer. With ``key``, the keys of known certificates too.

    Bare hex that no known certificate has may be either one, so it means both.

    Raises:
        UsageError, ConflictError: nothing fits.
    """
    if pins.whole_fingerprint(subject) or subject.lower().startswith(("spki:", "sha256", "pin-")):
        given = parse_fingerprint(subject)
        c = certificate.c
        if given.kind == "spki":
            return [("spki", given.value)]
        keys = [
            row[0] for row in connection.execute(select(c.spki).where(c.fingerprint == given.value))
        ]
        if given.kind == "either" and not keys:
            keyed = select(c.spki).where(c.spki == given.value).limit(1)
            if connection.execute(keyed).first() is not None:
                return [("spki", given.value)]
            if not key:
                return [("fingerprint", given.value), ("spki", given.value)]
        fingerprints = [given.value]
    else:
        found = pins.find(connection, subject, active=False)
        fingerprints = list(dict.fromkeys(one.fingerprint for one in found))
        keys = [one.spki for one in found]
    values: list[tuple[Literal["fingerprint", "spki"], str]] = []
    values += [("fingerprint", one) for one in fingerprints]
    if key:
        values += [("spki", one) for one in dict.fromkeys(keys) if one]
        if not any(keys):
            raise UsageError(
                "--key: the key of that certificate is not known", "give its SPKI pin: spki:HEX"
            )
    return values


def is_distrusted(connection: Connection, fingerprint: str, spki: str) -> bool:
    """Whether a certificate, known or not, is distrusted: itself, or its key."""
    d = distrust.c
    either = ((d.kind == "fingerprint") & (d.value == fingerprint)) | (
        (d.kind == "spki") & (d.value == spki)
    )
    return connection.execute(select(d.value).where(either)).first() is not None


def distrusted_fingerprints(connection: Connection) -> list[str]:
    """Every fingerprint that is distrusted, itself or by its (known) certificate's key; sorted."""
    d, c = distrust.c, certificate.c
    named = select(d.value).where(d.kind == "fingerprint")
    keyed = select(c.fingerprint).join(distrust, (d.kind == "spki") & (d.value == c.spki))
    found = set(connection.execute(named).scalars())
    found.update(connection.execute(keyed).scalars())
    return sorted(found)
