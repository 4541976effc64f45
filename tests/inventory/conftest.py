"""Fixtures of the inventory's tests."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import certs
from tests.inventory.ca_rows import add_ca
from tests.inventory.inbound_rows import add_inbound
from tests.inventory.store import BOB, LONG, NOW, Store, addition, strong
from tests.inventory.wire_rows import add_wire
from trustctl.facts.addition import NewVouch
from trustctl.inventory import dane, distrusts, generations, pins, settings, vouches
from trustctl.inventory.generations import GenerationRow


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An inventory that is not there yet, in a folder that is not there yet."""
    return Store(tmp_path / "inventory" / "trustctl.db")


@pytest.fixture(scope="session")
def pool() -> tuple[certs.Made, ...]:
    """Eight peers' certificates, valid at ``NOW``."""
    return tuple(strong(f"mx.peer{number}.test") for number in range(8))


@pytest.fixture(scope="session")
def issued() -> tuple[certs.Made, certs.Made, certs.Made]:
    """A leaf, its intermediate and its root, valid at ``NOW``."""
    begins = NOW - certs.DAY
    root = certs.authority("Foo root", days=LONG, not_before=begins)
    middle = certs.issue(root, (), ca=True, subject="Foo middle", days=LONG, not_before=begins)
    return certs.issue(middle, "mx.foo.test", days=LONG, not_before=begins), middle, root


@pytest.fixture(scope="session")
def _full(
    tmp_path_factory: pytest.TempPathFactory,
    pool: tuple[certs.Made, ...],
    issued: tuple[certs.Made, certs.Made, certs.Made],
) -> Path:
    store = Store(tmp_path_factory.mktemp("full") / "trustctl.db")
    leaf, middle, root = issued
    expiring = NewVouch("Ann", "phone", "", NOW + 500)
    store.add(
        addition("foo", leaf, "foo.test", "xn--mller-kva.test", chain=(middle, root),
                 mx_hosts=("mx.foo.test",), vouches=(expiring, BOB)),
        addition("bar", pool[0], "bar.test"),
        addition("bar", pool[1], vouches=()),
        addition("baz", pool[2], "baz.test", role="authority"),
        now=NOW - 1000,
    )  # fmt: skip
    with store.writing() as tx:
        pins.retire(tx, pins.find(tx.connection, pool[1].fingerprint)[0], "lost")
        vouches.withdraw(tx, pins.find(tx.connection, "foo")[0], "Ann", "misheard")
        distrusts.add(tx, "fingerprint", pool[3].fingerprint, "stolen")
        distrusts.add(tx, "spki", pool[2].spki, "stolen too")
        settings.change(tx, "vouches_required", "2")
    with store.writing() as tx:
        row = GenerationRow(1, NOW, NOW, 5, "ab" * 32)
        generations.record(tx, "/etc/exim4", "exim", row, action="generation.publish")
    add_ca(store)
    with store.writing() as tx:
        dane.add_next_key(tx, "main", "mx1.our.test", "cd" * 32)
        dane.publish(tx, "main", "mx1.our.test", 25, 3600, "cd" * 32)
    add_wire(store)
    add_inbound(store)
    return store.path


@pytest.fixture
def full(store: Store, _full: Path) -> Store:
    """An inventory that has a row at least in every table, and for every action an entry."""
    store.path.parent.mkdir(mode=0o700)
    shutil.copy(_full, store.path)
    return store


@pytest.fixture
def raw(full: Store) -> Iterator[sqlite3.Connection]:
    """A full inventory as any other program opens it, its references on."""
    with full.raw() as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection
