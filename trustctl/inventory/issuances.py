"""What the CA signs: committed before the signature is made, completed after, revoked one day."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Select, select

from trustctl.errors import ConflictError
from trustctl.facts.issuance import Draft, Issuance
from trustctl.facts.records import COMPROMISE
from trustctl.inventory.authorities import store
from trustctl.inventory.canonical import Form, texts
from trustctl.inventory.certificates import Digests, certificate_row
from trustctl.inventory.schema import certificate, peer, pin
from trustctl.inventory.schema_ca import authority, crossing, issuance, issued, revocation
from trustctl.inventory.transaction import WriteTransaction

if TYPE_CHECKING:
    from trustctl.facts.addition import Evidence

REASONS = (
    "unspecified", "key-compromise", "ca-compromise", "affiliation-changed", "superseded",
    "cessation-of-operation", "privilege-withdrawn",
)  # fmt: skip
"""Why a certificate is revoked (RFC 5280, 5.3.1), without those that only a delta needs."""

_COMMON = ("profile", "not_before", "not_after")
_issue = Form({}, "issuance", "stored")


def reserve(tx: WriteTransaction, issuer: str, drafts: Sequence[Draft]) -> list[int]:
    """Commit to sign these drafts; what each became is recorded by :func:`complete`.

    Args:
        issuer: the SPKI pin of the authority that will sign.

    Returns:
        The issuances' ids.
    """
    ids = []
    forms: dict[tuple[object, ...], Form] = {}
    for one in drafts:
        template = one.template
        issuance_id = tx.new_id(issuance)
        serial, hosts = f"{template.serial:x}", texts(template.hosts)
        same = (template.profile.name, template.not_before, template.not_after)
        if same not in forms:
            common = {"issuer": issuer, **dict(zip(_COMMON, same, strict=True))}
            forms[same] = Form(common, "hosts", "issuance", "spki", "subject", "tbs_sha256")
        row: dict[str, object] = {
            "id": issuance_id,
            "issuer": issuer,
            "serial": serial,
            "tbs_sha256": one.tbs_sha256,
            "profile": same[0],
            "subject": template.subject,
            "hosts": hosts,
            "spki": one.spki,
            "not_before": same[1],
            "not_after": same[2],
            "at": tx.now,
            "by": tx.actor,
        }
        tx.insert_row(issuance, row)
        details = forms[same](hosts, issuance_id, one.spki, template.subject, one.tbs_sha256)
        tx.record("ca.reserve", serial, details)
        ids.append(issuance_id)
    return ids


def complete(tx: WriteTransaction, signed: Iterable[tuple[int, Evidence]]) -> None:
    """Record the certificates that issuances became."""
    digests = Digests()
    for issuance_id, evidence in signed:
        fingerprint = evidence.facts.fingerprint
        row = certificate_row(evidence)
        tx.insert_row(certificate, row)
        tx.insert_row(
            issued, {"issuance_id": issuance_id, "fingerprint": fingerprint, "at": tx.now}
        )
        stored = {fingerprint: digests.digest(row)}
        tx.record("ca.issue", fingerprint, _issue(issuance_id, stored))


def adopt(tx: WriteTransaction, issuer: str, one: Draft, evidence: Evidence) -> None:
    """Record what an authority whose key is elsewhere has signed; the certificate may be known."""
    (issuance_id,) = reserve(tx, issuer, [one])
    stored = store(tx, evidence)
    fingerprint = evidence.facts.fingerprint
    tx.insert(issued, issuance_id=issuance_id, fingerprint=fingerprint, at=tx.now)
    tx.record("ca.issue", fingerprint, {"issuance": issuance_id, "stored": stored})
    tx.flush()


def revoke(tx: WriteTransaction, one: Issuance, reason: str) -> None:
    """Revoke what was issued; it takes effect with the next CRL, staple and export.

    Raises:
        ConflictError: it is revoked already.
    """
    if one.revoked_at is not None:
        raise ConflictError(
            f"{one.subject} {one.serial} is revoked already ({one.revoked_reason})",
            "trustctl ca list --all shows it",
        )
    tx.insert(revocation, issuance_id=one.id, at=tx.now, by=tx.actor, reason=reason)
    touched = tx.connection.execute(_pinning(one, reason)).all()
    details: dict[str, object] = {
        "issuance": one.id,
        "peers": [row[1] for row in touched],
        "reason": reason,
    }
    tx.record("ca.revoke", one.serial, details, *(row[0] for row in touched))


def _pinning(one: Issuance, reason: str) -> Select[Any]:
    """The peers that pin what is revoked (where its key is in other hands: the key), or pin an
    authority of ours: their export names what was revoked last; or whose CA was held by it."""
    ours = select(certificate.c.spki).join(
        authority, authority.c.fingerprint == certificate.c.fingerprint
    )
    same = ((pin.c.role == "authority") & certificate.c.spki.in_(ours)) | (
        certificate.c.fingerprint == one.fingerprint
    )
    same = same | peer.c.id.in_(select(crossing.c.peer_id).where(crossing.c.issuance_id == one.id))
    if reason in COMPROMISE:
        same = same | (certificate.c.spki == one.spki)
    return (
        select(peer.c.id, peer.c.name)
        .join(pin, pin.c.peer_id == peer.c.id)
        .join(certificate, certificate.c.fingerprint == pin.c.fingerprint)
        .where(same)
        .distinct()
        .order_by(peer.c.name)
    )


def read(connection: Connection, *where: ColumnElement[bool]) -> list[Issuance]:
    """The issuances for which all of this holds, oldest first."""
    query = _query().where(*where)
    return [_record(tuple(row)) for row in connection.execute(query)]


def read_ids(connection: Connection, ids: Sequence[int]) -> list[Issuance]:
    """The issuances of these ids (some hundreds at the most), oldest first."""
    return read(connection, issuance.c.id.in_(list(ids)))


def of_subjects(connection: Connection, subjects: Sequence[str]) -> list[Issuance]:
    """What was signed for these subjects (some hundreds at the most), oldest first."""
    i = issuance.c
    return read(connection, i.subject.in_(list(subjects)), issued.c.fingerprint.is_not(None))


def search_fingerprints(connection: Connection, fingerprints: Sequence[str]) -> list[Issuance]:
    """The issuances that became these certificates, oldest first."""
    return read(connection, issued.c.fingerprint.in_(list(fingerprints)))


def search(
    connection: Connection,
    *,
    issuers: Sequence[str] | None = None,
    until: int | None = None,
    after: int | None = None,
    host: str | None = None,
    revoked: bool | None = None,
    unfinished: bool = False,
) -> list[Issuance]:
    """Issuances by what people filter for, oldest first.

    Args:
        issuers: only those of these SPKI pins. until: only those that end by then. after: only
            those that do not end before. host: only subjects that hold this text. revoked: only
            those that are, or are not; None for both. unfinished: also those without a signature.
    """
    i = issuance.c
    where: list[ColumnElement[bool]] = []
    if issuers is not None:
        where.append(i.issuer.in_(list(issuers)))
    if until is not None:
        where.append(i.not_after <= until)
    if after is not None:
        where.append(i.not_after >= after)
    if host is not None:
        where.append(i.subject.contains(host.strip().lower(), autoescape=True))
    if revoked is not None:
        known = revocation.c.issuance_id
        where.append(known.is_not(None) if revoked else known.is_(None))
    if not unfinished:
        where.append(issued.c.fingerprint.is_not(None))
    return read(connection, *where)


def find(connection: Connection, subject: str) -> list[Issuance]:
    """What ``subject`` names: a serial number in hex (colons and case do not matter), or a host's
    certificates that were signed and are not revoked.

    Raises:
        ConflictError: nothing fits.
    """
    serial = subject.replace(":", "").lower().lstrip("0")
    i = issuance.c
    found = [one for one in read(connection, i.serial == serial) if one.fingerprint]
    if not found:
        host = subject.strip().lower().removesuffix(".")
        of_host = read(connection, i.subject == host, issued.c.fingerprint.is_not(None))
        found = [one for one in of_host if one.revoked_at is None]
    if not found:
        raise ConflictError(
            f"{subject}: the CA has issued no such certificate that is not revoked",
            "trustctl ca list --all shows all of them",
        )
    return found


def crosses(connection: Connection, profile: str) -> list[Issuance]:
    """The cross-certificates of this profile that were signed and are not revoked, oldest first."""
    i = issuance.c
    where = (i.profile == profile, issued.c.fingerprint.is_not(None))
    return [one for one in read(connection, *where) if one.revoked_at is None]


def of_key(connection: Connection, issuer: str, spki: str) -> list[Issuance]:
    """What an authority has signed for a key, oldest first."""
    i = issuance.c
    return read(connection, i.issuer == issuer, i.spki == spki, issued.c.fingerprint.is_not(None))


def ders(connection: Connection, found: Iterable[Issuance]) -> dict[int, bytes]:
    """The certificates of issuances, by id."""
    wanted = [one.id for one in found]
    result: dict[int, bytes] = {}
    for start in range(0, len(wanted), 500):
        query = (
            select(issued.c.issuance_id, certificate.c.der)
            .join(certificate, certificate.c.fingerprint == issued.c.fingerprint)
            .where(issued.c.issuance_id.in_(wanted[start : start + 500]))
        )
        result.update((row[0], row[1]) for row in connection.execute(query))
    return result


def _query() -> Select[Any]:
    i = issuance.c
    return (
        select(
            i.id, i.issuer, i.serial, i.tbs_sha256, i.profile, i.subject, i.hosts, i.spki,
            i.not_before, i.not_after, i.at, i.by, issued.c.fingerprint, revocation.c.at,
            revocation.c.reason,
        )
        .outerjoin(issued, issued.c.issuance_id == i.id)
        .outerjoin(revocation, revocation.c.issuance_id == i.id)
        .order_by(i.id)
    )  # fmt: skip


def _record(row: tuple[Any, ...]) -> Issuance:
    return Issuance(*(*row[:6], tuple(json.loads(row[6])), *row[7:]))
