"""What is written behind the tool's back is noticed: the chain, and every row against it."""
# ruff: noqa: S608  (the statements are put together from names of this file alone)

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from tests import odd
from tests.certs import Made, tlv
from tests.inventory.store import NOW, Store, addition, strong
from trustctl.facts.compiled import Checkpoint
from trustctl.inventory import domains, generations, journal, schema, schema_wire, upkeep
from trustctl.inventory.generations import GenerationRow
from trustctl.inventory.journal import GENESIS, entry_hash
from trustctl.inventory.snapshot import read_peers

_HEX = "ab" * 32


def _tamper(store: Store, *statements: str) -> None:
    """Run statements as an attacker would: triggers and references out of the way."""
    with store.raw(as_attacker=True) as raw:
        for one in statements:
            assert raw.execute(one).rowcount != 0, f"{one}: it changed nothing"


def test_untouched_inventory_fits(full: Store) -> None:
    """Every table has a row, every action an entry, and nothing is found."""
    with full.raw() as raw:
        for table in schema.metadata.tables:
            assert raw.execute(f'SELECT count(*) FROM "{table}"').fetchone() > (0,), table
    assert {one.action for one in full.journal()} == {
        "peer.add", "domain.protect", "mx.add", "pin.add", "chain.set", "vouch.add",
        "vouch.withdraw", "pin.retire", "distrust.add", "setting.set", "generation.publish",
        "ca.authority", "ca.request", "ca.reserve", "ca.issue", "ca.revoke", "ca.crl", "ca.staple",
        "dane.next-key", "dane.publish",
        "ca.cross", "observe", "testimony", "announce", "renew", "inbound.set",
    }  # fmt: skip
    assert full.verify() == []
    assert full.ask(upkeep.check) == []


_COLUMNS = [
    (table.name, column.name)
    for table in schema.metadata.sorted_tables
    if table.name != "journal"
    for column in table.c
    if column.name not in schema_wire.VOLATILE.get(table.name, ())
]
_RECORDED = [one.name for one in schema.metadata.sorted_tables if one.name != "notice"]


@pytest.mark.parametrize(("table", "column"), _COLUMNS, ids=lambda value: str(value))
def test_altered_value_is_noticed(table: str, column: str, full: Store) -> None:
    """Any value of any table but the journal, altered in one row, does not fit; but for what is
    volatile."""
    whole = {
        "INTEGER": f'coalesce("{column}", 0) + 1000',
        "BLOB": f"CAST(\"{column}\" || X'00' AS BLOB)",
    }
    with full.raw(as_attacker=True) as raw:
        kind = {row[1]: row[2] for row in raw.execute(f'PRAGMA table_info("{table}")')}[column]
        value = whole.get(kind, f"coalesce(\"{column}\", '') || 'x'")
        if column in ("fingerprint", "value"):
            value = f"'{_HEX}'"
        raw.execute("PRAGMA ignore_check_constraints = ON")
        keys = [row[1] for row in raw.execute(f'PRAGMA table_info("{table}")') if row[5]]
        first = " AND ".join(
            f'"{key}" = (SELECT "{key}" FROM "{table}" ORDER BY {_ordered(keys)} LIMIT 1)'
            for key in keys
        )
        assert raw.execute(f'UPDATE "{table}" SET "{column}" = {value} WHERE {first}').rowcount == 1
    assert full.verify() != []


