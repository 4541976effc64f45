"""The append-only, hash-chained journal: written in the transaction that makes the change.

An entry's hash is SHA-256 over three lines: the previous entry's hash (64 zeros before the first),
the JSON list ``[seq, at, actor, action, subject]`` and the details, both JSON canonical (sorted
keys, no spaces, ASCII).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection, select

from trustctl.facts.moment import format_moment
from trustctl.inventory import schema
from trustctl.inventory.canonical import canonical, entry_head
from trustctl.inventory.rows import insert_values

GENESIS = "0" * 64
_COLUMNS = ("seq", "at", "actor", "action", "subject", "details", "hash")
_CHUNK = 5000


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal entry. ``at`` is UTC (``YYYY-MM-DDTHH:MM:SSZ``), ``details`` canonical JSON."""

    seq: int
    at: str
    actor: str
    action: str
    subject: str
    details: str
    hash: str


def entry_hash(
    previous: str, seq: int, at: str, actor: str, action: str, subject: str, details: str
) -> str:
    """The hash that an entry must carry, 64 lower-case hex digits.

    Raises:
        TypeError: something that ought to be a text is none.
    """
    head = entry_head(seq, at, actor, action, subject)
    return hashlib.sha256(f"{previous}\n{head}\n{details}".encode()).hexdigest()


def head(connection: Connection) -> tuple[int, str]:
    """The newest entry's sequence number and hash; (0, zeros) where there is none."""
    row = connection.execute(
        select(schema.journal.c.seq, schema.journal.c.hash)
        .order_by(schema.journal.c.seq.desc())
        .limit(1)
    ).first()
    return (row[0], row[1]) if row else (0, GENESIS)


def hash_at(connection: Connection, seq: int) -> str | None:
    """The hash of entry ``seq``; the genesis for 0, None where there is no such entry."""
    if seq == 0:
        return GENESIS
    return connection.execute(
        select(schema.journal.c.hash).where(schema.journal.c.seq == seq)
    ).scalar_one_or_none()


def tells(connection: Connection, action: str, *, after_seq: int) -> bool:
    """Whether there is an entry of this action after an entry."""
    j = schema.journal.c
    query = select(j.seq).where((j.seq > after_seq) & (j.action == action)).limit(1)
    return connection.execute(query).first() is not None


class JournalWriter:
    """Appends entries within one transaction, written to the database in chunks."""

    def __init__(self, connection: Connection, actor: str, now: int) -> None:
        self._connection = connection
        self._actor = actor
        self._at = format_moment(now)
        self._head: tuple[int, str] | None = None
        self._pending: list[tuple[object, ...]] = []
        self.appended = 0

    @property
    def next_seq(self) -> int:
        """The sequence number that the next entry will have."""
        if self._head is None:
            self._head = head(self._connection)
        return self._head[0] + 1

    def append(self, action: str, subject: str, details: dict[str, object] | str) -> int:
        """Add an entry and return its sequence number. ``details``: as :func:`canonical` has
        them, where they are a text."""
        seq = self.next_seq
        assert self._head is not None  # noqa: S101  (set by next_seq)
        text = details if isinstance(details, str) else canonical(details)
        digest = entry_hash(self._head[1], seq, self._at, self._actor, action, subject, text)
        self._pending.append((seq, self._at, self._actor, action, subject, text, digest))
        self._head = (seq, digest)
        self.appended += 1
        if len(self._pending) >= _CHUNK:
            self.flush()
        return seq

    def flush(self) -> None:
        """Write what is pending."""
        if self._pending:
            insert_values(self._connection, schema.journal, _COLUMNS, self._pending)
            self._pending = []


def entries(
    connection: Connection, *, subject: str | None = None, newest: int | None = None
) -> Iterator[Entry]:
    """The entries, oldest first: those about ``subject``, or all; only the ``newest`` so many."""
    j = schema.journal.c
    query = select(schema.journal)
    if subject is not None:
        quoted = canonical(subject)
        query = query.where((j.subject == subject) | j.details.contains(quoted, autoescape=True))
    order = j.seq if newest is None else j.seq.desc()
    found = (Entry(*row) for row in connection.execute(query.order_by(order)))
    if subject is not None:
        found = (one for one in found if _about(one, subject))
    yield from found if newest is None else reversed(list(islice(found, newest)))


def _about(entry: Entry, subject: str) -> bool:
    """Whether the entry's subject, or one of its details, is this very text."""
    if entry.subject == subject:
        return True
    values = json.loads(entry.details).values()
    return any(subject == one or (isinstance(one, list) and subject in one) for one in values)
