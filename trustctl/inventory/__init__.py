"""The SQLite inventory: the only importer of SQLAlchemy and Alembic."""
