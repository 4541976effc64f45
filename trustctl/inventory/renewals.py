"""Pins a certificate because its key is that of one that people vouched for."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from trustctl.errors import ConflictError
from trustctl.facts.addition import Addition, Evidence
from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.fingerprint import short
from trustctl.facts.records import Pin, Renewal
from trustctl.inventory import pins, snapshot
from trustctl.inventory.additions import Additions
from trustctl.inventory.schema_wire import renewal
from trustctl.inventory.transaction import WriteTransaction

LATELY_SECONDS = 30 * 86400
"""A certificate that expired no longer ago can still be renewed."""
AT_MOST = 10
"""So many pins of a peer that are valid at once may be there by their key alone."""


def accept(
    tx: WriteTransaction, peer: str, evidence: Evidence, predecessor: pins.PinRef | str
) -> int:
    """Pin a certificate to a peer because its key is that of ``predecessor``, another pin of it.

    The vouches for the predecessor count for it from then on, while they stand; it gets none of
    its own. Policy judges everything else of it, as of any pin.

    Args:
        predecessor: the fingerprint of an active pin of the peer, in the role of a host.

    Returns:
        The pin's id.

    Raises:
        ConflictError: there is no such peer, the keys differ, no vouch stands for the predecessor,
            or the certificate is expired, may sign what its predecessor may not, was retired, or is
            one too many.
    """
    tx.flush()
    owner_id = pins.peer_id(tx.connection, peer)
    print_ = predecessor if isinstance(predecessor, str) else predecessor.fingerprint
    facts = evidence.facts
    (owner,) = snapshot.read_peers(tx.connection, where=snapshot.named(peer))
    before = next((one for one in owner.pins if _is(one, print_)), None)
    refusal = (
        "its predecessor is no active pin of a host"
        if before is None
        else _refusal(facts, before, owner.pins, tx.now)
    )
    if before is None or refusal is not None:
        raise ConflictError(
            f"{peer}: {short(facts.fingerprint)} does not renew {short(print_)}: {refusal}",
            f"ask {peer} to read its fingerprint out: trustctl vouch",
        )
    wanted = Addition(owner.name, (), "host", evidence)
    pin_id = Additions(tx).add(wanted).pin_id
    known = select(renewal.c.pin_id).where(renewal.c.pin_id == pin_id)
    if tx.connection.execute(known).first() is None:
        tx.insert(renewal, pin_id=pin_id, predecessor=print_, at=tx.now, by=tx.actor)
        details: dict[str, object] = {
            "peer": owner.name,
            "pin": pin_id,
            "predecessor": print_,
            "reason": "it has the key of its predecessor, and same_key_renewal is accept",
        }
        tx.record("renew", facts.fingerprint, details, owner_id)
    return pin_id


def _is(one: Pin, fingerprint: str) -> bool:
    mine = one.certificate.fingerprint == fingerprint
    return mine and one.retired_at is None and one.role == "host"


def _refusal(facts: CertificateFacts, before: Pin, others: Sequence[Pin], now: int) -> str | None:
    """Why a certificate is no renewal of a pin; None where it is."""
    old = before.certificate
    if facts.spki is None or facts.spki != old.spki:
        return "it has another key"
    if _line(before.renewal) & {facts.fingerprint} or facts.fingerprint == old.fingerprint:
        return "it came before it"
    if old.not_before is None or old.not_after is None or now < old.not_before:
        return "its predecessor is not valid yet, or its validity cannot be read"
    if now > old.not_after + LATELY_SECONDS:
        return "its predecessor expired long ago"
    if facts.not_before is None or facts.not_after is None:
        return "its validity cannot be read"
    if not facts.not_before <= now <= facts.not_after:
        return "it is not valid now"
    if facts.is_ca is not False and old.is_ca is False:
        return "it may sign others, which its predecessor may not"
    if before.distrusts or before.revocation is not None or not _vouched(before, now):
        return "nobody's vouch stands for its predecessor"
    if any(one.certificate.fingerprint == facts.fingerprint and one.retired_at for one in others):
        return "it was retired"
    alive = [
        one
        for one in others
        if one.renewal is not None
        and one.retired_at is None
        and (one.certificate.not_after or 0) >= now
        and one.certificate.fingerprint != facts.fingerprint
    ]
    if len(alive) >= AT_MOST:
        return f"{AT_MOST} certificates are pinned by their key alone already"
    return None


def _line(one: Renewal | None) -> set[str]:
    found = set()
    while one is not None:
        found.add(one.predecessor)
        one = one.renewal
    return found


def _vouched(one: Pin, now: int) -> bool:
    """Whether any vouch stands for a pin, or for what it renews: policy counts them."""
    said, line = list(one.vouches), one.renewal
    while line is not None and not line.distrusts and line.revocation is None:
        said += line.vouches
        line = line.renewal
    return any(
        each.withdrawn_at is None and (each.expires_at is None or each.expires_at > now)
        for each in said
    )
