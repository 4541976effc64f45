"""Add targets and the generations that were exported to them."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE target (
        id INTEGER NOT NULL,
        path TEXT NOT NULL,
        format TEXT NOT NULL,
        PRIMARY KEY (id),
        UNIQUE (path, format)
    )
    """,
    """
    CREATE TABLE generation (
        target_id INTEGER NOT NULL,
        number INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        as_of INTEGER NOT NULL,
        journal_seq INTEGER NOT NULL,
        manifest_sha256 TEXT NOT NULL,
        PRIMARY KEY (target_id, number),
        FOREIGN KEY(target_id) REFERENCES target (id)
    )
     WITHOUT ROWID
    """,
    """
    CREATE TABLE current_generation (
        target_id INTEGER NOT NULL,
        number INTEGER NOT NULL,
        PRIMARY KEY (target_id),
        CONSTRAINT current FOREIGN KEY(target_id, number) REFERENCES generation (target_id, number)
    )
    """,
)


def upgrade() -> None:
    """Run the statements, as they were when this version was released."""
    for statement in STATEMENTS:
        op.execute(statement)
