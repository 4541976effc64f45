"""Find what was pinned, retired or vouched for between two moments without reading all of it."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE INDEX ix_pin_added_at ON pin (added_at)
    """,
    """
    CREATE INDEX pin_retired ON pin (retired_at) WHERE retired_at IS NOT NULL
    """,
    """
    CREATE INDEX ix_vouch_at ON vouch (at)
    """,
)


def upgrade() -> None:
    """Run the statements, as they were when this version was released."""
    for statement in STATEMENTS:
        op.execute(statement)
