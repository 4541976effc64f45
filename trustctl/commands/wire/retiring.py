"""Retires the pins that an announced one took the place of, where nobody's mail waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from trustctl.commands.ahead import Lookout
from trustctl.commands.wire.keeping import Kept
from trustctl.commands.wire.known import Known
from trustctl.inventory import announcements, observations, pins, snapshot
from trustctl.inventory.settings import read_settings
from trustctl.policy.rollover import retirable

if TYPE_CHECKING:
    from trustctl.facts.records import Peer, Pin
    from trustctl.inventory.transaction import WriteTransaction


def retire(tx: WriteTransaction, known: Known, kept: Kept, now: int) -> None:
    """Retire the pins of which an announcement says that they may be.

    Peers and settings are read anew: to look took minutes, and somebody may have withdrawn a vouch
    meanwhile.
    """
    said = [
        one for one in announcements.of_peers(tx.connection) if one.auto_retire_days is not None
    ]
    wanted = {one.pin for one in said}
    settings = read_settings(tx.connection)
    for name, before in known.peers.items() if said else ():
        if not wanted & {pin.id for pin in before.pins}:
            continue
        (peer,) = snapshot.read_peers(tx.connection, where=snapshot.named(name))
        seen = observations.of_peer(tx.connection, name)
        found = retirable(peer, said, seen, settings, now)
        if found and (obstacle := _obstacle(tx, peer, [pin for pin, _why in found], now)):
            kept.notes.append(f"no pin of {name} was retired: {obstacle}")
            continue
        for pin, why in found:
            fingerprint = pin.certificate.fingerprint
            one = pins.only(
                pins.find(tx.connection, fingerprint, peer_name=name), fingerprint, "retire"
            )
            pins.retire(tx, one, why)
            kept.retired.append((name, fingerprint))


def _obstacle(tx: WriteTransaction, peer: Peer, gone: Sequence[Pin], now: int) -> str | None:
    """Why mail would wait without these pins, chains and all; None where it would not."""
    numbers = {one.id for one in gone}
    left = tuple(
        replace(one, retired_at=now, retired_reason="") if one.id in numbers else one
        for one in peer.pins
    )
    lookout = Lookout(tx.connection, now)
    lookout.look([replace(peer, pins=left)])
    broken = [one for one in lookout.found if one.at <= now and not one.renewable]
    return f"mail to {broken[0].subject} would wait: {broken[0].why}" if broken else None
