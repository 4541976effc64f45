"""Withdraws vouches; they are never edited or deleted."""

from __future__ import annotations

from sqlalchemy import select

from trustctl.errors import ConflictError
from trustctl.facts.names import voucher_key
from trustctl.inventory.pins import PinRef
from trustctl.inventory.schema import vouch, withdrawal
from trustctl.inventory.transaction import WriteTransaction


def withdraw(tx: WriteTransaction, ref: PinRef, voucher: str | None, reason: str) -> list[str]:
    """Withdraw the vouches that stand for a pin: all of them, or one voucher's.

    Returns:
        The vouchers whose statements were withdrawn.

    Raises:
        ConflictError: no such vouch stands.
    """
    tx.flush()
    standing = tx.connection.execute(
        select(vouch.c.id, vouch.c.voucher)
        .outerjoin(withdrawal, withdrawal.c.vouch_id == vouch.c.id)
        .where(withdrawal.c.vouch_id.is_(None))
        .where((vouch.c.peer_id == ref.peer_id) & (vouch.c.fingerprint == ref.fingerprint))
        .order_by(vouch.c.id)
    ).all()
    if voucher is not None:
        key = voucher_key(voucher)
        standing = [row for row in standing if voucher_key(row[1]) == key]
    if not standing:
        whose = f" of {voucher}" if voucher else ""
        raise ConflictError(
            f"no vouch{whose} stands for this certificate of {ref.peer}",
            f"trustctl show {ref.peer} shows who vouched",
        )
    for vouch_id, _name in standing:
        tx.insert(withdrawal, vouch_id=vouch_id, at=tx.now, by=tx.actor, reason=reason)
        details: dict[str, object] = {"peer": ref.peer, "reason": reason, "vouch": vouch_id}
        tx.record("vouch.withdraw", ref.fingerprint, details, ref.peer_id)
    return list(dict.fromkeys(row[1] for row in standing))
