"""An Exim's own key and certificate: placed as one, swapped as one, taken out again as one.

``DIR/exim.key``, ``DIR/exim.crt`` and its staple ``DIR/exim.ocsp`` lead through one link,
``trustctl-host/current``, to a folder that holds all of them. One rename puts the next in force.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from trustctl import files
from trustctl.errors import TargetError
from trustctl.publish.home import CERTIFICATE, CLIENT, FOLDER, KEY, ROOT, STAPLE, Home

_NAMES = (KEY, CERTIFICATE, STAPLE)
_KEPT, _BEFORE, _NEXT = ".before-trustctl", "before", "next-"


@contextmanager
def opened(home: Home) -> Iterator[None]:
    """Look whether Exim's pair can be placed there, and let nobody else do so meanwhile.

    Raises:
        TargetError: the folder is not one to write keys to, or what stands there is no file.
    """
    files.refuse_unsafe(home.directory)
    for name in _NAMES:
        _refuse_odd(home, name)
    with files.explained(home.root):
        files.make_folder(home.root, mode=home.folder_mode, group=home.group)
        files.refuse_unsafe(home.root)
    try:
        with files.explained(home.root), files.locked(home.root / "lock"):
            _clean(home)
            yield
    finally:
        if not os.path.lexists(home.current) and not _folders(home, _NEXT):
            _remove_root(home)


def _refuse_odd(home: Home, name: str) -> None:
    """Refuse what is no file, and a file that somebody put in the place of our link by hand."""
    path, kept = home.directory / name, home.directory / f"{name}{_KEPT}"
    with files.explained(path):
        if not os.path.lexists(path):
            return
        info = os.lstat(path)
        if not (stat.S_ISREG(info.st_mode) or stat.S_ISLNK(info.st_mode)):
            raise TargetError(f"{path} is not a file", "move it away")
        if _is_ours(home, name) or not os.path.lexists(kept):
            return
        if not os.path.samestat(os.lstat(kept), info):
            raise TargetError(
                f"{path} was replaced by hand, and {kept} is there still; nothing was issued",
                "look at both, and move one away",
            )


def _clean(home: Home) -> None:
    """Remove what killed runs left: half-written links, and pairs that never were in force."""
    _sweep(home)
    current = home.number()
    for one in _folders(home):
        if one.name != current:
            shutil.rmtree(one)


def _sweep(home: Home) -> None:
    for folder in (home.directory, home.root):
        for one in files.leftovers(folder):
            if one.is_dir() and not one.is_symlink():
                shutil.rmtree(one)
            else:
                one.unlink(missing_ok=True)


def _folders(home: Home, prefix: str | None = None) -> list[Path]:
    try:
        names = sorted(os.listdir(home.root))
    except FileNotFoundError:
        return []
    if prefix is None:
        return [home.root / one for one in names if FOLDER.fullmatch(one)]
    return [home.root / one for one in names if one.startswith(prefix)]


def left_key(home: Home, host: str) -> Path | None:
    """The key for this host that a killed run left without its certificate."""
    path = home.root / f"{_NEXT}{host}" / KEY
    return path if path.is_file() and not path.is_symlink() else None


def stage(home: Home, host: str, key: bytes) -> None:
    """Write the next pair's key, so that no kill can lose it once it is certified."""
    folder = home.root / f"{_NEXT}{host}"
    with files.explained(folder):
        if os.path.lexists(folder):
            shutil.rmtree(folder)
        files.make_folder(folder, mode=home.folder_mode, group=home.group)
        files.create(folder / KEY, [key], mode=home.key_mode, group=home.group)
        files.sync_tree(folder, [folder / KEY, folder])


def discard(home: Home, host: str) -> None:
    """Forget the next pair: nothing was signed for its key."""
    shutil.rmtree(home.root / f"{_NEXT}{host}", ignore_errors=True)


def place(
    home: Home,
    host: str,
    fingerprint: str,
    certificate: bytes,
    staple: bytes | None = None,
    *,
    client: bool = False,
) -> str | None:
    """Put the staged key and its certificate in force, as one.

    At each moment between, also after a kill, exim.key and exim.crt are the pair before or this
    one. What stood there before the first time is kept beside it (``*.before-trustctl``).

    Args:
        certificate: the host's, and the chain above it, in PEM. staple: an OCSP response about it,
            in DER: Exim offers no TLS with one about another certificate. client: whether our
            transports present it to hosts that ask.

    Returns:
        What was in force before, for :func:`restore`.
    """
    folder, final = home.root / f"{_NEXT}{host}", home.root / fingerprint
    with files.explained(home.root):
        paths = []
        sign = b"" if client else None
        for name, content in ((CERTIFICATE, certificate), (STAPLE, staple), (CLIENT, sign)):
            path = folder / name
            with suppress(FileNotFoundError):
                path.unlink()
            if content is not None:
                files.create(path, [content], mode=0o644, group=home.group)
                paths.append(path)
        files.sync_tree(folder, [*paths, folder])
        os.rename(folder, final)
        files.sync(home.root)
        before = home.number()
        try:
            _adopt(home, final.name)
            files.point(home.current, final.name)
        except BaseException:
            restore(home, before)
            raise
    return before


