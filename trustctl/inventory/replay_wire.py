"""Replays what was seen, announced and renewed, and says what its tables hold but for what is
volatile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Table, select

from trustctl.inventory.schema import peer
from trustctl.inventory.schema_wire import (
    announcement,
    announcement_replaces,
    observation,
    renewal,
    testimony,
)


class ReplayWire:
    """The state that the entries applied so far amount to, keyed as the tables are."""

    def __init__(self) -> None:
        self.observations: dict[int, tuple[Any, ...]] = {}
        self.testimonies: dict[tuple[int, str], tuple[Any, ...]] = {}
        self.announcements: dict[int, tuple[Any, ...]] = {}
        self.replaces: dict[tuple[int, int], None] = {}
        self.renewals: dict[int, tuple[Any, ...]] = {}

    def apply(self, at: int, actor: str, action: str, subject: str, d: dict[str, Any]) -> None:
        """Apply one entry.

        Raises:
            KeyError, TypeError, ValueError: it tells of something that cannot be.
        """
        match action:
            case "observe" if d["observation"] not in self.observations:
                self.observations[d["observation"]] = (
                    subject, d["address"], d["port"], d["protocol"], d["outcome"],
                    d["fingerprint"], d["peer"], d["domain"], d["first_seen"],
                )  # fmt: skip
            case "testimony" if d["observation"] in self.observations:
                self.testimonies[d["observation"], d["kind"]] = (d["verdict"], d["detail"], at)
            case "announce" if d["pin"] not in self.announcements:
                self.announcements[d["pin"]] = (d["begins_at"], d["auto_retire_days"], at, actor)
                self.replaces |= dict.fromkeys((d["pin"], one) for one in d["replaces"])
            case "renew" if d["pin"] not in self.renewals:
                self.renewals[d["pin"]] = (d["predecessor"], at, actor)
            case _:
                raise ValueError(action)


def tables(
    connection: Connection, replay: ReplayWire
) -> Iterator[tuple[str, dict[Any, Any], dict[Any, Any]]]:
    """For each table: its name for people, what it ought to hold, what it holds."""

    def rows(table: Table, *columns: str) -> Iterator[tuple[Any, ...]]:
        query = select(*(table.c[name] for name in columns))
        for row in connection.execution_options(yield_per=2000).execute(query):
            yield tuple(row)

    peers: dict[int | None, str] = dict(rows(peer, "id", "name"))
    names: tuple[str, ...] = ("id", "host", "address", "port", "protocol", "outcome", "fingerprint",
                              "domain", "first_seen", "peer_id")  # fmt: skip
    yield (
        "observation",
        replay.observations,
        {
            r[0]: (*r[1:7], None if r[9] is None else peers.get(r[9], "?"), *r[7:9])
            for r in rows(observation, *names)
        },
    )
    names = ("observation_id", "kind", "verdict", "detail", "first_at")
    yield "testimony", replay.testimonies, {r[:2]: r[2:] for r in rows(testimony, *names)}
    names = ("pin_id", "begins_at", "auto_retire_days", "at", "by")
    yield "announcement", replay.announcements, {r[0]: r[1:] for r in rows(announcement, *names)}
    names = ("pin_id", "replaced")
    found = dict.fromkeys(rows(announcement_replaces, *names))
    yield "announcement's pin", replay.replaces, found
    names = ("pin_id", "predecessor", "at", "by")
    yield "renewal", replay.renewals, {r[0]: r[1:] for r in rows(renewal, *names)}
