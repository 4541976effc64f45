"""The private CA's own authorities, and the requests for them that wait for an offline root."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select, update

from trustctl.errors import ConflictError
from trustctl.facts.issuance import Authority, AuthorityKind
from trustctl.inventory.certificates import certificate_row, facts_digest
from trustctl.inventory.schema import certificate
from trustctl.inventory.schema_ca import authority, request
from trustctl.inventory.transaction import WriteTransaction

if TYPE_CHECKING:
    from trustctl.facts.addition import Evidence


def authorities(
    connection: Connection, *, hierarchy: str | None = None, kind: AuthorityKind | None = None
) -> list[Authority]:
    """Our authorities, roots first, the newest of each kind last."""
    a, c = authority.c, certificate.c
    query = (
        select(
            a.id, a.hierarchy, a.kind, a.number, a.key, a.fingerprint, c.spki, c.der, c.subject,
            c.not_before, c.not_after, a.permitted, a.added_at, a.retired_at,
        )
        .join(certificate, c.fingerprint == a.fingerprint)
        .order_by(a.hierarchy, a.kind.desc(), a.number)
    )  # fmt: skip
    if hierarchy is not None:
        query = query.where(a.hierarchy == hierarchy)
    if kind is not None:
        query = query.where(a.kind == kind)
    return [_authority(tuple(row)) for row in connection.execute(query)]


def _authority(row: tuple[Any, ...]) -> Authority:
    return Authority(*(*row[:11], _list(row[11]), *row[12:]))


def _list(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(json.loads(text))


def current(connection: Connection, hierarchy: str, kind: AuthorityKind) -> Authority:
    """The authority of this kind that signs now.

    Raises:
        ConflictError: there is none.
    """
    found = [
        one
        for one in authorities(connection, hierarchy=hierarchy, kind=kind)
        if one.retired_at is None
    ]
    if not found:
        raise ConflictError(
            f"there is no {kind} CA in the hierarchy {hierarchy}",
            "trustctl ca init makes one; below an offline root: trustctl ca request",
        )
    return found[-1]


def kind_named(text: str) -> AuthorityKind:
    """``root`` or ``issuing`` as a kind."""
    return "root" if text == "root" else "issuing"


def hierarchies(connection: Connection) -> list[str]:
    """The names of the hierarchies that there are."""
    query = select(authority.c.hierarchy).distinct().order_by(authority.c.hierarchy)
    return list(connection.execute(query).scalars())


def add(
    tx: WriteTransaction,
    hierarchy: str,
    kind: AuthorityKind,
    key: str,
    evidence: Evidence,
    permitted: tuple[str, ...] | None,
) -> int:
    """Record a new authority, the next of its kind; its number is returned.

    Args:
        key: where its key is, as in :class:`~trustctl.facts.issuance.Authority`.
    """
    fingerprint = evidence.facts.fingerprint
    a = authority.c
    highest = tx.connection.execute(
        select(func.max(a.number)).where((a.hierarchy == hierarchy) & (a.kind == kind))
    ).scalar()
    number = (highest or 0) + 1
    stored = store(tx, evidence)
    values: dict[str, object] = {
        "hierarchy": hierarchy,
        "kind": kind,
        "number": number,
        "key": key,
        "permitted": None if permitted is None else json.dumps(list(permitted)),
    }
    authority_id = tx.new_id(authority)
    tx.insert(
        authority,
        id=authority_id,
        fingerprint=fingerprint,
        added_at=tx.now,
        retired_at=None,
        **values,
    )
    details = {**values, "authority": authority_id, "stored": stored}
    tx.record("ca.authority", fingerprint, details)
    return number


def store(tx: WriteTransaction, evidence: Evidence) -> dict[str, str]:
    """Keep a certificate, where it is not kept already; then its fingerprint and its row's digest,
    for the journal."""
    tx.flush()
    known = select(certificate.c.fingerprint).where(
        certificate.c.fingerprint == evidence.facts.fingerprint
    )
    if tx.connection.execute(known).first() is not None:
        return {}
    row = certificate_row(evidence)
    tx.insert(certificate, **row)
    return {evidence.facts.fingerprint: facts_digest(row)}


def retire(tx: WriteTransaction, one: Authority) -> None:
    """Let an authority sign no more certificates; what it signed stays, and so does its CRL."""
    tx.connection.execute(
        update(authority).where(authority.c.id == one.id).values(retired_at=tx.now)
    )
    tx.record("ca.retire", one.fingerprint, {})


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A CA that we made a key for and that a root elsewhere has to sign."""

    spki: str
    hierarchy: str
    subject: str
    permitted: tuple[str, ...] | None
    public_key: bytes
    key: str


def add_request(tx: WriteTransaction, wanted: PendingRequest) -> None:
    """Record a request that is about to be carried to the root."""
    permitted = None if wanted.permitted is None else json.dumps(list(wanted.permitted))
    values: dict[str, object] = {
        "hierarchy": wanted.hierarchy,
        "subject": wanted.subject,
        "permitted": permitted,
        "key": wanted.key,
    }
    tx.insert(
        request,
        spki=wanted.spki,
        public_key=wanted.public_key,
        at=tx.now,
        by=tx.actor,
        **values,
    )
    details = {**values, "public_key": wanted.public_key.hex()}
    tx.record("ca.request", wanted.spki, details)


def requests(connection: Connection) -> list[PendingRequest]:
    """The requests that no authority has come of yet."""
    r = request.c
    answered = select(certificate.c.spki).join(
        authority, authority.c.fingerprint == certificate.c.fingerprint
    )
    query = (
        select(r.spki, r.hierarchy, r.subject, r.permitted, r.public_key, r.key)
        .where(r.spki.not_in(answered))
        .order_by(r.at, r.spki)
    )
    return [
        PendingRequest(row[0], row[1], row[2], _list(row[3]), row[4], row[5])
        for row in connection.execute(query)
    ]
