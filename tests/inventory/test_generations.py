"""What was exported where: recorded once it lies on disk."""

from __future__ import annotations

import dataclasses
from functools import partial

from tests.inventory.store import NOW, Store
from trustctl.facts.compiled import Checkpoint
from trustctl.facts.target import Stored
from trustctl.inventory import generations
from trustctl.inventory.generations import GenerationRow, TargetRef

ONE = GenerationRow(1, NOW, NOW, 4, "ab" * 32)
TWO = GenerationRow(2, NOW + 9, NOW + 8, 5, "cd" * 32)


def _record(
    store: Store,
    row: GenerationRow,
    path: str = "/etc/exim4",
    kind: str = "exim",
    *,
    way: str = "publish",
) -> None:
    with store.writing() as tx:
        generations.record(tx, path, kind, row, action=f"generation.{way}")


def test_generation_on_disk_is_what_is_recorded() -> None:
    """The row is the manifest's facts: number, times, checkpoint and hash."""
    stored = Stored(2, NOW + 9, NOW + 8, Checkpoint(5, "ef" * 32), "cd" * 32, 7, 8)
    assert generations.row_of(stored) == TWO


def test_published_generation_is_current(store: Store) -> None:
    """Each target has its own, the last one published is in force."""
    _record(store, ONE)
    _record(store, TWO)
    _record(store, ONE, "/srv", "pem")
    _record(store, ONE, "/srv", "exim")
    assert store.ask(generations.targets) == [
        TargetRef(1, "/etc/exim4", "exim", 2),
        TargetRef(3, "/srv", "exim", 1),
        TargetRef(2, "/srv", "pem", 1),
    ]
    assert store.ask(lambda c: generations.generations(c, 1)) == [ONE, TWO]
    assert store.ask(lambda c: generations.is_recorded(c, "/etc/exim4", "exim", TWO))
    for path, kind, row in (
        ("/etc/exim4", "exim", ONE),
        ("/etc/exim4", "pem", TWO),
        ("/etc", "exim", TWO),
        ("/etc/exim4", "exim", dataclasses.replace(TWO, manifest_sha256="00")),
    ):
        question = partial(generations.is_recorded, path=path, format_name=kind, row=row)
        assert not store.ask(question)
    assert store.verify() == []


def test_same_generation_is_recorded_once(store: Store) -> None:
    """An export that finds everything recorded leaves no entry."""
    _record(store, ONE)
    _record(store, ONE)
    assert len(store.journal()) == 1


def test_rolled_back_generation_is_current_again(store: Store) -> None:
    """The older one is in force, the newer one is kept."""
    _record(store, ONE)
    _record(store, TWO)
    _record(store, ONE, way="rollback")
    assert [one.current for one in store.ask(generations.targets)] == [1]
    assert len(store.ask(lambda c: generations.generations(c, 1))) == 2
    assert store.journal()[-1].action == "generation.rollback"
    assert store.verify() == []


def test_number_that_was_written_anew_replaces_its_row(store: Store) -> None:
    """Where a target was emptied by hand, its numbers begin again: the row is the new one's."""
    _record(store, ONE)
    anew = dataclasses.replace(ONE, manifest_sha256="ee" * 32, journal_seq=9)
    _record(store, anew)
    assert store.ask(lambda c: generations.generations(c, 1)) == [anew]
    assert store.verify() == []


def test_forgotten_target_is_gone_and_may_come_back(store: Store) -> None:
    """Uninstalled: nothing is recorded of it any more, and the others stay."""
    _record(store, ONE)
    _record(store, ONE, "/srv", "pem")
    with store.writing() as tx:
        assert generations.forget(tx, "/etc/exim4", "exim")
        assert not generations.forget(tx, "/etc/exim4", "exim")
        assert not generations.forget(tx, "/srv", "exim")
    assert [one.path for one in store.ask(generations.targets)] == ["/srv"]
    assert store.verify() == []
    _record(store, TWO)
    assert store.ask(lambda c: generations.is_recorded(c, "/etc/exim4", "exim", TWO))
    assert store.verify() == []
