"""Pins that are there because their key is that of a certificate that people vouched for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from trustctl.errors import ConflictError
from trustctl.facts.addition import Addition, Evidence
from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.fingerprint import short
from trustctl.facts.records import Distrust, Pin, Renewal, Revocation, Vouch
from trustctl.inventory import pins, revocations, snapshot
from trustctl.inventory.additions import Additions
from trustctl.inventory.schema import pin
from trustctl.inventory.schema_wire import renewal
from trustctl.inventory.transaction import WriteTransaction

LATELY_SECONDS = 30 * 86400
"""A certificate that expired no longer ago can still be renewed."""
AT_MOST = 10
"""So many pins of a peer that are valid at once may be there by their key alone."""


class Renewed:
    """The renewals of some peers' pins."""

    def __init__(
        self,
        connection: Connection,
        restrict: Callable[[Any, Any], Any],
        distrusts: Mapping[tuple[str, str], Sequence[Distrust]],
    ) -> None:
        """Read them.

        Args:
            restrict: narrows a query down, by the column of the pin's peer.
            distrusts: by kind and value.
        """
        r = renewal.c
        query = select(r.pin_id, pin.c.peer_id, pin.c.fingerprint, r.predecessor, r.at).join(
            pin, pin.c.id == r.pin_id
        )
        self._pins: dict[int, tuple[int, str, int]] = {}
        self._of: dict[tuple[int, str], tuple[str, int]] = {}
        for number, peer_id, print_, predecessor, at in connection.execute(
            restrict(query, pin.c.peer_id)
        ):
            self._pins[number] = (peer_id, predecessor, at)
            self._of[peer_id, print_] = (predecessor, at)
        prints = sorted({one[1] for one in self._pins.values()})
        self._revoked: dict[str, Revocation] = {}
        for start in range(0, len(prints), 400):
            part = prints[start : start + 400]
            self._revoked.update(revocations.of_certificates(connection, part))
        self._distrusts = distrusts

    def of_pin(self, number: int, said: Sequence[Vouch]) -> Renewal | None:
        """A pin's renewal, and those before it; None where it has none.

        Args:
            said: every vouch for a certificate of its peer.
        """
        if number not in self._pins:
            return None
        peer_id, predecessor, at = self._pins[number]
        line = [(predecessor, at)]
        seen = {predecessor}
        while (before := self._of.get((peer_id, line[-1][0]))) and before[0] not in seen:
            line.append(before)
            seen.add(before[0])
        found: Renewal | None = None
        for predecessor, at in reversed(line):
            found = Renewal(
                predecessor,
                at,
                tuple([one for one in said if one.fingerprint == predecessor]),
                tuple(self._distrusts.get(("fingerprint", predecessor), ())),
                self._revoked.get(predecessor),
                found,
            )
        return found


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


def made_between(connection: Connection, since: int, until: int) -> set[int]:
    """The ids of peers that have a renewal which was recorded between two moments, inclusive."""
    query = (
        select(pin.c.peer_id)
        .join(renewal, renewal.c.pin_id == pin.c.id)
        .where(renewal.c.at.between(since, until))
    )
    return set(connection.execute(query).scalars())
