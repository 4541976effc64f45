"""The tables of keys that are to come, and of what was said to stand in DNS."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Integer, Table, Text

from trustctl.inventory.schema import hex64, metadata, records, required

next_key = Table(
    "next_key",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("spki", Text, nullable=False, unique=True),
    required("hierarchy"),
    Column("host", Text, nullable=False, index=True),
    required("at", Integer),
    required("by"),
    hex64("spki", "spki"),
)

publication = Table(
    "publication",
    metadata,
    Column("id", Integer, primary_key=True),
    required("hierarchy"),
    Column("host", Text, nullable=False, index=True),
    required("port", Integer),
    Column("spki", Text),  # NULL: none of this host's stands there any more
    required("ttl", Integer),
    required("at", Integer),
    required("by"),
    hex64("spki", "spki"),
    CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
)

IMMUTABLE = ("next_key", "publication")
"""Tables whose rows are never updated or deleted."""

_SAME = {
    "next_key": "SELECT 1 FROM next_key WHERE id = NEW.id OR spki = NEW.spki",
    "publication": "SELECT 1 FROM publication WHERE id = NEW.id",
}


def triggers() -> list[str]:
    """The SQLite statements that make ``IMMUTABLE`` hold."""
    return records(_SAME, IMMUTABLE)
