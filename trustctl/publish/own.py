"""An Exim's own key and certificate: placed as one, swapped as one, taken out again as one.

``DIR/exim.key`` and ``DIR/exim.crt`` lead through one link, ``trustctl-host/current``, to a folder
that holds both and never changes. One rename puts the next pair in force.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from trustctl import files
from trustctl.errors import NotEnforcedError, TargetError
from trustctl.publish import configuration
from trustctl.publish.mta import attempt, binary, reload, run

ROOT, KEY, CERTIFICATE = "trustctl-host", "exim.key", "exim.crt"
_NAMES = (KEY, CERTIFICATE)
_KEPT = ".before-trustctl"
_BEFORE = "before"
_FOLDER = re.compile(r"[0-9a-f]{32}")
_NEXT = "next-"
_LIVE = Path("/etc/exim4")


@dataclass(frozen=True, slots=True)
class Home:
    """Where an Exim's own pair lies.

    Attributes:
        directory: the folder of exim.key and exim.crt, absolute.
        group: who reads the key besides its owner (``debian.exim_group``); None for nobody.
    """

    directory: Path
    group: int | None

    @property
    def root(self) -> Path:
        """The folder with everything of ours."""
        return self.directory / ROOT

    @property
    def current(self) -> Path:
        """The link to the pair in force."""
        return self.root / "current"

    @property
    def key_mode(self) -> int:
        """The mode of keys."""
        return 0o600 if self.group is None else 0o640

    @property
    def folder_mode(self) -> int:
        """The mode of folders."""
        return 0o700 if self.group is None else 0o750

    def number(self) -> str | None:
        """The name of the folder in force; None where there is none."""
        try:
            return os.readlink(self.current)
        except FileNotFoundError:
            return None

    def key_in_force(self) -> Path | None:
        """The key in force; None where we have placed none."""
        number = self.number() or ""
        return self.root / number / KEY if _FOLDER.fullmatch(number) else None


@contextmanager
def opened(home: Home) -> Iterator[None]:
    """Look whether Exim's pair can be placed there, and let nobody else do so meanwhile.

    Raises:
        TargetError: the folder is not one to write keys to, or what stands there is no file.
        NotEnforcedError: there is no Exim, or it refuses its own configuration as it is.
    """
    files.refuse_unsafe(home.directory)
    for name in _NAMES:
        _refuse_odd(home.directory / name)
    exim = binary()
    if exim is None:
        raise NotEnforcedError("there is no Exim on this machine to ask", "apt install exim4")
    run(exim, "-bV")
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


def _refuse_odd(path: Path) -> None:
    with files.explained(path), suppress(FileNotFoundError):
        mode = os.lstat(path).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            raise TargetError(f"{path} is not a file", "move it away")


def _clean(home: Home) -> None:
    """Remove what killed runs left: half-written links, and pairs that never were in force."""
    for folder in (home.directory, home.root):
        for one in files.leftovers(folder):
            one.unlink(missing_ok=True)
    current = home.number()
    for one in _folders(home):
        if one.name != current:
            shutil.rmtree(one)


def _folders(home: Home, prefix: str | None = None) -> list[Path]:
    try:
        names = sorted(os.listdir(home.root))
    except FileNotFoundError:
        return []
    if prefix is None:
        return [home.root / one for one in names if _FOLDER.fullmatch(one)]
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


def place(home: Home, host: str, fingerprint: str, certificate: bytes) -> str | None:
    """Put the staged key and its certificate in force, as one.

    At each moment between, also after a kill, exim.key and exim.crt are the pair before or this
    one. What stood there before the first time is kept beside it (``*.before-trustctl``).

    Args:
        certificate: the host's, and the chain above it, in PEM.

    Returns:
        What was in force before, for :func:`restore`.
    """
    folder, final = home.root / f"{_NEXT}{host}", home.root / fingerprint[:32]
    with files.explained(home.root):
        path = folder / CERTIFICATE
        with suppress(FileNotFoundError):
            path.unlink()
        files.create(path, [certificate], mode=0o644, group=home.group)
        files.sync_tree(folder, [path, folder])
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
        if os.path.lexists(kept) and not os.path.samestat(os.lstat(kept), os.lstat(place)):
            raise TargetError(
                f"{place} was replaced by hand, and {kept} is there still",
                f"look at both, and move {place} away",
            )
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


def put_in_force(home: Home, host: str, before: str | None) -> list[str]:
    """Ask Exim whether it presents what is placed, and let it read that.

    Args:
        before: what :func:`place` returned; it comes back where this fails.

    Returns:
        Remarks of our own words.

    Raises:
        UnusedError: Exim is told to use something else; the new pair stays in its place.
        NotEnforcedError: it cannot be reloaded; its key is kept for the next try.
    """
    try:
        remarks = _ask_and_reload(home)
    except UnusedError:
        with files.explained(home.root):
            _clean(home)
        raise
    except NotEnforcedError as error:
        failed = home.root / str(home.number())
        with files.explained(home.root):
            restore(home, before)
            os.rename(failed, home.root / f"{_NEXT}{host}")
        raise NotEnforcedError(
            f"{error.message}; Exim's key and certificate are as they were",
            error.hint,
            details=(*error.details, "the certificate was issued; its key is used the next time"),
        ) from error
    with files.explained(home.root):
        _clean(home)
    return remarks


def _ask_and_reload(home: Home) -> list[str]:
    exim = str(binary())
    run(exim, "-bV")
    told = {}
    for option in ("tls_advertise_hosts", "tls_certificate", "tls_privatekey"):
        value = run(exim, "-bP", option).partition(" =")[2].strip()
        told[option] = run(exim, "-be", value).strip() if "$" in value else value
    certificate = told["tls_certificate"]
    if not certificate:
        raise UnusedError(
            "Exim is told of no certificate (MAIN_TLS_ENABLE is not set)", *_advice(home, True)
        )
    # without a key of its own Exim looks for it in the certificate's file
    key = told["tls_privatekey"] or certificate
    for name, value in ((CERTIFICATE, certificate), (KEY, key)):
        if not _same(value, home.directory / name):
            raise UnusedError(f"Exim is told to read {value}", *_advice(home, False))
    if not told["tls_advertise_hosts"]:
        raise UnusedError(
            "Exim offers TLS to nobody: tls_advertise_hosts is empty",
            "take MAIN_TLS_ADVERTISE_HOSTS out of Exim's configuration, and reload it",
        )
    return reload(exim)


class UnusedError(NotEnforcedError):
    """The pair is placed, and Exim is told to use another one, or none."""

    def __init__(self, why: str, hint: str, *details: str) -> None:
        super().__init__(
            f"the key and the certificate are placed, but NOT IN FORCE: {why}",
            hint,
            details=details,
        )


def _same(value: str, path: Path) -> bool:
    try:
        return os.path.samefile(value, path)
    except OSError:
        return False


def _advice(home: Home, untold: bool) -> tuple[str, *tuple[str, ...]]:
    """What to write into Exim's configuration and where, for :class:`UnusedError`."""
    certificate, key = (home.directory / one for one in (CERTIFICATE, KEY))
    found = configuration.site(_LIVE)
    if found.layout in ("handwritten", "unknown"):
        return (
            "put these lines before the first 'begin' of Exim's configuration, and reload it",
            f"tls_certificate = {certificate}",
            f"tls_privatekey = {key}",
        )
    where = "conf.d/main/000_localmacros" if found.layout == "split" else "exim4.conf.localmacros"
    lines = ["MAIN_TLS_ENABLE = yes"]
    if not untold or home.directory != _LIVE:
        lines += [f"MAIN_TLS_CERTIFICATE = {certificate}", f"MAIN_TLS_PRIVATEKEY = {key}"]
    hint = f"put this into {_LIVE / where}, then: update-exim4.conf && systemctl reload exim4"
    return hint, *lines


