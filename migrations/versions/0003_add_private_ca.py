"""Add the private CA: authorities, issuances, revocations, CRLs."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE crl (
        issuer TEXT NOT NULL,
        number INTEGER NOT NULL,
        base INTEGER,
        this_update INTEGER NOT NULL,
        next_update INTEGER NOT NULL,
        der BLOB NOT NULL,
        PRIMARY KEY (issuer, number),
        CONSTRAINT issuer_hex CHECK (length(issuer) = 64 AND issuer NOT GLOB '*[^0-9a-f]*')
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE issuance (
        id INTEGER NOT NULL,
        issuer TEXT NOT NULL,
        serial TEXT NOT NULL,
        tbs_sha256 TEXT NOT NULL,
        profile TEXT NOT NULL,
        subject TEXT NOT NULL,
        hosts TEXT NOT NULL,
        spki TEXT NOT NULL,
        not_before INTEGER NOT NULL,
        not_after INTEGER NOT NULL,
        at INTEGER NOT NULL,
        "by" TEXT NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (issuer, serial),
        CONSTRAINT issuer_hex CHECK (length(issuer) = 64 AND issuer NOT GLOB '*[^0-9a-f]*'),
        CONSTRAINT tbs_hex CHECK (length(tbs_sha256) = 64 AND tbs_sha256 NOT GLOB '*[^0-9a-f]*'),
        CONSTRAINT spki_hex CHECK (length(spki) = 64 AND spki NOT GLOB '*[^0-9a-f]*'),
        CONSTRAINT serial_hex CHECK (serial NOT GLOB '*[^0-9a-f]*' AND length(serial) > 0),
        UNIQUE (tbs_sha256)
    )
    """,
    """
    CREATE INDEX ix_issuance_not_after ON issuance (not_after)
    """,
    """
    CREATE INDEX ix_issuance_spki ON issuance (spki)
    """,
    """
    CREATE INDEX ix_issuance_subject ON issuance (subject)
    """,
    """
    CREATE TABLE request (
        spki TEXT NOT NULL,
        hierarchy TEXT NOT NULL,
        subject TEXT NOT NULL,
        permitted TEXT,
        public_key BLOB NOT NULL,
        "key" TEXT NOT NULL,
        at INTEGER NOT NULL,
        "by" TEXT NOT NULL,
        PRIMARY KEY (spki),
        CONSTRAINT spki_hex CHECK (length(spki) = 64 AND spki NOT GLOB '*[^0-9a-f]*')
    )
    """,
    """
    CREATE TABLE authority (
        id INTEGER NOT NULL,
        hierarchy TEXT NOT NULL,
        kind TEXT NOT NULL,
        number INTEGER NOT NULL,
        "key" TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        permitted TEXT,
        added_at INTEGER NOT NULL,
        retired_at INTEGER,
        PRIMARY KEY (id),
        CONSTRAINT kind CHECK (kind IN ('root', 'issuing')),
        UNIQUE (hierarchy, kind, number),
        UNIQUE (fingerprint),
        FOREIGN KEY(fingerprint) REFERENCES certificate (fingerprint)
    )
    """,
    """
    CREATE TABLE issued (
        issuance_id INTEGER NOT NULL,
        fingerprint TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (issuance_id),
        FOREIGN KEY(issuance_id) REFERENCES issuance (id),
        UNIQUE (fingerprint),
        FOREIGN KEY(fingerprint) REFERENCES certificate (fingerprint)
    )
    """,
    """
    CREATE TABLE revocation (
        issuance_id INTEGER NOT NULL,
        at INTEGER NOT NULL,
        "by" TEXT NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (issuance_id),
        FOREIGN KEY(issuance_id) REFERENCES issuance (id)
    )
    """,
    """
    CREATE TABLE staple (
        id INTEGER NOT NULL,
        issuance_id INTEGER NOT NULL,
        status TEXT NOT NULL,
        this_update INTEGER NOT NULL,
        next_update INTEGER NOT NULL,
        der BLOB NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT status CHECK (status IN ('good', 'revoked')),
        FOREIGN KEY(issuance_id) REFERENCES issuance (id)
    )
    """,
    """
    CREATE INDEX ix_staple_issuance_id ON staple (issuance_id)
    """,
    """
    CREATE TABLE crossing (
        id INTEGER NOT NULL,
        peer_id INTEGER NOT NULL,
        spki TEXT NOT NULL,
        issuance_id INTEGER,
        permitted TEXT NOT NULL,
        added TEXT NOT NULL,
        at INTEGER NOT NULL,
        "by" TEXT NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT spki_hex CHECK (length(spki) = 64 AND spki NOT GLOB '*[^0-9a-f]*'),
        FOREIGN KEY(peer_id) REFERENCES peer (id),
        UNIQUE (issuance_id),
        FOREIGN KEY(issuance_id) REFERENCES issuance (id)
    )
    """,
    """
    CREATE INDEX ix_crossing_peer_id ON crossing (peer_id)
    """,
    "CREATE TRIGGER request_no_update BEFORE UPDATE ON request BEGIN SELECT RAISE(ABORT, 'request: no update, it is a record'); END",
    "CREATE TRIGGER request_no_delete BEFORE DELETE ON request BEGIN SELECT RAISE(ABORT, 'request: no delete, it is a record'); END",
    "CREATE TRIGGER issuance_no_update BEFORE UPDATE ON issuance BEGIN SELECT RAISE(ABORT, 'issuance: no update, it is a record'); END",
    "CREATE TRIGGER issuance_no_delete BEFORE DELETE ON issuance BEGIN SELECT RAISE(ABORT, 'issuance: no delete, it is a record'); END",
    "CREATE TRIGGER issued_no_update BEFORE UPDATE ON issued BEGIN SELECT RAISE(ABORT, 'issued: no update, it is a record'); END",
    "CREATE TRIGGER issued_no_delete BEFORE DELETE ON issued BEGIN SELECT RAISE(ABORT, 'issued: no delete, it is a record'); END",
    "CREATE TRIGGER revocation_no_update BEFORE UPDATE ON revocation BEGIN SELECT RAISE(ABORT, 'revocation: no update, it is a record'); END",
    "CREATE TRIGGER revocation_no_delete BEFORE DELETE ON revocation BEGIN SELECT RAISE(ABORT, 'revocation: no delete, it is a record'); END",
    "CREATE TRIGGER crl_no_update BEFORE UPDATE ON crl BEGIN SELECT RAISE(ABORT, 'crl: no update, it is a record'); END",
    "CREATE TRIGGER crl_no_delete BEFORE DELETE ON crl BEGIN SELECT RAISE(ABORT, 'crl: no delete, it is a record'); END",
    "CREATE TRIGGER staple_no_update BEFORE UPDATE ON staple BEGIN SELECT RAISE(ABORT, 'staple: no update, it is a record'); END",
    "CREATE TRIGGER staple_no_delete BEFORE DELETE ON staple BEGIN SELECT RAISE(ABORT, 'staple: no delete, it is a record'); END",
    "CREATE TRIGGER crossing_no_update BEFORE UPDATE ON crossing BEGIN SELECT RAISE(ABORT, 'crossing: no update, it is a record'); END",
    "CREATE TRIGGER crossing_no_delete BEFORE DELETE ON crossing BEGIN SELECT RAISE(ABORT, 'crossing: no delete, it is a record'); END",
    "CREATE TRIGGER authority_no_replace BEFORE INSERT ON authority WHEN EXISTS (SELECT 1 FROM authority WHERE id = NEW.id OR fingerprint = NEW.fingerprint) BEGIN SELECT RAISE(ABORT, 'authority: it is there already'); END",
    "CREATE TRIGGER request_no_replace BEFORE INSERT ON request WHEN EXISTS (SELECT 1 FROM request WHERE spki = NEW.spki) BEGIN SELECT RAISE(ABORT, 'request: it is there already'); END",
    "CREATE TRIGGER issuance_no_replace BEFORE INSERT ON issuance WHEN EXISTS (SELECT 1 FROM issuance WHERE id = NEW.id OR tbs_sha256 = NEW.tbs_sha256 OR (issuer = NEW.issuer AND serial = NEW.serial)) BEGIN SELECT RAISE(ABORT, 'issuance: it is there already'); END",
    "CREATE TRIGGER issued_no_replace BEFORE INSERT ON issued WHEN EXISTS (SELECT 1 FROM issued WHERE issuance_id = NEW.issuance_id OR fingerprint = NEW.fingerprint) BEGIN SELECT RAISE(ABORT, 'issued: it is there already'); END",
    "CREATE TRIGGER revocation_no_replace BEFORE INSERT ON revocation WHEN EXISTS (SELECT 1 FROM revocation WHERE issuance_id = NEW.issuance_id) BEGIN SELECT RAISE(ABORT, 'revocation: it is there already'); END",
    "CREATE TRIGGER crl_no_replace BEFORE INSERT ON crl WHEN EXISTS (SELECT 1 FROM crl WHERE issuer = NEW.issuer AND number = NEW.number) BEGIN SELECT RAISE(ABORT, 'crl: it is there already'); END",
    "CREATE TRIGGER staple_no_replace BEFORE INSERT ON staple WHEN EXISTS (SELECT 1 FROM staple WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'staple: it is there already'); END",
    "CREATE TRIGGER crossing_no_replace BEFORE INSERT ON crossing WHEN EXISTS (SELECT 1 FROM crossing WHERE id = NEW.id OR issuance_id = NEW.issuance_id) BEGIN SELECT RAISE(ABORT, 'crossing: it is there already'); END",
    "CREATE TRIGGER authority_no_delete BEFORE DELETE ON authority BEGIN SELECT RAISE(ABORT, 'authority: no delete, retire it'); END",
    "CREATE TRIGGER authority_only_retire BEFORE UPDATE ON authority WHEN OLD.retired_at IS NOT NULL OR NEW.retired_at IS NULL OR NEW.id <> OLD.id OR NEW.hierarchy <> OLD.hierarchy OR NEW.kind <> OLD.kind OR NEW.number <> OLD.number OR NEW.key <> OLD.key OR NEW.fingerprint <> OLD.fingerprint OR NEW.permitted IS NOT OLD.permitted OR NEW.added_at <> OLD.added_at BEGIN SELECT RAISE(ABORT, 'authority: it can only be retired, once'); END",
    """
    CREATE TABLE next_key (
        id INTEGER NOT NULL,
        spki TEXT NOT NULL,
        hierarchy TEXT NOT NULL,
        host TEXT NOT NULL,
        at INTEGER NOT NULL,
        "by" TEXT NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT spki_hex CHECK (length(spki) = 64 AND spki NOT GLOB '*[^0-9a-f]*'),
        UNIQUE (spki)
    )
    """,
    """
    CREATE INDEX ix_next_key_host ON next_key (host)
    """,
    """
    CREATE TABLE publication (
        id INTEGER NOT NULL,
        hierarchy TEXT NOT NULL,
        host TEXT NOT NULL,
        port INTEGER NOT NULL,
        spki TEXT,
        ttl INTEGER NOT NULL,
        at INTEGER NOT NULL,
        "by" TEXT NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT spki_hex CHECK (length(spki) = 64 AND spki NOT GLOB '*[^0-9a-f]*'),
        CONSTRAINT port CHECK (port BETWEEN 1 AND 65535)
    )
    """,
    """
    CREATE INDEX ix_publication_host ON publication (host)
    """,
    "CREATE TRIGGER next_key_no_update BEFORE UPDATE ON next_key BEGIN SELECT RAISE(ABORT, 'next_key: no update, it is a record'); END",
    "CREATE TRIGGER next_key_no_delete BEFORE DELETE ON next_key BEGIN SELECT RAISE(ABORT, 'next_key: no delete, it is a record'); END",
    "CREATE TRIGGER publication_no_update BEFORE UPDATE ON publication BEGIN SELECT RAISE(ABORT, 'publication: no update, it is a record'); END",
    "CREATE TRIGGER publication_no_delete BEFORE DELETE ON publication BEGIN SELECT RAISE(ABORT, 'publication: no delete, it is a record'); END",
    "CREATE TRIGGER next_key_no_replace BEFORE INSERT ON next_key WHEN EXISTS (SELECT 1 FROM next_key WHERE id = NEW.id OR spki = NEW.spki) BEGIN SELECT RAISE(ABORT, 'next_key: it is there already'); END",
    "CREATE TRIGGER publication_no_replace BEFORE INSERT ON publication WHEN EXISTS (SELECT 1 FROM publication WHERE id = NEW.id) BEGIN SELECT RAISE(ABORT, 'publication: it is there already'); END",
)


def upgrade() -> None:
    """Run the statements, as they were when this version was released."""
    for statement in STATEMENTS:
        op.execute(statement)