def _ordered(keys: list[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)


@pytest.mark.parametrize("table", _RECORDED)
def test_removed_row_is_noticed(table: str, full: Store) -> None:
    """Any table's rows, removed, are missed."""
    _tamper(full, f'DELETE FROM "{table}"')
    assert full.verify() != []


_ADDED = {
    "peer": "INSERT INTO peer VALUES (99, 'eve', 5, 1)",
    "domain": "INSERT INTO domain VALUES ('eve.test', 1, 5)",
    "mx_host": "INSERT INTO mx_host VALUES (1, 'mx.eve.test')",
    "certificate": f"INSERT INTO certificate SELECT '{_HEX}', der, spki, subject, issuer, serial, "
    "names, not_before, not_after, is_ca, self_signed, key_kind, key_bits, curve, signature_hash, "
    "version, problems FROM certificate LIMIT 1",
    "chain": "INSERT INTO chain SELECT fingerprint, 9, fingerprint FROM certificate LIMIT 1",
    "pin": "INSERT INTO pin SELECT 99, 2, fingerprint, 'authority', 5, 'root', NULL, NULL "
    "FROM pin WHERE peer_id = 1",
    "vouch": "INSERT INTO vouch SELECT 99, peer_id, fingerprint, 'Eve', 'phone', '', 5, NULL "
    "FROM vouch LIMIT 1",
    "withdrawal": "INSERT INTO withdrawal VALUES (2, 5, 'root', 'x')",
    "distrust": f"INSERT INTO distrust VALUES ('spki', '{_HEX}', 'x', 5, 'root')",
    "setting": "INSERT INTO setting VALUES ('other', '1')",
    "journal": f"INSERT INTO journal SELECT max(seq) + 1, at, actor, action, subject, details, "
    f"'{_HEX}' FROM journal",
    "target": "INSERT INTO target VALUES (99, '/srv/eve', 'exim')",
    "generation": "INSERT INTO generation VALUES (1, 2, 5, 5, 5, 'x')",
    "current_generation": "INSERT INTO current_generation VALUES (99, 1)",
    "authority": "INSERT INTO authority SELECT 99, 'main', 'issuing', 9, 'file:eve', fingerprint, "
    "NULL, 5, NULL FROM issued LIMIT 1",
    "request": f"INSERT INTO request VALUES ('{_HEX}', 'main', 'Eve', NULL, x'00', 'x', 5, 'root')",
    "issuance": "INSERT INTO issuance SELECT 99, issuer, 'eeee', "
    f"'{_HEX}', profile, 'eve.test', hosts, spki, not_before, not_after, at, by "
    "FROM issuance LIMIT 1",
    "issued": "INSERT INTO issued SELECT 3, fingerprint, 5 FROM authority LIMIT 1",
    "revocation": "INSERT INTO revocation VALUES (2, 5, 'root', 'superseded')",
    "crl": "INSERT INTO crl SELECT issuer, 2, NULL, this_update, next_update, der FROM crl LIMIT 1",
    "next_key": f"INSERT INTO next_key VALUES (99, '{_HEX}', 'main', 'mx1.our.test', 5, 'root')",
    "publication": f"INSERT INTO publication VALUES (99, 'main', 'eve.test', 25, '{_HEX}', 60, 5, "
    "'root')",
    "crossing": "INSERT INTO crossing SELECT 99, peer_id, spki, NULL, permitted, added, at, by "
    "FROM crossing",
    "observation": "INSERT INTO observation SELECT 99, 'mx.eve.test', address, port, protocol, "
    "outcome, fingerprint, peer_id, domain, first_seen, last_seen, times, tls, detail "
    "FROM observation LIMIT 1",
    "testimony": "INSERT INTO testimony SELECT observation_id, 'vantage', 'supports', 'x', 5, 5 "
    "FROM testimony LIMIT 1",
    "announcement": "INSERT INTO announcement SELECT min(id), 5, 0, 5, 'root' FROM pin",
    "announcement_replaces": "INSERT INTO announcement_replaces SELECT pin_id, 1 FROM announcement",
    "inbound": "INSERT INTO inbound VALUES (3, 'offer', 0, 5, 'root')",
    "inbound_network": "INSERT INTO inbound_network SELECT peer_id, '10.0.0.0/8' FROM inbound "
    "LIMIT 1",
    "renewal": "INSERT INTO renewal SELECT 1, predecessor, 5, 'root' FROM renewal",
    "staple": "INSERT INTO staple SELECT 99, issuance_id, 'revoked', this_update, next_update, der "
    "FROM staple LIMIT 1",
}


@pytest.mark.parametrize("table", _RECORDED)
def test_added_row_is_noticed(table: str, full: Store) -> None:
    """Any table's row that nobody recorded is one too many."""
    _tamper(full, _ADDED[table])
    assert full.verify() != []


def test_vouch_that_somebody_slipped_in_would_be_trusted(
    full: Store, pool: tuple[Made, ...]
) -> None:
    """What verifying is for: without it, two such rows make an unvouched pin trusted."""
    before = full.trusted()
    _tamper(
        full,
        *(f"INSERT INTO vouch SELECT {number}, peer_id, fingerprint, '{who}', 'phone', '', 5, NULL "
          "FROM pin WHERE id = 2" for number, who in ((98, "Eve"), (99, "Mallory"))),
    )  # fmt: skip
    assert {one[2] for one in full.trusted() - before} == {pool[0].fingerprint}
    assert [one.split(":")[0] for one in full.verify()] == ["vouch 98", "vouch 99"]


def test_certificate_whose_bytes_are_anothers_is_noticed(
    full: Store, pool: tuple[Made, ...]
) -> None:
    """The fingerprint is of these very bytes, text in their place is not bytes."""
    with full.raw(as_attacker=True) as raw:
        raw.execute("UPDATE certificate SET der = ? WHERE fingerprint = ?",
                    (pool[5].der, pool[0].fingerprint))  # fmt: skip
        raw.execute("UPDATE certificate SET der = 'text' WHERE fingerprint = ?",
                    (pool[1].fingerprint,))  # fmt: skip
    assert sorted(full.verify()) == sorted(
        f"certificate {one.fingerprint}: its bytes are not those of its fingerprint"
        for one in pool[:2]
    )


def test_facts_are_held_to_what_was_read_not_to_what_can_be_read(store: Store) -> None:
    """Facts and their problems altered together show too: who prolongs what could not be read."""
    made = odd.altered(strong(), validity=tlv(0x30, tlv(0x17, b"x"), tlv(0x17, b"y")))
    store.add(addition("foo", made, "foo.test"))
    assert store.verify() == []
    (peer,) = store.ask(lambda c: list(read_peers(c)))
    assert peer.pins[0].certificate.not_after is None
    assert store.trusted() == set()
    _tamper(store, f"UPDATE certificate SET not_before = 1, not_after = {NOW * 2}, problems = '[]'")
    assert len(store.trusted()) == 1
    assert store.verify() == [
        f"certificate {made.fingerprint}: its facts are not those that the journal tells of"
    ]


def test_edited_entry_is_named(full: Store) -> None:
    """The first entry that does not fit is named, whichever of its fields was edited."""
    for column in ("at", "actor", "action", "subject", "details"):
        with full.raw(as_attacker=True) as raw:
            (kept,) = raw.execute(f"SELECT {column} FROM journal WHERE seq = 7").fetchone()
            raw.execute(f"UPDATE journal SET {column} = {column} || ' ' WHERE seq = 7")
        (said,) = full.verify()
        assert said.startswith("entry 7 (")
        assert "does not fit" in said
        with full.raw(as_attacker=True) as raw:
            raw.execute(f"UPDATE journal SET {column} = ? WHERE seq = 7", (kept,))
    assert full.verify() == []


def test_entry_of_bytes_is_named(full: Store) -> None:
    """Bytes in the place of text are no text; verifying says so, it does not fail."""
    with full.raw(as_attacker=True) as raw:
        raw.execute("UPDATE journal SET details = X'ff' WHERE seq = 7")
    (said,) = full.verify()
    assert said.startswith("entry 7 (")


def test_entry_removed_from_the_middle_is_named(full: Store) -> None:
    """A gap in the numbers, and a gap closed by renumbering, both show."""
    _tamper(full, "DELETE FROM journal WHERE seq = 7")
    assert full.verify() == ["entry 7 is missing: entry 8 follows entry 6"]
    _tamper(full, "UPDATE journal SET seq = -seq WHERE seq > 7",
            "UPDATE journal SET seq = -seq - 1 WHERE seq < 0")  # fmt: skip
    (said,) = full.verify()
    assert said.startswith("entry 7 (")


def _rehash(raw: sqlite3.Connection, start: int) -> None:
    """Make the chain whole again from entry ``start`` on, as who knows how it is made can."""
    row = raw.execute("SELECT hash FROM journal WHERE seq = ?", (start - 1,)).fetchone()
    previous = row[0] if row else GENESIS
    query = "SELECT seq, at, actor, action, subject, details FROM journal WHERE seq >= ?"
    for entry in raw.execute(query + " ORDER BY seq", (start,)).fetchall():
        previous = entry_hash(previous, *entry)
        raw.execute("UPDATE journal SET hash = ? WHERE seq = ?", (previous, entry[0]))


def test_rehashed_journal_still_has_to_fit_the_rows(full: Store) -> None:
    """With the chain made whole again, the rows and the journal differ: noticed."""
    with full.raw(as_attacker=True) as raw:
        raw.execute("UPDATE journal SET actor = 'eve' WHERE action = 'pin.add'")
        _rehash(raw, 1)
    said = full.verify()
    assert said
    assert all(one.startswith("pin ") for one in said)


@pytest.mark.parametrize(
    "change",
    [
        "action = 'peer.rename'", "details = '[]'", "details = '{}'", "details = 'x'",
        "at = 'yesterday'", "action = 'domain.unprotect', subject = 'never.test'",
    ],
)  # fmt: skip
def test_rehashed_entry_that_tells_of_what_cannot_be_is_named(change: str, full: Store) -> None:
    """An entry of a kind that trustctl never writes does not fit, whole chain or not."""
    with full.raw(as_attacker=True) as raw:
        raw.execute(f"UPDATE journal SET {change} WHERE seq = 4")
        _rehash(raw, 4)
    (said,) = full.verify()
    assert said.startswith("entry 4 (")
    assert said.endswith("tells of something that cannot be")


def test_cut_tail_is_noticed_by_a_checkpoint_alone(full: Store, foo: Made) -> None:
    """The known limit: a tail that is cut off with its rows leaves a whole, shorter story.

    Whoever kept the journal's head elsewhere (every export does, in its manifest) notices.
    """
    full.add(addition("late", foo, "late.test"))
    checkpoint = Checkpoint(*full.ask(journal.head))
    assert full.ask(lambda c: journal.hash_at(c, checkpoint.seq)) == checkpoint.hash
    _tamper(
        full,
        f"DELETE FROM journal WHERE seq > {checkpoint.seq - 4}",
        "DELETE FROM vouch WHERE peer_id = 5",
        "DELETE FROM pin WHERE peer_id = 5",
        "DELETE FROM domain WHERE peer_id = 5",
        "DELETE FROM peer WHERE id = 5",
        f"DELETE FROM certificate WHERE fingerprint = '{foo.fingerprint}'",
    )
    assert full.verify() == []
    assert full.ask(lambda c: journal.hash_at(c, checkpoint.seq)) is None
    # and the tail that grows anew is not the one that was cut off
    full.add(addition("other", strong("mx.other.test"), "other.test"))
    assert full.ask(journal.head)[0] == checkpoint.seq
    assert full.verify() == []
    assert full.ask(lambda c: journal.hash_at(c, checkpoint.seq)) != checkpoint.hash


def test_findings_are_few_and_in_order(full: Store) -> None:
    """Thousands of bad rows make a hundred lines, always the same ones."""
    with full.raw(as_attacker=True) as raw:
        raw.executemany(
            "INSERT INTO domain VALUES (?, 1, 5)", [(f"eve{n:03}.test",) for n in range(300)]
        )
    said = full.verify()
    assert len(said) == 100
    assert said == sorted(said)


def test_every_action_is_replayed(full: Store) -> None:
    """Unprotecting, rolling back and forgetting a target fit as well."""
    steps: list[Callable[..., object]] = [
        lambda tx: domains.unprotect(tx, "foo.test"),
        lambda tx: generations.record(
            tx, "/etc/exim4", "exim", GenerationRow(2, NOW, NOW, 6, _HEX),
            action="generation.publish",
        ),
        lambda tx: generations.record(
            tx, "/etc/exim4", "exim", GenerationRow(1, NOW, NOW, 5, _HEX),
            action="generation.rollback",
        ),
        lambda tx: generations.forget(tx, "/etc/exim4", "exim"),
    ]  # fmt: skip
    for step in steps:
        with full.writing() as tx:
            step(tx)
        assert full.verify() == []
