"""The journal: one entry for each change, each hash over the one before, one text for one value."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.certs import Made
from tests.inventory.store import BOB, NOW, Store, addition
from trustctl.facts.moment import parse_stamp
from trustctl.inventory import journal, pins
from trustctl.inventory.canonical import canonical
from trustctl.inventory.journal import GENESIS
from trustctl.inventory.transaction import WriteTransaction


def test_hash_is_over_the_previous_hash_the_head_and_the_details(full: Store) -> None:
    """Anybody can check the chain with a few lines: SHA-256 over three lines, as documented."""
    previous = "0" * 64
    for number, one in enumerate(full.journal(), 1):
        assert one.seq == number
        head = json.dumps([one.seq, one.at, one.actor, one.action, one.subject],
                          separators=(",", ":"), sort_keys=True)  # fmt: skip
        text = f"{previous}\n{head}\n{one.details}"
        assert one.hash == hashlib.sha256(text.encode("ascii")).hexdigest()
        previous = one.hash
    assert full.ask(journal.head) == (number, previous)


def test_details_are_canonical(full: Store) -> None:
    """Each entry's details are the one text of their value: sorted, no spaces, ASCII."""
    for one in full.journal():
        value = json.loads(one.details)
        assert isinstance(value, dict)
        assert one.details == canonical(value)
        assert one.details.isascii()
        assert " " not in json.dumps(list(value), separators=(",", ":"))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(_JSON)
def test_canonical_text_is_one_for_one_value(value: object) -> None:
    """Whatever the value: it reads back the same, in ASCII on one line, in any order of keys."""
    text = canonical(value)
    assert json.loads(text) == value
    assert text.isascii()
    assert "\n" not in text
    if isinstance(value, dict):
        assert canonical(dict(reversed(value.items()))) == text


def test_entry_says_who_and_when(store: Store, foo: Made) -> None:
    """The actor and the moment of the call, in UTC, are the entry's."""
    store.add(addition("foo", foo, "foo.test"), now=NOW - 5)
    with store.writing(actor="ann") as tx:
        pins.retire(tx, store.pin("foo"), "lost")
    first, last = store.journal()[0], store.journal()[-1]
    assert (first.actor, first.at) == ("root", "2030-03-17T17:46:35Z")
    assert (last.actor, parse_stamp(last.at)) == ("ann", NOW)
    assert (last.action, last.subject) == ("pin.retire", foo.fingerprint)
    assert json.loads(last.details) == {"peer": "foo", "pin": 1, "reason": "lost"}


def test_entries_and_changes_stand_or_fall_together(store: Store, foo: Made) -> None:
    """A transaction that is given up leaves neither rows nor entries, and the chain goes on."""
    store.add(addition("foo", foo, "foo.test"))
    before = store.journal()

    def step(tx: WriteTransaction) -> None:
        pins.retire(tx, store.pin("foo"), "lost")
        assert tx.changes == 1
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.change(step)
    assert store.journal() == before
    assert store.pin("foo").retired_at is None
    with store.writing() as tx:
        pins.retire(tx, store.pin("foo"), "lost")
    assert [one.seq for one in store.journal()] == list(range(1, len(before) + 2))
    assert store.verify() == []


def test_write_that_changes_nothing_has_no_entry(store: Store, foo: Made) -> None:
    """No change, no entry: the head stays."""
    store.add(addition("foo", foo, "foo.test"))
    before = store.ask(journal.head)
    with store.writing():
        pass
    assert store.ask(journal.head) == before


def test_long_transaction_keeps_its_chain(store: Store) -> None:
    """More entries than are written at once are one chain."""
    with store.writing() as tx:
        for number in range(12_000):
            tx.record("setting.set", "x", {"value": str(number)})
    assert len(store.journal()) == 12_000
    assert [one.seq for one in store.journal(newest=3)] == [11_998, 11_999, 12_000]
    assert store.verify() == ["setting x: the journal tells of it, the inventory has it not"]


def test_head_of_an_empty_journal_is_the_genesis(store: Store) -> None:
    """Before the first entry: number 0 and sixty-four zeros."""
    with store.writing():
        pass
    assert store.ask(journal.head) == (0, GENESIS)
    assert store.ask(lambda c: journal.hash_at(c, 0)) == GENESIS
    assert store.ask(lambda c: journal.hash_at(c, 1)) is None


def test_entries_about_a_name_are_about_that_name(store: Store, pool: tuple[Made, ...]) -> None:
    """By peer, domain or fingerprint; no wildcard, no part of a name, no key of the record."""
    store.add(
        addition("a_b", pool[0], "ab.test", vouches=(BOB,)),
        addition("axb", pool[1], "axb.test", vouches=()),
    )
    assert {one.subject for one in store.journal(subject="a_b")} == {
        "a_b", "ab.test", pool[0].fingerprint,
    }  # fmt: skip
    assert [one.action for one in store.journal(subject="axb.test")] == ["domain.protect"]
    assert [one.action for one in store.journal(subject=pool[1].fingerprint)] == ["pin.add"]
    for nothing in ("%", "a%", "b.test", "peer", "A_B"):
        assert store.journal(subject=nothing) == []
    newest = store.journal(subject="a_b", newest=2)
    assert [one.action for one in newest] == ["pin.add", "vouch.add"]


def test_entry_about_an_issuer_is_found(full: Store, issued: tuple[Made, Made, Made]) -> None:
    """A certificate that was only ever part of a chain has its entry too."""
    found = full.journal(subject=issued[2].fingerprint)
    assert [one.action for one in found] == ["chain.set"]
