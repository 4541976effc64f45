"""Reads which pins are there by their key, and whose vouches count for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from trustctl.facts.records import Distrust, Renewal, Revocation, Vouch
from trustctl.inventory import revocations
from trustctl.inventory.schema import pin
from trustctl.inventory.schema_wire import renewal


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


def made_between(connection: Connection, since: int, until: int) -> set[int]:
    """The ids of peers that have a renewal which was recorded between two moments, inclusive."""
    query = (
        select(pin.c.peer_id)
        .join(renewal, renewal.c.pin_id == pin.c.id)
        .where(renewal.c.at.between(since, until))
    )
    return set(connection.execute(query).scalars())
