"""Removes what is no longer needed of what trustctl wrote, and nothing that it did not write."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Set
from contextlib import suppress
from dataclasses import dataclass

from trustctl.errors import TargetError
from trustctl.publish import manifest
from trustctl.publish.manifest import Lines
from trustctl.publish.place import Place

KEPT = 5
"""How many generations stay on disk."""


def clean(place: Place, *, sets: bool = True) -> None:
    """Remove what killed runs left unfinished; call it under the lock. ``sets``: look also in the
    folder of trust sets, where nothing is ever begun."""
    for one in place.leftovers(sets=sets):
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        else:
            one.unlink(missing_ok=True)
    for number in place.numbers():
        with suppress(OSError):
            os.rmdir(place.folder(number))  # an empty one was being removed


@dataclass(frozen=True, slots=True)
class Old:
    """What is to go: generations, each with its CRLs and staples where those are known, and the
    trust sets that only they had."""

    generations: Mapping[int, list[str] | None]
    sets: Set[bytes]


def find_old(
    place: Place, current: int | None, known: Mapping[int, Lines], *, keep: int = KEPT
) -> Old:
    """All generations but the newest ``keep`` and the one in force. A set that no manifest of ours
    lists stays.

    Args:
        current: the generation in force, or about to be. known: manifests that need not be read.
    """
    numbers = sorted({*place.numbers(), *known})
    kept = [one for one in numbers if one in numbers[-keep:] or one == current]
    old: dict[int, list[str] | None] = {one: None for one in numbers if one not in kept}
    dropped: set[bytes] = set()

    def of(number: int) -> Lines:
        return known[number] if number in known else manifest.glance(place.folder(number))

    if not old:
        return Old(old, dropped)
    try:
        first = of(kept[0])
        for number in old:
            with suppress(TargetError):
                gone = of(number)
                old[number] = list(gone.more())
                dropped |= gone.dropped_in(first)
        for number in kept[1:]:
            dropped -= of(number).listed(dropped)
    except TargetError:
        dropped = set()  # nobody can tell which sets that one needs
    return Old(old, dropped)


def remove_old(place: Place, old: Old) -> None:
    """Remove what :func:`find_old` found."""
    # the manifests last: killed before, the next run still knows what is to go
    for name in old.sets:
        with suppress(FileNotFoundError):
            os.unlink(place.sets / f"{name.decode()}.pem")
    for number, more in old.generations.items():
        remove_generation(place, number, more)


def remove_generation(place: Place, number: int, more: list[str] | None = None) -> None:
    """Remove a generation's own files, and its folder where nothing else is in it.

    Args:
        more: its CRLs and staples, where they are known.
    """
    folder = place.folder(number)
    if more is None:
        more = []
        with suppress(TargetError):
            more = list(manifest.read(folder).more())
    for name in more:
        with suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(folder / name)
    for name in reversed(manifest.folders(more)):
        with suppress(OSError):
            os.rmdir(folder / name)
    for name in (*place.own_files, manifest.NAME):
        with suppress(FileNotFoundError):
            os.unlink(folder / name)
    with suppress(OSError):
        os.rmdir(folder)
