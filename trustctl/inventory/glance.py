"""Has anything happened since the last export? A first look, without SQLAlchemy: to load it takes
longer than all the rest where the answer is no, and from cron it nearly always is.

A no is certain: nothing but exports, and what was seen or announced, has been recorded since, and
no time has passed at which anything begins or ends. Everything else is for the whole look
(commands/compilation.py).
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from trustctl.facts.target import Stored
from trustctl.inventory.location import uri
from trustctl.inventory.revision import HEAD

_REVISION = "SELECT version_num FROM alembic_version"
_CHECKPOINT = "SELECT hash FROM journal WHERE seq = :seq"
_RECORDED = """
    SELECT g.created_at, g.as_of, g.journal_seq, g.manifest_sha256 FROM target t
    JOIN current_generation c ON c.target_id = t.id
    JOIN generation g ON g.target_id = t.id AND g.number = c.number
    WHERE t.path = :path AND t.format = :format AND c.number = :number
"""
_HAPPENED = """
    SELECT EXISTS (SELECT 1 FROM journal WHERE seq > :seq AND action NOT IN
        ('generation.publish', 'observe', 'testimony', 'announce'))
    OR EXISTS (SELECT 1 FROM certificate WHERE not_before BETWEEN :since - 1 AND :until + 1)
    OR EXISTS (SELECT 1 FROM certificate WHERE not_after BETWEEN :since - 1 AND :until + 1)
    OR EXISTS (SELECT 1 FROM vouch WHERE expires_at BETWEEN :since - 1 AND :until + 1)
    OR EXISTS (SELECT 1 FROM vouch WHERE at > :since AND at <= :until)
    OR EXISTS (SELECT 1 FROM withdrawal WHERE at > :since AND at <= :until)
    OR EXISTS (SELECT 1 FROM pin WHERE added_at > :since AND added_at <= :until)
    OR EXISTS (SELECT 1 FROM pin WHERE retired_at > :since AND retired_at <= :until)
    OR EXISTS (SELECT 1 FROM renewal WHERE at > :since AND at <= :until)
    OR EXISTS (SELECT 1 FROM authority)
"""
"""The same moments as ``affected.affected`` looks at; a CA of our own has lists and staples that
come due."""


def known_format(path: Path, directory: str) -> str | None:
    """The format in which the folder was exported to before; None where that cannot be told."""
    try:
        with closing(_open(path)) as database:
            query = "SELECT format FROM target WHERE path = ?"
            found = [str(row[0]) for row in database.execute(query, (directory,))]
    except sqlite3.Error:
        return None
    return found[0] if len(found) == 1 else None


def unchanged(path: Path, directory: str, format_name: str, stored: Stored, now: int) -> bool:
    """Whether an export at ``now`` (seconds since 1970 UTC) to the target whose generation in force
    is ``stored`` is certain to find nothing to do."""
    if now < stored.as_of:
        return False
    known = {
        "path": directory,
        "format": format_name,
        "number": stored.number,
        "seq": stored.checkpoint.seq,
        "since": stored.as_of,
        "until": now,
    }
    row = (stored.created_at, stored.as_of, stored.checkpoint.seq, stored.manifest_sha256)
    wanted = ((_REVISION, (HEAD,)), (_CHECKPOINT, (stored.checkpoint.hash,)), (_RECORDED, row))
    try:
        with closing(_open(path)) as database:
            database.execute("BEGIN")
            return all(
                database.execute(query, known).fetchall() == [answer] for query, answer in wanted
            ) and database.execute(_HAPPENED, known).fetchall() == [(0,)]
    except sqlite3.Error:
        return False  # the whole look says what is wrong with it


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{uri(path)}?mode=ro", uri=True, isolation_level=None, timeout=0)