def remove(home: Home) -> list[str]:
    """Leave Exim with what it had before the first time; the keys that we placed are deleted.

    Returns:
        What was left because somebody put it there by hand.

    Raises:
        NotEnforcedError: all is removed, and Exim cannot be told to read what it had.
    """
    used = binary() is not None and _uses(home)
    with files.explained(home.root), files.locked(home.root / "lock"):
        left = [
            str(home.directory / one)
            for one in _NAMES
            if os.path.lexists(home.directory / one) and not _is_ours(home, one)
        ]
        _take_out(home)
        for one in [*_folders(home), *_folders(home, _NEXT)]:
            shutil.rmtree(one)
    _remove_root(home)
    if used:
        reload(str(binary()))
    return left


def _uses(home: Home) -> bool:
    status, told, _complaints = attempt(str(binary()), "-bP", "tls_certificate")
    value = told.partition(" =")[2].strip()
    return status == 0 and _same(value, home.directory / CERTIFICATE)


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
    for one in (home.current, before / KEY, before / CERTIFICATE):
        with suppress(FileNotFoundError):
            one.unlink()
    with suppress(OSError):
        before.rmdir()


def _remove_root(home: Home) -> None:
    with suppress(FileNotFoundError):
        os.unlink(home.root / "lock")
    with suppress(OSError):
        home.root.rmdir()
