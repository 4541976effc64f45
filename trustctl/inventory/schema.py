"""The inventory's tables, constraints and triggers (share/doc/adr/0001-inventory.md).

Times are whole seconds since 1970-01-01 UTC. What is a fact or a statement (certificates, vouches,
withdrawals, distrust, the journal) is never updated or deleted: triggers hold that, for this tool
as for any other program that opens the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from trustctl.inventory import revision

HEAD = revision.HEAD
"""The revision that these tables are of."""

metadata = MetaData()


def required(name: str, *args: Any) -> Column[Any]:
    """A column that is never NULL; a text unless told."""
    return Column(name, *(args or (Text,)), nullable=False)


def hex64(column: str, name: str) -> CheckConstraint:
    """The constraint that a column holds 64 lower-case hex digits."""
    return CheckConstraint(
        f"length({column}) = 64 AND {column} NOT GLOB '*[^0-9a-f]*'", name=f"{name}_hex"
    )


peer = Table(
    "peer",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    required("added_at", Integer),
    # the journal's sequence number of the last change that can alter what is exported for it
    Column("changed_seq", Integer, nullable=False, index=True),
    CheckConstraint(
        "length(name) BETWEEN 1 AND 63 AND name NOT GLOB '*[^a-z0-9._-]*'", name="name"
    ),
)

domain = Table(
    "domain",
    metadata,
    Column("name", Text, primary_key=True),
    Column("peer_id", Integer, ForeignKey("peer.id"), nullable=False, index=True),
    required("added_at", Integer),
    CheckConstraint("name NOT GLOB '*[^a-z0-9.-]*' AND length(name) BETWEEN 1 AND 253", name="ldh"),
    sqlite_with_rowid=False,
)

mx_host = Table(
    "mx_host",
    metadata,
    Column("peer_id", Integer, ForeignKey("peer.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    CheckConstraint("name NOT GLOB '*[^a-z0-9.-]*'", name="ldh"),
    sqlite_with_rowid=False,
)

certificate = Table(
    "certificate",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    required("der", LargeBinary),
    Column("spki", Text, index=True),
    Column("subject", Text),
    Column("issuer", Text),
    Column("serial", Text),
    required("names"),  # JSON list
    Column("not_before", Integer, index=True),
    Column("not_after", Integer, index=True),
    Column("is_ca", Integer),
    required("self_signed", Integer),
    Column("key_kind", Text),
    Column("key_bits", Integer),
    Column("curve", Text),
    Column("signature_hash", Text),
    Column("version", Integer),
    required("problems"),  # JSON list
    hex64("fingerprint", "fingerprint"),
)

chain = Table(
    "chain",
    metadata,
    Column("fingerprint", Text, ForeignKey("certificate.fingerprint"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("issuer", Text, ForeignKey("certificate.fingerprint"), nullable=False),
    sqlite_with_rowid=False,
)

pin = Table(
    "pin",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("peer_id", Integer, ForeignKey("peer.id"), nullable=False, index=True),
    Column("fingerprint", Text, ForeignKey("certificate.fingerprint"), nullable=False, index=True),
    required("role"),
    Column("added_at", Integer, nullable=False, index=True),
    required("added_by"),
    Column("retired_at", Integer),
    Column("retired_reason", Text),
    CheckConstraint("role IN ('host', 'authority')", name="role"),
)
Index(
    "pin_one_active",
    pin.c.peer_id,
    pin.c.fingerprint,
    unique=True,
    sqlite_where=pin.c.retired_at.is_(None),
)
Index("pin_retired", pin.c.retired_at, sqlite_where=pin.c.retired_at.is_not(None))

vouch = Table(
    "vouch",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("peer_id", Integer, ForeignKey("peer.id"), nullable=False),
    Column("fingerprint", Text, ForeignKey("certificate.fingerprint"), nullable=False),
    required("voucher"),
    required("channel"),
    required("note"),
    Column("at", Integer, nullable=False, index=True),
    Column("expires_at", Integer, index=True),
    Index("vouch_subject", "peer_id", "fingerprint"),
)

withdrawal = Table(
    "withdrawal",
    metadata,
    Column("vouch_id", Integer, ForeignKey("vouch.id"), primary_key=True),
    required("at", Integer),
    required("by"),
    required("reason"),
)

distrust = Table(
    "distrust",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    required("reason"),
    required("at", Integer),
    required("by"),
    CheckConstraint("kind IN ('fingerprint', 'spki')", name="kind"),
    hex64("value", "value"),
    sqlite_with_rowid=False,
)

setting = Table("setting", metadata, Column("name", Text, primary_key=True), required("value"))

journal = Table(
    "journal",
    metadata,
    Column("seq", Integer, primary_key=True),
    required("at"),
    required("actor"),
    required("action"),
    required("subject"),
    required("details"),
    Column("hash", Text, nullable=False, unique=True),
    hex64("hash", "hash"),
)

target = Table(
    "target",
    metadata,
    Column("id", Integer, primary_key=True),
    required("path"),
    required("format"),
    UniqueConstraint("path", "format"),
)

generation = Table(
    "generation",
    metadata,
    Column("target_id", Integer, ForeignKey("target.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    required("created_at", Integer),
    required("as_of", Integer),
    required("journal_seq", Integer),
    required("manifest_sha256"),
    sqlite_with_rowid=False,
)

current_generation = Table(
    "current_generation",
    metadata,
    Column("target_id", Integer, primary_key=True),
    required("number", Integer),
    ForeignKeyConstraint(
        ["target_id", "number"], ["generation.target_id", "generation.number"], name="current"
    ),
)

IMMUTABLE = ("journal", "vouch", "withdrawal", "distrust", "certificate")
"""Tables whose rows are never updated or deleted."""

_SAME = {
    "journal": "SELECT 1 FROM journal WHERE seq = NEW.seq OR hash = NEW.hash",
    "vouch": "SELECT 1 FROM vouch WHERE id = NEW.id",
    "withdrawal": "SELECT 1 FROM withdrawal WHERE vouch_id = NEW.vouch_id",
    "distrust": "SELECT 1 FROM distrust WHERE kind = NEW.kind AND value = NEW.value",
    "certificate": "SELECT 1 FROM certificate WHERE fingerprint = NEW.fingerprint",
    "pin": "SELECT 1 FROM pin WHERE id = NEW.id OR (peer_id = NEW.peer_id "
    "AND fingerprint = NEW.fingerprint AND retired_at IS NULL AND NEW.retired_at IS NULL)",
}


def records(same: Mapping[str, str], immutable: tuple[str, ...]) -> list[str]:
    """The SQLite statements that refuse to update or delete rows of ``immutable`` tables.

    ``INSERT OR REPLACE`` deletes what is in its way, and no delete trigger fires for that
    (https://www.sqlite.org/lang_conflict.html): an insert over a row is refused by its own.

    Args:
        same: for each table whose rows are not to be replaced, the query that finds what is there.
    """
    statements = [
        f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table}: no {verb}, it is a record'); END"
        for table in immutable
        for verb in ("update", "delete")
    ]
    statements += [
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN EXISTS ({query}) "
        f"BEGIN SELECT RAISE(ABORT, '{table}: it is there already'); END"
        for table, query in same.items()
    ]
    return statements


def triggers() -> list[str]:
    """The SQLite statements that make ``IMMUTABLE`` hold, and let a pin only ever be retired."""
    statements = records(_SAME, IMMUTABLE)
    statements.append(
        "CREATE TRIGGER pin_no_delete BEFORE DELETE ON pin "
        "BEGIN SELECT RAISE(ABORT, 'pin: no delete, retire it'); END"
    )
    statements.append(
        "CREATE TRIGGER pin_only_retire BEFORE UPDATE ON pin "
        "WHEN OLD.retired_at IS NOT NULL OR NEW.retired_at IS NULL OR NEW.id <> OLD.id "
        "OR NEW.peer_id <> OLD.peer_id OR NEW.fingerprint <> OLD.fingerprint "
        "OR NEW.role <> OLD.role OR NEW.added_at <> OLD.added_at OR NEW.added_by <> OLD.added_by "
        "BEGIN SELECT RAISE(ABORT, 'pin: it can only be retired, once'); END"
    )
    return statements
