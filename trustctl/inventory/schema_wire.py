"""The tables of what was seen on the wire, of next pins, and of renewals with the same key.

Of an observation and a testimony some columns are *volatile*: that the same was seen again is no
change, is in no journal, and is not verified against it (share/doc/adr/0010-on-the-wire.md). No
decision to trust rests on them.
"""

from __future__ import annotations

from typing import get_args

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, func, text

from trustctl.facts.wire import PROTOCOLS, Outcome, TestimonyKind, Verdict
from trustctl.inventory.schema import metadata, records, required

DETAIL_AT_MOST = 300
"""So many characters of a detail are kept."""


def _one_of(column: str, words: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{one}'" for one in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


observation = Table(
    "observation",
    metadata,
    Column("id", Integer, primary_key=True),
    required("host"),
    required("address"),  # '' where the name led to none
    required("port", Integer),
    required("protocol"),
    required("outcome"),
    Column("fingerprint", Text, ForeignKey("certificate.fingerprint"), index=True),
    Column("peer_id", Integer, ForeignKey("peer.id"), index=True),
    Column("domain", Text),
    required("first_seen", Integer),
    # volatile from here on
    required("last_seen", Integer),
    required("times", Integer),
    Column("tls", Text),
    required("detail"),
    CheckConstraint(
        "host NOT GLOB '*[^a-z0-9._:-]*' AND length(host) BETWEEN 1 AND 253", name="host"
    ),
    CheckConstraint("address NOT GLOB '*[^0-9a-f.:]*' AND length(address) <= 45", name="address"),
    CheckConstraint("port BETWEEN 1 AND 65535", name="port"),
    _one_of("protocol", PROTOCOLS),
    _one_of("outcome", get_args(Outcome)),
    CheckConstraint("(outcome = 'presented') = (fingerprint IS NOT NULL)", name="presented"),
    CheckConstraint(
        "domain NOT GLOB '*[^a-z0-9.-]*' AND length(domain) BETWEEN 1 AND 253", name="ldh"
    ),
    CheckConstraint("last_seen >= first_seen AND times >= 1", name="again"),
    CheckConstraint(f"length(tls) <= 40 AND length(detail) <= {DETAIL_AT_MOST}", name="bounded"),
)
Index(
    "observation_same",
    observation.c.host,
    observation.c.address,
    observation.c.port,
    observation.c.protocol,
    observation.c.outcome,
    func.coalesce(observation.c.fingerprint, text("''")),
    func.coalesce(observation.c.peer_id, text("0")),
    unique=True,
)

testimony = Table(
    "testimony",
    metadata,
    Column("observation_id", Integer, ForeignKey("observation.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    required("verdict"),
    required("detail"),
    required("first_at", Integer),
    required("last_at", Integer),  # volatile
    _one_of("kind", get_args(TestimonyKind)),
    _one_of("verdict", get_args(Verdict)),
    CheckConstraint("last_at >= first_at", name="again"),
    CheckConstraint(f"length(detail) <= {DETAIL_AT_MOST}", name="bounded"),
    sqlite_with_rowid=False,
)

announcement = Table(
    "announcement",
    metadata,
    Column("pin_id", Integer, ForeignKey("pin.id"), primary_key=True),
    required("begins_at", Integer),
    Column("auto_retire_days", Integer),
    required("at", Integer),
    required("by"),
    CheckConstraint("auto_retire_days BETWEEN 0 AND 365", name="days"),
)

announcement_replaces = Table(
    "announcement_replaces",
    metadata,
    Column("pin_id", Integer, ForeignKey("announcement.pin_id"), primary_key=True),
    Column("replaced", Integer, ForeignKey("pin.id"), primary_key=True),
    CheckConstraint("pin_id <> replaced", name="another"),
    sqlite_with_rowid=False,
)

renewal = Table(
    "renewal",
    metadata,
    Column("pin_id", Integer, ForeignKey("pin.id"), primary_key=True),
    Column("predecessor", Text, ForeignKey("certificate.fingerprint"), nullable=False),
    required("at", Integer),
    required("by"),
)

notice = Table(  # wholly volatile: what was last told, so that it is not told again
    "notice",
    metadata,
    Column("name", Text, primary_key=True),
    required("digest"),
    required("at", Integer),
    CheckConstraint("length(name) BETWEEN 1 AND 200 AND length(digest) <= 200", name="bounded"),
    sqlite_with_rowid=False,
)

VOLATILE = {
    "observation": ("last_seen", "times", "tls", "detail"),
    "testimony": ("last_at",),
    "notice": ("name", "digest", "at"),
}
"""Columns that no journal entry tells of."""

IMMUTABLE = ("announcement", "announcement_replaces", "renewal")
"""Tables whose rows are never updated or deleted."""

_SAME = {
    "observation": "SELECT 1 FROM observation WHERE id = NEW.id OR (host = NEW.host "
    "AND address = NEW.address AND port = NEW.port AND protocol = NEW.protocol "
    "AND outcome = NEW.outcome AND fingerprint IS NEW.fingerprint AND peer_id IS NEW.peer_id)",
    "testimony": "SELECT 1 FROM testimony WHERE observation_id = NEW.observation_id "
    "AND kind = NEW.kind",
    "announcement": "SELECT 1 FROM announcement WHERE pin_id = NEW.pin_id",
    "announcement_replaces": "SELECT 1 FROM announcement_replaces WHERE pin_id = NEW.pin_id "
    "AND replaced = NEW.replaced",
    "renewal": "SELECT 1 FROM renewal WHERE pin_id = NEW.pin_id",
}


def triggers() -> list[str]:
    """The SQLite statements that make ``IMMUTABLE`` hold, and let what was seen only be seen
    again."""
    kept = {
        "observation": ("id", "host", "address", "port", "protocol", "outcome", "fingerprint",
                        "peer_id", "domain", "first_seen"),
        "testimony": ("observation_id", "kind"),
    }  # fmt: skip
    statements = records(_SAME, IMMUTABLE)
    for table, columns in kept.items():
        differs = " OR ".join(f"NEW.{one} IS NOT OLD.{one}" for one in columns)
        statements.append(
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table}: no delete, it is a record'); END"
        )
        statements.append(
            f"CREATE TRIGGER {table}_only_again BEFORE UPDATE ON {table} WHEN {differs} "
            f"BEGIN SELECT RAISE(ABORT, '{table}: it can only be seen again'); END"
        )
    return statements
