"""Verifies the journal: its chain, and every row of the inventory against what it tells.

The journal holds enough to say what each row must be. So a row that was added, altered or removed
behind the tool's back shows, although the chain of hashes is whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, Table, select

from trustctl.inventory import dane, inbound, replay_wire, schema, verify_ca
from trustctl.inventory.certificates import facts_digest
from trustctl.inventory.journal import GENESIS, Entry, entries, entry_hash
from trustctl.inventory.replay import Replay

_SHOWN = 100


def verify_chain(connection: Connection) -> str | None:
    """What is wrong with the first journal entry that does not fit; None where all do."""
    previous, expected = GENESIS, 1
    for entry in entries(connection):
        if entry.seq != expected:
            return f"entry {expected} is missing: entry {entry.seq} follows entry {expected - 1}"
        if not _fits(previous, entry):
            return f"entry {entry.seq} ({entry.action}) does not fit: its hash is not its content's"
        previous, expected = entry.hash, expected + 1
    return None


def _fits(previous: str, e: Entry) -> bool:
    try:
        digest = entry_hash(previous, e.seq, e.at, e.actor, e.action, e.subject, e.details)
    except TypeError:  # bytes where a text ought to be
        return False
    return digest == e.hash


def verify(
    connection: Connection, *, progress: Callable[[int], object] = lambda _n: None
) -> list[str]:
    """Everything that does not fit, worst first, at most a hundred lines; empty where all does.

    Args:
        progress: told the number of certificates read so far.
    """
    broken = verify_chain(connection)
    if broken is not None:
        return [broken]
    replay = Replay()
    for entry in entries(connection):
        try:
            replay.apply(entry.seq, entry.at, entry.actor, entry.action, entry.subject,
                         json.loads(entry.details))  # fmt: skip
        except (KeyError, TypeError, ValueError):
            return [f"entry {entry.seq} ({entry.action}) tells of something that cannot be"]
    problems: list[str] = []
    problems.extend(_certificates(connection, replay, progress))
    for name, expected, actual in _tables(connection, replay):
        problems.extend(_compare(name, expected, actual))
        if len(problems) > _SHOWN:
            break
    return problems[:_SHOWN]


def _compare(
    name: str, expected: dict[Any, Any], actual: dict[Any, Any], *, values: bool = True
) -> Iterator[str]:
    for key in sorted(expected.keys() - actual.keys(), key=_say):
        yield f"{name} {_say(key)}: the journal tells of it, the inventory has it not"
    for key in sorted(actual.keys() - expected.keys(), key=_say):
        yield f"{name} {_say(key)}: the inventory has it, the journal does not tell of it"
    if values:
        shared = expected.keys() & actual.keys()
        for key in sorted((one for one in shared if expected[one] != actual[one]), key=_say):
            yield f"{name} {_say(key)}: the inventory differs from what the journal tells"


def _say(key: Any) -> str:
    return " ".join(str(part) for part in key) if isinstance(key, tuple) else str(key)


def _certificates(
    connection: Connection, replay: Replay, progress: Callable[[int], object]
) -> Iterator[str]:
    expected = replay.certificates | replay.ca.certificates
    found = set()
    columns = list(schema.certificate.c)
    names = [column.name for column in columns]
    rows = connection.execution_options(yield_per=500).execute(select(*columns))
    for count, row in enumerate(rows, 1):
        values = dict(zip(names, row, strict=True))
        fingerprint, der = values["fingerprint"], values["der"]
        found.add(fingerprint)
        if not isinstance(der, bytes) or hashlib.sha256(der).hexdigest() != fingerprint:
            yield f"certificate {fingerprint}: its bytes are not those of its fingerprint"
        elif fingerprint in expected and _digest(values) != expected[fingerprint]:
            yield f"certificate {fingerprint}: its facts are not those that the journal tells of"
        if count % 500 == 0:
            progress(count)
    yield from _compare("certificate", expected, dict.fromkeys(found), values=False)


def _digest(row: dict[str, object]) -> str | None:
    try:
        return facts_digest(row)
    except TypeError:  # bytes where a text or a number ought to be
        return None


def _tables(
    connection: Connection, replay: Replay
) -> Iterator[tuple[str, dict[Any, Any], dict[Any, Any]]]:
    peers = connection.execute(select(schema.peer.c.id, schema.peer.c.name))
    names = {int(number): str(name) for number, name in peers}

    def rows(table: Table, *columns: str) -> list[Any]:
        return list(connection.execute(select(*(table.c[name] for name in columns))))

    yield (
        "peer",
        replay.peers,
        {r[0]: (r[1], r[2]) for r in rows(schema.peer, "name", "added_at", "changed_seq")},
    )
    yield (
        "domain",
        replay.domains,
        {r[0]: (names.get(r[1]), r[2]) for r in rows(schema.domain, "name", "peer_id", "added_at")},
    )
    yield (
        "MX host",
        dict.fromkeys(replay.hosts),
        dict.fromkeys((names.get(r[0]), r[1]) for r in rows(schema.mx_host, "peer_id", "name")),
    )
    pin_columns = ("id", "peer_id", "fingerprint", "role", "added_at", "added_by", "retired_at",
                   "retired_reason")  # fmt: skip
    yield (
        "pin",
        replay.pins,
        {r[0]: (names.get(r[1]), *r[2:]) for r in rows(schema.pin, *pin_columns)},
    )
    vouch_columns = ("id", "peer_id", "fingerprint", "voucher", "channel", "note", "at",
                     "expires_at")  # fmt: skip
    yield (
        "vouch",
        replay.vouches,
        {r[0]: (names.get(r[1]), *r[2:]) for r in rows(schema.vouch, *vouch_columns)},
    )
    yield (
        "withdrawal",
        replay.withdrawals,
        {r[0]: tuple(r[1:]) for r in rows(schema.withdrawal, "vouch_id", "at", "by", "reason")},
    )
    yield (
        "distrust",
        replay.distrusts,
        {(r[0], r[1]): tuple(r[2:])
         for r in rows(schema.distrust, "kind", "value", "reason", "at", "by")},
    )  # fmt: skip
    yield (
        "setting",
        replay.settings,
        {r[0]: r[1] for r in rows(schema.setting, "name", "value")},
    )
    chains: dict[str, list[tuple[int, str]]] = {}
    for leaf, position, issuer in rows(schema.chain, "fingerprint", "position", "issuer"):
        chains.setdefault(leaf, []).append((position, issuer))
    for one in chains.values():
        one.sort()
    yield "chain of", replay.chains, chains
    places = {r[0]: (r[1], r[2]) for r in rows(schema.target, "id", "path", "format")}
    yield "target", dict.fromkeys(replay.current), dict.fromkeys(places.values())
    number_columns = ("target_id", "number", "created_at", "as_of", "journal_seq",
                      "manifest_sha256")  # fmt: skip
    yield (
        "generation",
        replay.generations,
        {(*places.get(r[0], ("?", "?")), r[1]): tuple(r[2:])
         for r in rows(schema.generation, *number_columns)},
    )  # fmt: skip
    yield (
        "current generation of",
        replay.current,
        {places.get(r[0]): r[1] for r in rows(schema.current_generation, "target_id", "number")},
    )
    yield from verify_ca.tables(connection, replay.ca)
    yield from dane.tables(connection, replay.dane)
    yield from replay_wire.tables(connection, replay.wire)
    yield from inbound.tables(connection, replay.inbound)
