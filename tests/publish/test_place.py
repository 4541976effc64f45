"""Where a target keeps what, and what passes for the generation in force."""

from __future__ import annotations

from pathlib import Path

import pytest

from trustctl.publish.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A target without anything in it."""
    root = tmp_path / "trustctl"
    (root / "generations").mkdir(parents=True)
    return Place(tmp_path, "exim", root, None)


@pytest.mark.parametrize("number", [1, 12345678, 123456789])
def test_the_link_names_the_generation_in_force(place: Place, number: int) -> None:
    """As trustctl writes it."""
    place.current.symlink_to(f"generations/{number:08}")
    assert (place.current_number(), place.diverted()) == (number, False)


def test_without_a_link_there_is_none(place: Place) -> None:
    """And nobody put anything else there."""
    assert (place.current_number(), place.diverted()) == (None, False)


@pytest.mark.parametrize(
    "to",
    [
        "generations/1", "generations/00000001/", "./generations/00000001", "00000001",
        "generations/../../tmp/generations/00000001", "../generations/00000001",
        "/etc/exim4/trustctl/generations/00000001", "generations/00000001\n",
        "generations/" + "\u0661" * 8,
        "generations/9999999999999999999999", "nowhere",
    ],
)  # fmt: skip
def test_any_other_link_is_diverted(place: Place, to: str) -> None:
    """A path that could lead elsewhere, or that trustctl would have written otherwise."""
    place.current.symlink_to(to)
    assert (place.current_number(), place.diverted()) == (None, True)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_no_link_is_diverted(place: Place, kind: str) -> None:
    """A file, or a folder that a copy left."""
    if kind == "file":
        place.current.write_bytes(b"generations/00000001")
    else:
        place.current.mkdir()
    assert (place.current_number(), place.diverted()) == (None, True)


def test_generations_are_folders_of_eight_digits(place: Place) -> None:
    """Other names, files and links are none; a new number is higher than anything there."""
    for name in ("00000002", "00000010", "3", "0000000x", "notes"):
        (place.generations / name).mkdir()
    (place.generations / "00000011").write_bytes(b"")
    (place.generations / "00000012").symlink_to("00000002")
    assert place.numbers() == [2, 10]
    assert place.next_number() == 13


def test_a_target_that_is_not_there_has_none(tmp_path: Path) -> None:
    """Nor is a file in its place an error."""
    (tmp_path / "file").write_bytes(b"")
    for root in (tmp_path / "nowhere", tmp_path / "file"):
        place = Place(tmp_path, "pem", root, None)
        assert (place.numbers(), place.current_number(), place.leftovers()) == ([], None, [])
