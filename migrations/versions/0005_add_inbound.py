"""Add what our servers ask of whoever sends as a peer's domains."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE inbound (
        peer_id INTEGER NOT NULL,
        mode TEXT NOT NULL,
        relay INTEGER NOT NULL,
        at INTEGER NOT NULL,
        "by" TEXT NOT NULL,
        PRIMARY KEY (peer_id),
        CONSTRAINT mode CHECK (mode IN ('offer', 'require')),
        CONSTRAINT flag CHECK (relay IN (0, 1)),
        FOREIGN KEY(peer_id) REFERENCES peer (id)
    )
    """,
    """
    CREATE TABLE inbound_network (
        peer_id INTEGER NOT NULL,
        network TEXT NOT NULL,
        PRIMARY KEY (peer_id, network),
        CONSTRAINT cidr CHECK (network NOT GLOB '*[^0-9a-f.:/]*' AND length(network) BETWEEN 4 AND 43),
        FOREIGN KEY(peer_id) REFERENCES inbound (peer_id)
    )
     WITHOUT ROWID
    """,
)


def upgrade() -> None:
    """Run the statements, as they were when this version was released."""
    for statement in STATEMENTS:
        op.execute(statement)
