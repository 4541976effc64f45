"""Earlier generations: listed, brought back, and all of them removed again."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path

from trustctl import files
from trustctl.errors import TargetError
from trustctl.export.exim_server import FOLDER
from trustctl.facts.target import FileProblem, Stored
from trustctl.publish import configuration, manifest, postfix_receiving
from trustctl.publish.inspect import diversion, is_ours, is_whole, scan, verify
from trustctl.publish.place import BUNDLE, NOBODY, Place
from trustctl.publish.planning import last_generation
from trustctl.publish.removal import clean, remove_generation
from trustctl.publish.store import refuse_edited


def generations(place: Place) -> list[Stored]:
    """The whole generations on disk, oldest first."""
    found = []
    for number in place.numbers():
        with suppress(TargetError):
            found.append(manifest.read(place.folder(number)).stored)
    return found


def serves(place: Place) -> bool:
    """Whether the mail server's configuration asks the generation in force who may send."""
    if place.is_exim:
        return configuration.serves(place.directory)
    return place.format == "postfix" and postfix_receiving.serves(place.root)


def rollback(place: Place, number: int | None, *, force: bool = False) -> Stored:
    """Put an earlier generation in force again; it is read whole and compared first.

    Args:
        number: which; None for the one before the current one.

    Raises:
        TargetError: there is none, it is not whole, or the current files were edited by hand.
    """
    with files.explained(place.root):
        current = place.current_number()
        refuse_edited(diversion(place), force=False)
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
    with files.explained(place.directory), files.locked(place.lock):
        wanted = manifest.read(place.folder(number))
        problems = [one for one in verify(place, wanted) if place.published != Path(one.path)]
        if problems:
            raise TargetError(
                f"generation {number} is not whole: {problems[0].path}: {problems[0].detail}",
                "export anew: trustctl export",
            )
        edited = [one for one in scan(place, last_generation(place)) if one.kind == "edited"]
        refuse_edited(edited, force=force)
        if serves(place) and not (place.folder(number) / FOLDER).is_dir():
            raise TargetError(
                f"generation {number} does not say who may send as which domain, and the mail "
                "server asks it: all mail from outside would be put off",
                "trustctl set PEER --inbound off, for each; export --reload; then again",
            )
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
    with files.explained(place.root):
        edited = diversion(place)
        for number in place.numbers():
            try:
                found = manifest.read(place.folder(number))
            except TargetError as error:
                if not os.listdir(place.folder(number)):
                    continue  # a killed run was removing it
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
    if not place.exists:
        return []
    names = refuse_removal(place, force=force)
    with files.explained(place.directory), files.locked(place.lock):
        clean(place)
        if place.published is not None:
            _restore(place, place.published)
        if place.current.is_symlink():
            os.unlink(place.current)
        # the manifests last: killed before, the next run still knows what is to go
        for name in (names | _orphans(place)) if place.is_exim else ():
            with suppress(FileNotFoundError, IsADirectoryError):
                os.unlink(place.sets / f"{name.decode()}.pem")
        for number in place.numbers():
            remove_generation(place, number)
        for file in (*([place.root / NOBODY] if place.is_exim else []), place.lock):
            with suppress(FileNotFoundError):
                os.unlink(file)
    snippets = [place.root / "snippets"] if place.is_exim else []
    for folder in (*snippets, *reversed(place.folders)):
        with suppress(OSError):
            os.rmdir(folder)
    left: list[str] = []
    for folder_name, folders, names_left in os.walk(place.folders[0]):
        links = [one for one in folders if os.path.islink(os.path.join(folder_name, one))]
        left += [os.path.join(folder_name, one) for one in (*names_left, *links)]
    return sorted(left)


def _orphans(place: Place) -> set[bytes]:
    """Sets that no manifest lists: a killed export's, and those of a damaged manifest. What bears
    the name of its own content's hash is ours."""
    try:
        names = os.listdir(place.sets)
    except (FileNotFoundError, NotADirectoryError):
        return set()
    return {
        name[:64].encode()
        for name in names
        if name[64:] == ".pem" and is_whole(place.sets / name, name[:64])
    }


def _restore(place: Place, published: Path) -> None:
    """Put the original back where our bundle stands; what is not ours stays."""
    original = place.original
    if place.current_number() is None and not is_ours(place, published):
        # a first export killed between keeping it and replacing it has left two of it
        if original.exists() and is_whole(published, _digest(original)):
            original.unlink()
    elif original.exists():
        info = original.stat()
        files.replace(
            published,
            original.read_bytes(),
            mode=stat.S_IMODE(info.st_mode),
            group=info.st_gid,
            owner=info.st_uid,
        )
        original.unlink()
    else:
        with suppress(FileNotFoundError):
            os.unlink(published)
            files.sync(published.parent)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
