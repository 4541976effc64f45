"""The newest revision of the inventory's tables, for whoever must know it without SQLAlchemy."""

HEAD = "0006"
"""The newest migration. A test keeps it equal to what migrations/ says, so that nothing but
``trustctl db upgrade`` has to load Alembic."""
