"""The private CA's tables: what was to be signed, what was, what was revoked, by which authority.

An issuance is committed before its signature is made, and ``issued`` after: so no certificate is
ever outside of this process that the inventory does not know by its serial and its TBS hash.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, LargeBinary, Table, Text
from sqlalchemy import UniqueConstraint as Unique

from trustctl.inventory.schema import hex64, metadata, records, required

authority = Table(
    "authority",
    metadata,
    Column("id", Integer, primary_key=True),
    required("hierarchy"),
    required("kind"),
    required("number", Integer),
    required("key"),
    Column("fingerprint", Text, ForeignKey("certificate.fingerprint"), nullable=False, unique=True),
    Column("permitted", Text),  # JSON list; NULL where the authority has no name constraints
    required("added_at", Integer),
    Column("retired_at", Integer),
    CheckConstraint("kind IN ('root', 'issuing')", name="kind"),
    Unique("hierarchy", "kind", "number"),
)

request = Table(
    "request",
    metadata,
    Column("spki", Text, primary_key=True),
    required("hierarchy"),
    required("subject"),
    Column("permitted", Text),
    required("public_key", LargeBinary),
    required("key"),
    required("at", Integer),
    required("by"),
    hex64("spki", "spki"),
)

issuance = Table(
    "issuance",
    metadata,
    Column("id", Integer, primary_key=True),
    required("issuer"),  # the SPKI pin of the authority that signs
    required("serial"),
    Column("tbs_sha256", Text, nullable=False, unique=True),
    required("profile"),
    Column("subject", Text, nullable=False, index=True),
    required("hosts"),  # JSON list
    Column("spki", Text, nullable=False, index=True),
    required("not_before", Integer),
    Column("not_after", Integer, nullable=False, index=True),
    required("at", Integer),
    required("by"),
    Unique("issuer", "serial"),
    hex64("issuer", "issuer"),
    hex64("tbs_sha256", "tbs"),
    hex64("spki", "spki"),
    CheckConstraint("serial NOT GLOB '*[^0-9a-f]*' AND length(serial) > 0", name="serial_hex"),
)

issued = Table(
    "issued",
    metadata,
    Column("issuance_id", Integer, ForeignKey("issuance.id"), primary_key=True),
    Column("fingerprint", Text, ForeignKey("certificate.fingerprint"), nullable=False, unique=True),
    required("at", Integer),
)

revocation = Table(
    "revocation",
    metadata,
    Column("issuance_id", Integer, ForeignKey("issuance.id"), primary_key=True),
    required("at", Integer),
    required("by"),
    required("reason"),
)

crl = Table(
    "crl",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("base", Integer),  # the number that a delta is to be applied to; NULL for a whole CRL
    required("this_update", Integer),
    required("next_update", Integer),
    required("der", LargeBinary),
    hex64("issuer", "issuer"),
    sqlite_with_rowid=False,
)

staple = Table(
    "staple",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("issuance_id", Integer, ForeignKey("issuance.id"), nullable=False, index=True),
    required("status"),
    required("this_update", Integer),
    required("next_update", Integer),
    required("der", LargeBinary),
    CheckConstraint("status IN ('good', 'revoked')", name="status"),
)

crossing = Table(
    "crossing",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("peer_id", Integer, ForeignKey("peer.id"), nullable=False, index=True),
    required("spki"),  # the key of the peer's CA
    Column("issuance_id", Integer, ForeignKey("issuance.id"), unique=True),  # NULL: held no more
    required("permitted"),  # JSON list
    required("added"),  # JSON list: those of them that somebody asked for
    required("at", Integer),
    required("by"),
    hex64("spki", "spki"),
)

IMMUTABLE = ("request", "issuance", "issued", "revocation", "crl", "staple", "crossing")
"""Tables whose rows are never updated or deleted."""


_SAME = {
    "authority": "SELECT 1 FROM authority WHERE id = NEW.id OR fingerprint = NEW.fingerprint",
    "request": "SELECT 1 FROM request WHERE spki = NEW.spki",
    "issuance": "SELECT 1 FROM issuance WHERE id = NEW.id OR tbs_sha256 = NEW.tbs_sha256 "
    "OR (issuer = NEW.issuer AND serial = NEW.serial)",
    "issued": "SELECT 1 FROM issued WHERE issuance_id = NEW.issuance_id "
    "OR fingerprint = NEW.fingerprint",
    "revocation": "SELECT 1 FROM revocation WHERE issuance_id = NEW.issuance_id",
    "crl": "SELECT 1 FROM crl WHERE issuer = NEW.issuer AND number = NEW.number",
    "staple": "SELECT 1 FROM staple WHERE id = NEW.id",
    "crossing": "SELECT 1 FROM crossing WHERE id = NEW.id OR issuance_id = NEW.issuance_id",
}


def triggers() -> list[str]:
    """The SQLite statements that make ``IMMUTABLE`` hold, and let an authority only be retired."""
    statements = records(_SAME, IMMUTABLE)
    statements.append(
        "CREATE TRIGGER authority_no_delete BEFORE DELETE ON authority "
        "BEGIN SELECT RAISE(ABORT, 'authority: no delete, retire it'); END"
    )
    statements.append(
        "CREATE TRIGGER authority_only_retire BEFORE UPDATE ON authority "
        "WHEN OLD.retired_at IS NOT NULL OR NEW.retired_at IS NULL OR NEW.id <> OLD.id "
        "OR NEW.hierarchy <> OLD.hierarchy OR NEW.kind <> OLD.kind OR NEW.number <> OLD.number "
        "OR NEW.key <> OLD.key OR NEW.fingerprint <> OLD.fingerprint "
        "OR NEW.permitted IS NOT OLD.permitted OR NEW.added_at <> OLD.added_at "
        "BEGIN SELECT RAISE(ABORT, 'authority: it can only be retired, once'); END"
    )
    return statements
