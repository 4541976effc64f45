"""Finds the peers whose export may differ from the last one."""

from __future__ import annotations

from sqlalchemy import Connection, select

from trustctl.inventory.schema import certificate, peer, pin, vouch, withdrawal
from trustctl.inventory.snapshot import rare


def affected(connection: Connection, *, after_seq: int, since: int, until: int) -> list[int]:
    """The ids of peers whose export may differ: changed after a journal entry, or by time alone
    between two moments (seconds since 1970 UTC).

    What was recorded before the entry may still lie between the moments: an export can be made for
    a moment that has passed (``--at``), and clocks are set back.
    """
    window = (since - 1, until + 1)
    changed = select(peer.c.id).where(peer.c.changed_seq > after_seq)
    facts = certificate.c
    ended = (
        select(pin.c.peer_id)
        .join(certificate, facts.fingerprint == pin.c.fingerprint)
        .where(facts.not_before.between(*window) | facts.not_after.between(*window))
    )
    lapsed = select(vouch.c.peer_id).where(vouch.c.expires_at.between(*window))
    later = (since + 1, until)  # what was recorded at ``since`` was seen then
    added = select(pin.c.peer_id).where(pin.c.added_at.between(*later))
    retired = select(pin.c.peer_id).where(pin.c.retired_at.between(*later))
    vouched = select(vouch.c.peer_id).where(vouch.c.at.between(*later))
    withdrawn = select(vouch.c.peer_id).where(
        vouch.c.id.in_(select(withdrawal.c.vouch_id).where(withdrawal.c.at.between(*later)))
    )
    found: set[int] = set()
    for query in (changed, ended, lapsed, added, retired, vouched, withdrawn):
        found.update(connection.execute(query).scalars())
    there = rare(connection)
    if "crossing" in there:
        from trustctl.inventory import crosses

        found.update(crosses.ending(connection, *window))
    if "renewal" in there:
        from trustctl.inventory import renewed

        found.update(renewed.made_between(connection, *later))
    return sorted(found)
