"""Which keys are those of our own authorities: what reading pins has to know of the CA."""

from __future__ import annotations

from sqlalchemy import Connection, select

from trustctl.inventory.schema import certificate
from trustctl.inventory.schema_ca import authority


def any_of_ours(connection: Connection) -> bool:
    """Whether there is a CA of ours at all: most have none, and need not load what is about it."""
    return bool(connection.exec_driver_sql("SELECT EXISTS (SELECT 1 FROM authority)").scalar())


def hierarchy_of_keys(connection: Connection) -> dict[str, str]:
    """SPKI pin -> the hierarchy of ours whose authority has this key."""
    a, c = authority.c, certificate.c
    ours = {row[0]: row[1] for row in connection.execute(select(a.fingerprint, a.hierarchy))}
    # not a join: SQLite would look through all certificates for the few authorities
    keys = select(c.fingerprint, c.spki).where(c.fingerprint.in_(ours)) if ours else None
    return {} if keys is None else {row[1]: ours[row[0]] for row in connection.execute(keys)}
