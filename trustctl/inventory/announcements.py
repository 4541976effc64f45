"""Which pins are to replace others, and from when on."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from trustctl.errors import ConflictError
from trustctl.facts.fingerprint import short
from trustctl.facts.wire import Announcement
from trustctl.inventory.schema import peer, pin
from trustctl.inventory.schema_wire import announcement, announcement_replaces
from trustctl.inventory.transaction import WriteTransaction


def announce(
    tx: WriteTransaction,
    pin_id: int,
    replaces: Collection[int],
    begins_at: int,
    auto_retire_days: int | None,
) -> bool:
    """Record that a pin is to replace others of its peer; False where exactly that is recorded.

    Args:
        replaces: their ids. begins_at: seconds since 1970 UTC. auto_retire_days: 0 to 365.

    Raises:
        ConflictError: it was announced otherwise, or a pin is another peer's or retired.
    """
    tx.flush()
    wanted = tuple(sorted(set(replaces)))
    p = pin.c
    query = (
        select(p.id, p.fingerprint, p.peer_id, p.retired_at, peer.c.name)
        .join(peer, peer.c.id == p.peer_id)
        .where(p.id.in_([pin_id, *wanted]))
    )
    rows = {row[0]: row for row in tx.connection.execute(query)}
    _id, fingerprint, peer_id, _retired, name = rows[pin_id]
    for number in (pin_id, *wanted):
        row = rows.get(number)
        if row is None or row[2] != peer_id or row[3] is not None:
            raise ConflictError(f"pin {number} is no active pin of {name}", f"trustctl show {name}")
    if pin_id in wanted or not wanted:
        raise ConflictError(
            f"{short(fingerprint)} of {name} cannot be its own successor", f"trustctl show {name}"
        )
    for one in of_peers(tx.connection):
        if one.pin == pin_id:
            if (one.replaces, one.begins_at, one.auto_retire_days) == (
                wanted, begins_at, auto_retire_days,
            ):  # fmt: skip
                return False
            raise ConflictError(
                f"{short(fingerprint)} of {name} is announced already, otherwise",
                f"trustctl retire {fingerprint} --peer {name}, and announce it again",
            )
    tx.insert(
        announcement,
        pin_id=pin_id,
        begins_at=begins_at,
        auto_retire_days=auto_retire_days,
        at=tx.now,
        by=tx.actor,
    )
    for number in wanted:
        tx.insert(announcement_replaces, pin_id=pin_id, replaced=number)
    details: dict[str, object] = {
        "auto_retire_days": auto_retire_days,
        "begins_at": begins_at,
        "peer": name,
        "pin": pin_id,
        "replaces": list(wanted),
    }
    tx.record("announce", fingerprint, details)
    return True


def of_peers(connection: Connection) -> list[Announcement]:
    """All announcements, in order of the next pin's id; those of retired pins too."""
    a, r = announcement.c, announcement_replaces.c
    replaced: dict[int, list[int]] = {}
    for pin_id, number in connection.execute(select(r.pin_id, r.replaced).order_by(r.replaced)):
        replaced.setdefault(pin_id, []).append(number)
    query = select(a.pin_id, a.begins_at, a.auto_retire_days, a.at, a.by).order_by(a.pin_id)
    return [
        Announcement(row[0], tuple(replaced.get(row[0], ())), *row[1:])
        for row in map(tuple, connection.execute(query))
    ]
