"""What goes by itself: old generations, and what killed exports left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.publish.targets import Target, certificate
from trustctl.publish.removal import find_old, remove_old


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """An Exim's folder that is not there yet."""
    return Target(tmp_path)


def test_old_generations_go(target: Target) -> None:
    """Five stay, and with them the sets that they need; others go."""
    for number in range(8):
        target.export(target.peer("foo", number))
    assert target.place.numbers() == [4, 5, 6, 7, 8]
    assert len(target.sets()) == 5
    assert target.problems() == []


def test_the_generation_in_force_stays(target: Target) -> None:
    """However old it is."""
    for number in range(7):
        target.export(target.peer("foo", number))
    os.unlink(target.place.current)
    target.place.current.symlink_to("generations/00000003")
    remove_old(target.place, find_old(target.place, target.place.current_number(), {}, keep=2))
    assert target.place.numbers() == [3, 6, 7]
    assert target.problems() == []


def test_pruning_leaves_what_others_put_there(target: Target) -> None:
    """A file in an old generation's folder or among the sets is not ours to remove."""
    target.export(target.peer("foo", 0))
    mine = [target.place.folder(1) / "notes.txt", target.place.sets / "mine.pem"]
    for one in mine:
        one.write_bytes(b"mine")
    for number in range(1, 8):
        target.export(target.peer("foo", number))
    assert [one.read_bytes() for one in mine] == [b"mine", b"mine"]
    assert not (target.place.folder(1) / "manifest").exists()


def test_an_unreadable_generation_does_not_stop_pruning_with_an_error(target: Target) -> None:
    """What was put in force is in force: an old, damaged manifest makes no failure of it, and the
    sets that it may need stay."""
    for number in range(5):
        target.export(target.peer("foo", number))
    (target.place.folder(4) / "manifest").write_bytes(b"damaged")
    done = target.export(target.peer("foo", 50))
    assert done is not None
    assert target.place.current_number() == done.stored.number == 6
    assert len(target.sets()) == 6


def test_leftovers_of_a_killed_export_are_swept(target: Target) -> None:
    """Its unfinished folder and files go with the next export; certificates stay what they are."""
    target.export(target.peer("foo", 1))
    scratch = target.place.generations / ".trustctl-tmp-00000002"
    scratch.mkdir()
    (scratch / "peers.cdb").write_bytes(b"half")
    (target.place.root / ".trustctl-tmp-nobody.pem-999999999").write_bytes(b"half")
    target.export(target.peer("foo", 2))
    assert not target.place.leftovers()
    assert target.place.current_number() == 2
    assert certificate(2).fingerprint.upper() in target.entries()["foo.test"]