def _adopt(home: Home, first: str) -> None:
    """Let exim.key and exim.crt lead to us; what they say stays the same meanwhile.

    Args:
        first: the folder to lead to where nothing stood there.
    """
    foreign = [one for one in _NAMES if not _is_ours(home, one)]
    if not foreign:
        return
    standing = [one for one in foreign if os.path.lexists(home.directory / one)]
    if home.number() is None:
        before = home.root / _BEFORE
        if standing:
            files.make_folder(before, mode=home.folder_mode, group=home.group)
        for name in standing:
            with suppress(FileExistsError):
                os.symlink(f"../../{name}{_KEPT}", before / name)
    for name in standing:
        place, kept = home.directory / name, home.directory / f"{name}{_KEPT}"
        with suppress(FileExistsError):
            os.link(place, kept, follow_symlinks=False)
    files.sync(home.directory)
    if home.number() is None:
        files.point(home.current, _BEFORE if standing else first)
    for name in foreign:
        files.point(home.directory / name, f"{ROOT}/current/{name}")


def _is_ours(home: Home, name: str) -> bool:
    try:
        return os.readlink(home.directory / name) == f"{ROOT}/current/{name}"
    except OSError:
        return False


def restore(home: Home, before: str | None) -> None:
    """Bring back what was in force, as :func:`place` returned it."""
    if before is None or before == _BEFORE:
        _take_out(home)
    else:
        files.point(home.current, before)


def put_staple(home: Home, staple: bytes | None) -> bool:
    """Put the next OCSP response beside the certificate in force, or take away one that has ended.

    Returns:
        Whether there was anything to do.
    """
    key = home.key_in_force()
    if key is None:
        return False
    path = key.with_name(STAPLE)
    with files.explained(path):
        there = path.read_bytes() if path.is_file() else None
        if there == staple:
            return False
        if staple is None:
            path.unlink()
        else:
            files.replace(path, staple, mode=0o644, group=home.group)
    return True


def undo(home: Home, host: str, before: str | None) -> None:
    """Bring back what was in force; the key of the pair that was placed is the host's next one."""
    placed = home.root / str(home.number())
    with files.explained(home.root):
        restore(home, before)
        os.rename(placed, home.root / f"{_NEXT}{host}")


def prune(home: Home) -> None:
    """Remove the pairs that are no longer in force."""
    with files.explained(home.root):
        _clean(home)


def remove(home: Home) -> list[str]:
    """Leave Exim with what it had before the first time; the keys that we placed are deleted.

    Returns:
        What was left because somebody put it there by hand.

    Raises:
        TargetError: what is there is not as we left it, or cannot be removed.
    """
    with files.explained(home.root), files.locked(home.root / "lock"):
        home.number()
        left = [
            str(home.directory / one)
            for one in _NAMES
            if os.path.lexists(home.directory / one) and not _is_ours(home, one)
        ]
        _sweep(home)
        _take_out(home)
        kept = [str(home.directory / f"{one}{_KEPT}") for one in _NAMES]
        left += [one for one in kept if os.path.lexists(one)]
        for one in [*_folders(home), *_folders(home, _NEXT)]:
            shutil.rmtree(one)
    _remove_root(home)
    return left


def _take_out(home: Home) -> None:
    """Back to what stood there, with a pair at each moment; nothing is lost where it is killed."""
    before = home.root / _BEFORE
    if before.is_dir():
        files.point(home.current, _BEFORE)
    for name in _NAMES:
        place, kept = home.directory / name, home.directory / f"{name}{_KEPT}"
        if os.path.lexists(kept) and (_is_ours(home, name) or not os.path.lexists(place)):
            os.rename(kept, place)
        elif os.path.lexists(kept) and os.path.samestat(os.lstat(kept), os.lstat(place)):
            kept.unlink()
        elif _is_ours(home, name):
            place.unlink()
    files.sync(home.directory)
    for one in (home.current, *(before / name for name in _NAMES)):
        with suppress(FileNotFoundError):
            one.unlink()
    with suppress(OSError):
        before.rmdir()


def _remove_root(home: Home) -> None:
    with suppress(FileNotFoundError):
        os.unlink(home.root / "lock")
    with suppress(OSError):
        home.root.rmdir()
