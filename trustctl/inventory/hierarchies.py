"""Which keys are those of our own authorities: what reading pins has to know of the CA."""

from __future__ import annotations

from sqlalchemy import Connection, select

from trustctl.inventory.schema import certificate
from trustctl.inventory.schema_ca import authority


def hierarchy_of_keys(connection: Connection) -> dict[str, str]:
    """SPKI pin -> the hierarchy of ours whose authority has this key."""
    query = select(certificate.c.spki, authority.c.hierarchy).join(
        authority, authority.c.fingerprint == certificate.c.fingerprint
    )
    return {row[0]: row[1] for row in connection.execute(query)}
