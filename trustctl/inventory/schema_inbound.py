"""The tables of what our servers ask of whoever sends as a peer's domains. No row: nothing."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, Table, Text

from trustctl.inventory.schema import metadata, required

inbound = Table(
    "inbound",
    metadata,
    Column("peer_id", Integer, ForeignKey("peer.id"), primary_key=True),
    required("mode"),
    required("relay", Integer),
    required("at", Integer),
    required("by"),
    CheckConstraint("mode IN ('offer', 'require')", name="mode"),
    CheckConstraint("relay IN (0, 1)", name="flag"),
)

inbound_network = Table(
    "inbound_network",
    metadata,
    Column("peer_id", Integer, ForeignKey("inbound.peer_id"), primary_key=True),
    Column("network", Text, primary_key=True),
    CheckConstraint(
        "network NOT GLOB '*[^0-9a-f.:/]*' AND length(network) BETWEEN 4 AND 43", name="cidr"
    ),
    sqlite_with_rowid=False,
)


def triggers() -> list[str]:
    """None: what is asked may be changed, and the journal keeps what it was."""
    return []
