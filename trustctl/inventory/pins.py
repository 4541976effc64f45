"""Finds pins by what people type, and retires them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, select, update

from trustctl.errors import ConflictError, UsageError
from trustctl.facts.fingerprint import short
from trustctl.facts.words import from_words, looks_like_words
from trustctl.inventory.schema import certificate, peer, pin
from trustctl.inventory.transaction import WriteTransaction

_SEPARATORS = re.compile(r"[:\s-]")
_PREFIX = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True, slots=True)
class PinRef:
    """A pin as a row: enough to name it. ``retired_at`` as in facts/records.py."""

    id: int
    peer_id: int
    peer: str
    fingerprint: str
    spki: str | None
    role: str
    retired_at: int | None


def fingerprint_prefix(text: str) -> str | None:
    """The lower-case hex digits that ``text`` spells, where it is eight or more of them, or that
    its 24 words say.

    Such a prefix names a certificate that is known already. It never serves as a vouch.

    Raises:
        UsageError: words that do not fit together.
    """
    if looks_like_words(text, least=12):
        return from_words(text)
    digits = _SEPARATORS.sub("", text).lower()
    return digits if _PREFIX.fullmatch(digits) else None


def whole_fingerprint(text: str) -> bool:
    """Whether ``text`` spells all 64 digits of a fingerprint."""
    prefix = fingerprint_prefix(text)
    return prefix is not None and len(prefix) == 64


def peer_id(connection: Connection, name: str) -> int:
    """The id of the peer ``name``.

    Raises:
        ConflictError: there is no such peer.
    """
    found = connection.execute(select(peer.c.id).where(peer.c.name == name)).scalar_one_or_none()
    if found is None:
        raise ConflictError(f"there is no peer {name}", "trustctl list shows the peers")
    return int(found)


def find(
    connection: Connection, subject: str, *, peer_name: str | None = None, active: bool = True
) -> list[PinRef]:
    """The pins that ``subject`` means: a fingerprint, eight or more digits of it, or a peer's name.

    A peer's name wins where both fit.

    Raises:
        ConflictError: nothing fits, or the digits fit several certificates.
    """
    query = (
        select(
            pin.c.id,
            pin.c.peer_id,
            peer.c.name,
            pin.c.fingerprint,
            certificate.c.spki,
            pin.c.role,
            pin.c.retired_at,
        )
        .join(peer, peer.c.id == pin.c.peer_id)
        .join(certificate, certificate.c.fingerprint == pin.c.fingerprint)
        .order_by(pin.c.id)
    )
    if active:
        query = query.where(pin.c.retired_at.is_(None))
    if peer_name is not None:
        query = query.where(pin.c.peer_id == peer_id(connection, peer_name))
    by_name = connection.execute(
        select(peer.c.id).where(peer.c.name == subject.strip().lower())
    ).scalar_one_or_none()
    if by_name is not None:
        rows = connection.execute(query.where(pin.c.peer_id == by_name)).all()
        return [PinRef(*row) for row in rows]
    prefix = fingerprint_prefix(subject)
    if prefix is None:
        raise ConflictError(
            f"there is no peer {subject}",
            "give a peer's name or eight or more digits of a fingerprint; trustctl list shows both",
        )
    found = [
        PinRef(*row)
        for row in connection.execute(query.where(pin.c.fingerprint.startswith(prefix)))
    ]
    prints = {one.fingerprint for one in found}
    if not found:
        kind = "active pin" if active else "pin"
        raise ConflictError(
            f"no {kind} has the fingerprint {short(prefix)}", "trustctl list --all shows all pins"
        )
    if len(prints) > 1:
        raise ConflictError(
            f"{len(prints)} certificates have fingerprints that begin with {prefix}",
            "give more digits",
        )
    return found


def peers_with(connection: Connection, fingerprint: str) -> tuple[str, ...]:
    """The names of the peers that have an active pin on this certificate."""
    query = (
        select(peer.c.name)
        .join(pin, pin.c.peer_id == peer.c.id)
        .where((pin.c.fingerprint == fingerprint) & pin.c.retired_at.is_(None))
        .order_by(peer.c.name)
    )
    return tuple(connection.execute(query).scalars())


def pinning(fingerprints: Sequence[str], *, retired: bool = False) -> ColumnElement[bool]:
    """The condition that a peer has an active pin on one of these certificates (some hundreds).

    Args:
        retired: or a pin that was retired.
    """
    query = select(pin.c.peer_id).where(pin.c.fingerprint.in_(list(fingerprints)))
    if not retired:
        query = query.where(pin.c.retired_at.is_(None))
    return peer.c.id.in_(query)


def only(found: list[PinRef], subject: str, verb: str) -> PinRef:
    """The one pin of ``found``.

    Raises:
        ConflictError: there is none. UsageError: there are several, and which was not said.
    """
    if not found:
        raise ConflictError(f"{subject} has no active pin", "trustctl list --all shows all pins")
    if len(found) > 1:
        peers = sorted({one.peer for one in found})
        if len(peers) > 1:
            raise UsageError(
                f"{short(found[0].fingerprint)} is pinned to several peers: {', '.join(peers)}",
                f"trustctl {verb} {found[0].fingerprint} --peer {peers[0]}",
            )
        listed = ", ".join(short(one.fingerprint) for one in found)
        raise UsageError(
            f"{subject} has {len(found)} pins ({listed}); say which",
            f"trustctl {verb} {found[0].fingerprint}",
        )
    return found[0]


def retire(tx: WriteTransaction, ref: PinRef, reason: str) -> None:
    """Retire an active pin: it is kept and listed, and never trusted again."""
    tx.flush()
    tx.connection.execute(
        update(pin).where(pin.c.id == ref.id).values(retired_at=tx.now, retired_reason=reason)
    )
    details: dict[str, object] = {"peer": ref.peer, "pin": ref.id, "reason": reason}
    tx.record("pin.retire", ref.fingerprint, details, ref.peer_id)
