"""Removes what is no longer needed of what trustctl wrote, and nothing that it did not write."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress

from trustctl.errors import TargetError
from trustctl.publish import manifest
from trustctl.publish.place import Place

KEPT = 5
"""How many generations stay on disk."""


def clean(place: Place) -> None:
    """Remove what killed runs left unfinished; call it under the lock."""
    for one in place.leftovers():
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        else:
            one.unlink(missing_ok=True)
    for number in place.numbers():
        with suppress(OSError):
            os.rmdir(place.folder(number))  # an empty one was being removed


def prune(place: Place, *, keep: int = KEPT) -> None:
    """Remove generations but the newest ``keep`` and the one in force, and the sets that only they
    had. A file that no manifest of ours lists stays."""
    numbers = place.numbers()
    current = place.current_number()
    old = [one for one in numbers[:-keep] if one != current]
    if not old:
        return
    dropped: set[bytes] = set()
    try:
        kept = [number for number in numbers if number not in old]
        first = manifest.read(place.folder(kept[0]))
        for number in old:
            with suppress(TargetError):
                dropped |= manifest.read(place.folder(number)).dropped_in(first)
        for number in kept[1:]:
            dropped -= manifest.read(place.folder(number)).listed(dropped)
    except TargetError:
        dropped = set()  # nobody can tell which sets that one needs
    # the manifests last: killed before, the next run still knows what is to go
    for name in dropped:
        with suppress(FileNotFoundError):
            os.unlink(place.sets / f"{name.decode()}.pem")
    for number in old:
        remove_generation(place, number)


def remove_generation(place: Place, number: int) -> None:
    """Remove a generation's own files, and its folder where nothing else is in it."""
    folder = place.folder(number)
    more: list[str] = []
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
