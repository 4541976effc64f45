"""Earlier generations: listed, brought back, and all of them removed again."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from trustctl import files
from trustctl.errors import TargetError
from trustctl.facts.target import FileProblem, Stored
from trustctl.publish import manifest
from trustctl.publish.inspect import scan, verify
from trustctl.publish.place import BUNDLE, NOBODY, Place
from trustctl.publish.store import clean, last_generation, refuse_edited, remove_generation


def generations(place: Place) -> list[Stored]:
    """The whole generations on disk, oldest first."""
    found = []
    for number in place.numbers():
        with suppress(TargetError):
            found.append(manifest.read(place.folder(number)).stored)
    return found


def rollback(place: Place, number: int | None, *, force: bool = False) -> Stored:
    """Put an earlier generation in force again; it is read whole and compared first.

    Args:
        number: which; None for the one before the current one.

    Raises:
        TargetError: there is none, it is not whole, or the current files were edited by hand.
    """
    current = place.current_number()
    if current is None:
        raise TargetError(f"{place.directory} has no generation", "trustctl export writes one")
    if number is None:
        earlier = [one for one in place.numbers() if one < current]
        if not earlier:
            raise TargetError(f"{place.directory} has no earlier generation than {current}")
        number = earlier[-1]
    if number not in place.numbers():
        raise TargetError(
            f"{place.directory} has no generation {number}", "trustctl generations lists them"
        )
    with files.explained(place.directory), files.locked(place.root / "lock"):
        wanted = manifest.read(place.folder(number))
        problems = [one for one in verify(place, wanted) if place.published != Path(one.path)]
        if problems:
            raise TargetError(
                f"generation {number} is not whole: {problems[0].path}: {problems[0].detail}",
                "export anew: trustctl export",
            )
        edited = [one for one in scan(place, last_generation(place)) if one.kind != "missing"]
        refuse_edited(edited, force=force)
        clean(place)
        if place.published is not None:
            content = (place.folder(number) / BUNDLE).read_bytes()
            files.replace(place.published, content, mode=place.file_mode, group=None)
        files.point(place.current, f"generations/{number:08}")
    return wanted.stored


def refuse_removal(place: Place, *, force: bool) -> set[bytes]:
    """Refuse to remove what was edited by hand; the hashes that name all trust sets otherwise.

    Raises:
        TargetError: something was edited, and ``force`` was not given.
    """
    names: set[bytes] = set()
    edited: list[FileProblem] = []
    for number in place.numbers():
        try:
            found = manifest.read(place.folder(number))
        except TargetError as error:
            edited.append(FileProblem(str(place.folder(number)), "manifest", error.message))
            continue
        names |= found.set_names()
        edited += [one for one in verify(place, found) if one.kind == "edited"]
    refuse_edited(edited, force=force)
    return names


def remove(place: Place, *, force: bool = False) -> list[str]:
    """Remove all that trustctl wrote at the target, and nothing else.

    Returns:
        What was left because trustctl did not write it.

    Raises:
        TargetError: files were edited by hand, and ``force`` was not given.
    """
    if not place.root.is_dir():
        return []
    names = refuse_removal(place, force=force)
    with files.explained(place.directory), files.locked(place.root / "lock"):
        clean(place)
        if place.published is not None and place.current_number() is not None:
            _restore(place, place.published)
        with suppress(FileNotFoundError):
            os.unlink(place.current)
        for number in place.numbers():
            remove_generation(place, number)
        for name in names:
            with suppress(FileNotFoundError):
                os.unlink(place.sets / f"{name.decode()}.pem")
        for file in (NOBODY, "lock"):
            with suppress(FileNotFoundError):
                os.unlink(place.root / file)
    for folder in (place.sets, place.generations, place.root):
        with suppress(OSError):
            os.rmdir(folder)
    left: list[str] = []
    for folder_name, _folders, names_left in os.walk(place.root):
        left += [os.path.join(folder_name, one) for one in names_left]
    return sorted(left)


def _restore(place: Place, published: Path) -> None:
    if place.original.exists():
        content = place.original.read_bytes()
        files.replace(published, content, mode=place.file_mode, group=None)
        os.unlink(place.original)
    else:
        with suppress(FileNotFoundError):
            os.unlink(published)
            files.sync(published.parent)
