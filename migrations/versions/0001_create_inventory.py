"""Create the inventory: peers, certificates, pins, vouches, distrust, journal."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE certificate (
        fingerprint TEXT NOT NULL,
        der BLOB NOT NULL,
        spki TEXT,
        subject TEXT,
        issuer TEXT,
        serial TEXT,
        names TEXT NOT NULL,
        not_before INTEGER,
        not_after INTEGER,
        is_ca INTEGER,
        self_signed INTEGER NOT NULL,
        key_kind TEXT,
        key_bits INTEGER,
        curve TEXT,
        signature_hash TEXT,
        version INTEGER,
        problems TEXT NOT NULL,
        PRIMARY KEY (fingerprint),
        CONSTRAINT fingerprint_hex CHECK (length(fingerprint) = 64 AND fingerprint NOT GLOB '*[^0-9a-f]*')
    )
    """,
    """
    CREATE INDEX ix_certificate_not_after ON certificate (not_after)
    """,
    """
    CREATE INDEX ix_certificate_not_before ON certificate (not_before)
    """,
    """
    CREATE INDEX ix_certificate_spki ON certificate (spki)
    """,
    """
    CREATE TABLE distrust (
        kind TEXT NOT NULL,
        value TEXT NOT NULL,
        reason TEXT NOT NULL,
        at INTEGER NOT NULL,
        "by" TEXT NOT NULL,
        PRIMARY KEY (kind, value),
        CONSTRAINT kind CHECK (kind IN ('fingerprint', 'spki')),
        CONSTRAINT value_hex CHECK (length(value) = 64 AND value NOT GLOB '*[^0-9a-f]*')
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE journal (
        seq INTEGER NOT NULL,
        at TEXT NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        details TEXT NOT NULL,
        hash TEXT NOT NULL,
        PRIMARY KEY (seq),
        CONSTRAINT hash_hex CHECK (length(hash) = 64 AND hash NOT GLOB '*[^0-9a-f]*'),
        UNIQUE (hash)
    )
    """,
    """
    CREATE TABLE peer (
        id INTEGER NOT NULL,
        name TEXT NOT NULL,
        added_at INTEGER NOT NULL,
        changed_seq INTEGER NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT name CHECK (length(name) BETWEEN 1 AND 63 AND name NOT GLOB '*[^a-z0-9._-]*'),
        UNIQUE (name)
    )
    """,
    """
    CREATE INDEX ix_peer_changed_seq ON peer (changed_seq)
    """,
    """
    CREATE TABLE setting (
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE chain (
        fingerprint TEXT NOT NULL,
        position INTEGER NOT NULL,
        issuer TEXT NOT NULL,
        PRIMARY KEY (fingerprint, position),
        FOREIGN KEY(fingerprint) REFERENCES certificate (fingerprint),
        FOREIGN KEY(issuer) REFERENCES certificate (fingerprint)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE domain (
        name TEXT NOT NULL,
        peer_id INTEGER NOT NULL,
        added_at INTEGER NOT NULL,
        PRIMARY KEY (name),
        CONSTRAINT ldh CHECK (name NOT GLOB '*[^a-z0-9.-]*' AND length(name) BETWEEN 1 AND 253),
        FOREIGN KEY(peer_id) REFERENCES peer (id)
    )
     WITHOUT ROWID
    """,
    """
    CREATE INDEX ix_domain_peer_id ON domain (peer_id)
    """,
    """
    CREATE TABLE mx_host (
        peer_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        PRIMARY KEY (peer_id, name),
        CONSTRAINT ldh CHECK (name NOT GLOB '*[^a-z0-9.-]*'),
        FOREIGN KEY(peer_id) REFERENCES peer (id)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE pin (
        id INTEGER NOT NULL,
        peer_id INTEGER NOT NULL,
        fingerprint TEXT NOT NULL,
        role TEXT NOT NULL,
        added_at INTEGER NOT NULL,
        added_by TEXT NOT NULL,
        retired_at INTEGER,
        retired_reason TEXT,
        PRIMARY KEY (id),
        CONSTRAINT role CHECK (role IN ('host', 'authority')),
        FOREIGN KEY(peer_id) REFERENCES peer (id),
        FOREIGN KEY(fingerprint) REFERENCES certificate (fingerprint)
    )
    """,
    """
    CREATE INDEX ix_pin_fingerprint ON pin (fingerprint)
    """,
    """
    CREATE INDEX ix_pin_peer_id ON pin (peer_id)
    """,
    """
    CREATE UNIQUE INDEX pin_one_active ON pin (peer_id, fingerprint) WHERE retired_at IS NULL
    """,
    """
    CREATE TABLE vouch (
        id INTEGER NOT NULL,
        peer_id INTEGER NOT NULL,
        fingerprint TEXT NOT NULL,
        voucher TEXT NOT NULL,
        channel TEXT NOT NULL,
        note TEXT NOT NULL,
        at INTEGER NOT NULL,
        expires_at INTEGER,
        PRIMARY KEY (id),
        FOREIGN KEY(peer_id) REFERENCES peer (id),
        FOREIGN KEY(fingerprint) REFERENCES certificate (fingerprint)
    )
    """,
    """
    CREATE INDEX ix_vouch_expires_at ON vouch (expires_at)
    """,
    """
    CREATE INDEX vouch_subject ON vouch (peer_id, fingerprint)
    """,
    """
    CREATE TABLE withdrawal (
        vouch_id INTEGER NOT NULL,
        at INTEGER NOT NULL,
        "by" TEXT NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (vouch_id),
        FOREIGN KEY(vouch_id) REFERENCES vouch (id)
    )
    """,
    "CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'journal: no update, it is a record'); END",
    "CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'journal: no delete, it is a record'); END",
    "CREATE TRIGGER vouch_no_update BEFORE UPDATE ON vouch BEGIN SELECT RAISE(ABORT, 'vouch: no update, it is a record'); END",
    "CREATE TRIGGER vouch_no_delete BEFORE DELETE ON vouch BEGIN SELECT RAISE(ABORT, 'vouch: no delete, it is a record'); END",
    "CREATE TRIGGER withdrawal_no_update BEFORE UPDATE ON withdrawal BEGIN SELECT RAISE(ABORT, 'withdrawal: no update, it is a record'); END",
    "CREATE TRIGGER withdrawal_no_delete BEFORE DELETE ON withdrawal BEGIN SELECT RAISE(ABORT, 'withdrawal: no delete, it is a record'); END",
    "CREATE TRIGGER distrust_no_update BEFORE UPDATE ON distrust BEGIN SELECT RAISE(ABORT, 'distrust: no update, it is a record'); END",
    "CREATE TRIGGER distrust_no_delete BEFORE DELETE ON distrust BEGIN SELECT RAISE(ABORT, 'distrust: no delete, it is a record'); END",
    "CREATE TRIGGER certificate_no_update BEFORE UPDATE ON certificate BEGIN SELECT RAISE(ABORT, 'certificate: no update, it is a record'); END",
    "CREATE TRIGGER certificate_no_delete BEFORE DELETE ON certificate BEGIN SELECT RAISE(ABORT, 'certificate: no delete, it is a record'); END",
    "CREATE TRIGGER journal_no_replace BEFORE INSERT ON journal WHEN EXISTS (SELECT 1 FROM journal WHERE seq = NEW.seq OR hash = NEW.hash) BEGIN SELECT RAISE(ABORT, 'journal: it is there already'); END",
    "CREATE TRIGGER vouch_no_replace BEFORE INSERT ON vouch WHEN EXISTS (SELECT 1 FROM vouch WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'vouch: it is there already'); END",
    "CREATE TRIGGER withdrawal_no_replace BEFORE INSERT ON withdrawal WHEN EXISTS (SELECT 1 FROM withdrawal WHERE vouch_id = NEW.vouch_id) BEGIN SELECT RAISE(ABORT, 'withdrawal: it is there already'); END",
    "CREATE TRIGGER distrust_no_replace BEFORE INSERT ON distrust WHEN EXISTS (SELECT 1 FROM distrust WHERE kind = NEW.kind AND value = NEW.value) BEGIN SELECT RAISE(ABORT, 'distrust: it is there already'); END",
    "CREATE TRIGGER certificate_no_replace BEFORE INSERT ON certificate WHEN EXISTS (SELECT 1 FROM certificate WHERE fingerprint = NEW.fingerprint) BEGIN SELECT RAISE(ABORT, 'certificate: it is there already'); END",
    "CREATE TRIGGER pin_no_replace BEFORE INSERT ON pin WHEN EXISTS (SELECT 1 FROM pin WHERE id = NEW.id OR (peer_id = NEW.peer_id AND fingerprint = NEW.fingerprint AND retired_at IS NULL AND NEW.retired_at IS NULL)) BEGIN SELECT RAISE(ABORT, 'pin: it is there already'); END",
    "CREATE TRIGGER pin_no_delete BEFORE DELETE ON pin BEGIN SELECT RAISE(ABORT, 'pin: no delete, retire it'); END",
    "CREATE TRIGGER pin_only_retire BEFORE UPDATE ON pin WHEN OLD.retired_at IS NOT NULL OR NEW.retired_at IS NULL OR NEW.id <> OLD.id OR NEW.peer_id <> OLD.peer_id OR NEW.fingerprint <> OLD.fingerprint OR NEW.role <> OLD.role OR NEW.added_at <> OLD.added_at OR NEW.added_by <> OLD.added_by BEGIN SELECT RAISE(ABORT, 'pin: it can only be retired, once'); END",
)


def upgrade() -> None:
    """Run the statements, as they were when this version was released."""
    for statement in STATEMENTS:
        op.execute(statement)
