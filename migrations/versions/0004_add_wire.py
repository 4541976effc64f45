"""Add what is seen on the wire, announcements, renewals and notices."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE notice (
        name TEXT NOT NULL,
        digest TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (name),
        CONSTRAINT bounded CHECK (length(name) BETWEEN 1 AND 200 AND length(digest) <= 200)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE observation (
        id INTEGER NOT NULL,
        host TEXT NOT NULL,
        address TEXT NOT NULL,
        port INTEGER NOT NULL,
        protocol TEXT NOT NULL,
        outcome TEXT NOT NULL,
        fingerprint TEXT,
        peer_id INTEGER,
        domain TEXT,
        first_seen INTEGER NOT NULL,
        last_seen INTEGER NOT NULL,
        times INTEGER NOT NULL,
        tls TEXT,
        detail TEXT NOT NULL,
        PRIMARY KEY (id),
        CONSTRAINT host CHECK (host NOT GLOB '*[^a-z0-9._:-]*' AND length(host) BETWEEN 1 AND 253),
        CONSTRAINT address CHECK (address NOT GLOB '*[^0-9a-f.:]*' AND length(address) <= 45),
        CONSTRAINT port CHECK (port BETWEEN 1 AND 65535),
        CONSTRAINT protocol CHECK (protocol IN ('smtp', 'lmtp', 'imap', 'pop3', 'ldap', 'xmpp', 'none')),
        CONSTRAINT outcome CHECK (outcome IN ('presented', 'no-host', 'forbidden', 'unreachable', 'timeout', 'closed', 'not-offered', 'declined', 'injected', 'garbled', 'tls-failed', 'no-certificate')),
        CONSTRAINT presented CHECK ((outcome = 'presented') = (fingerprint IS NOT NULL)),
        CONSTRAINT ldh CHECK (domain NOT GLOB '*[^a-z0-9.-]*' AND length(domain) BETWEEN 1 AND 253),
        CONSTRAINT again CHECK (last_seen >= first_seen AND times >= 1),
        CONSTRAINT bounded CHECK (length(tls) <= 40 AND length(detail) <= 300),
        FOREIGN KEY(fingerprint) REFERENCES certificate (fingerprint),
        FOREIGN KEY(peer_id) REFERENCES peer (id)
    )
    """,
    """
    CREATE INDEX ix_observation_fingerprint ON observation (fingerprint)
    """,
    """
    CREATE INDEX ix_observation_peer_id ON observation (peer_id)
    """,
    """
    CREATE UNIQUE INDEX observation_same ON observation (host, address, port, protocol, outcome, coalesce(fingerprint, ''), coalesce(peer_id, 0))
    """,
    """
    CREATE TABLE announcement (
        pin_id INTEGER NOT NULL,
        begins_at INTEGER NOT NULL,
        auto_retire_days INTEGER,
        at INTEGER NOT NULL,
        "by" TEXT NOT NULL,
        PRIMARY KEY (pin_id),
        CONSTRAINT days CHECK (auto_retire_days BETWEEN 0 AND 365),
        FOREIGN KEY(pin_id) REFERENCES pin (id)
    )
    """,
    """
    CREATE TABLE renewal (
        pin_id INTEGER NOT NULL,
        predecessor TEXT NOT NULL,
        at INTEGER NOT NULL,
        "by" TEXT NOT NULL,
        PRIMARY KEY (pin_id),
        FOREIGN KEY(pin_id) REFERENCES pin (id),
        FOREIGN KEY(predecessor) REFERENCES certificate (fingerprint)
    )
    """,
    """
    CREATE TABLE testimony (
        observation_id INTEGER NOT NULL,
        kind TEXT NOT NULL,
        verdict TEXT NOT NULL,
        detail TEXT NOT NULL,
        first_at INTEGER NOT NULL,
        last_at INTEGER NOT NULL,
        PRIMARY KEY (observation_id, kind),
        CONSTRAINT kind CHECK (kind IN ('dane', 'mta-sts', 'public-ca', 'vantage')),
        CONSTRAINT verdict CHECK (verdict IN ('supports', 'contradicts', 'inconclusive', 'absent')),
        CONSTRAINT again CHECK (last_at >= first_at),
        CONSTRAINT bounded CHECK (length(detail) <= 300),
        FOREIGN KEY(observation_id) REFERENCES observation (id)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE announcement_replaces (
        pin_id INTEGER NOT NULL,
        replaced INTEGER NOT NULL,
        PRIMARY KEY (pin_id, replaced),
        CONSTRAINT another CHECK (pin_id <> replaced),
        FOREIGN KEY(pin_id) REFERENCES announcement (pin_id),
        FOREIGN KEY(replaced) REFERENCES pin (id)
    )
     WITHOUT ROWID
    """,
    "CREATE TRIGGER announcement_no_update BEFORE UPDATE ON announcement BEGIN SELECT RAISE(ABORT, 'announcement: no update, it is a record'); END",
    "CREATE TRIGGER announcement_no_delete BEFORE DELETE ON announcement BEGIN SELECT RAISE(ABORT, 'announcement: no delete, it is a record'); END",
    "CREATE TRIGGER announcement_replaces_no_update BEFORE UPDATE ON announcement_replaces BEGIN SELECT RAISE(ABORT, 'announcement_replaces: no update, it is a record'); END",
    "CREATE TRIGGER announcement_replaces_no_delete BEFORE DELETE ON announcement_replaces BEGIN SELECT RAISE(ABORT, 'announcement_replaces: no delete, it is a record'); END",
    "CREATE TRIGGER renewal_no_update BEFORE UPDATE ON renewal BEGIN SELECT RAISE(ABORT, 'renewal: no update, it is a record'); END",
    "CREATE TRIGGER renewal_no_delete BEFORE DELETE ON renewal BEGIN SELECT RAISE(ABORT, 'renewal: no delete, it is a record'); END",
    "CREATE TRIGGER observation_no_replace BEFORE INSERT ON observation WHEN EXISTS (SELECT 1 FROM observation WHERE id = NEW.id OR (host = NEW.host AND address = NEW.address AND port = NEW.port AND protocol = NEW.protocol AND outcome = NEW.outcome AND fingerprint IS NEW.fingerprint AND peer_id IS NEW.peer_id)) BEGIN SELECT RAISE(ABORT, 'observation: it is there already'); END",
    "CREATE TRIGGER testimony_no_replace BEFORE INSERT ON testimony WHEN EXISTS (SELECT 1 FROM testimony WHERE observation_id = NEW.observation_id AND kind = NEW.kind) BEGIN SELECT RAISE(ABORT, 'testimony: it is there already'); END",
    "CREATE TRIGGER announcement_no_replace BEFORE INSERT ON announcement WHEN EXISTS (SELECT 1 FROM announcement WHERE pin_id = NEW.pin_id) BEGIN SELECT RAISE(ABORT, 'announcement: it is there already'); END",
    "CREATE TRIGGER announcement_replaces_no_replace BEFORE INSERT ON announcement_replaces WHEN EXISTS (SELECT 1 FROM announcement_replaces WHERE pin_id = NEW.pin_id AND replaced = NEW.replaced) BEGIN SELECT RAISE(ABORT, 'announcement_replaces: it is there already'); END",
    "CREATE TRIGGER renewal_no_replace BEFORE INSERT ON renewal WHEN EXISTS (SELECT 1 FROM renewal WHERE pin_id = NEW.pin_id) BEGIN SELECT RAISE(ABORT, 'renewal: it is there already'); END",
    "CREATE TRIGGER observation_no_delete BEFORE DELETE ON observation BEGIN SELECT RAISE(ABORT, 'observation: no delete, it is a record'); END",
    "CREATE TRIGGER observation_only_again BEFORE UPDATE ON observation WHEN NEW.id IS NOT OLD.id OR NEW.host IS NOT OLD.host OR NEW.address IS NOT OLD.address OR NEW.port IS NOT OLD.port OR NEW.protocol IS NOT OLD.protocol OR NEW.outcome IS NOT OLD.outcome OR NEW.fingerprint IS NOT OLD.fingerprint OR NEW.peer_id IS NOT OLD.peer_id OR NEW.domain IS NOT OLD.domain OR NEW.first_seen IS NOT OLD.first_seen BEGIN SELECT RAISE(ABORT, 'observation: it can only be seen again'); END",
    "CREATE TRIGGER testimony_no_delete BEFORE DELETE ON testimony BEGIN SELECT RAISE(ABORT, 'testimony: no delete, it is a record'); END",
    "CREATE TRIGGER testimony_only_again BEFORE UPDATE ON testimony WHEN NEW.observation_id IS NOT OLD.observation_id OR NEW.kind IS NOT OLD.kind BEGIN SELECT RAISE(ABORT, 'testimony: it can only be seen again'); END",
)


def upgrade() -> None:
    """Run the statements, as they were when this version was released."""
    for statement in STATEMENTS:
        op.execute(statement)
