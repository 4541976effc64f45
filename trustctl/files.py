"""Writes files: whole or not at all, with their mode from the first byte, synced, in one place."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import get_native_id

from trustctl.errors import TargetError

TEMPORARY = ".trustctl-tmp-"
"""How the names of our unfinished files begin: what a killed run leaves is known by it."""

LOCK_SECONDS = 10
_GATHERED = 1 << 18
_HINTS = {
    errno.ENOSPC: "make room and type it again: what was there is as it was",
    errno.EDQUOT: "make room and type it again: what was there is as it was",
    errno.EROFS: "remount it writable, or export to another folder",
    errno.EACCES: "type it with sudo, or export to a folder of your own",
    errno.EPERM: "type it with sudo, or export to a folder of your own",
    errno.ELOOP: "name the real place: trustctl does not write through symbolic links",
    errno.EIO: "the disk is failing",
    errno.ENAMETOOLONG: "take a shorter name",
}
TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)
"""What rename(2) says of a folder's new name that another process has just taken."""


@contextmanager
def explained(path: Path | str) -> Iterator[None]:
    """Turn an OSError inside into a TargetError that names the place, the reason and a way on."""
    try:
        yield
    except OSError as error:
        # of two, the second is what was to be made
        named = error.filename2 or error.filename
        place = os.fsdecode(named) if isinstance(named, str | bytes) else path
        raise TargetError(
            f"{place}: {(error.strerror or str(error)).lower()}",
            _HINTS.get(error.errno or 0, "check the folder's owner and mode"),
        ) from error


def write_all(handle: int, chunks: Iterable[bytes | memoryview]) -> int:
    """Write all of it; a short write goes on where it stopped. Returns the number of bytes."""
    total = 0
    for chunk in gathered(chunks):
        written = os.write(handle, chunk)
        size = memoryview(chunk).nbytes
        while written < size:
            written += os.write(handle, memoryview(chunk).cast("B")[written:])
        total += size
    return total


def gathered(chunks: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """The same bytes with fewer small chunks in a row: each is a call less."""
    small: list[bytes | memoryview] = []
    size = 0
    for chunk in chunks:
        if small and size + len(chunk) > _GATHERED:
            yield b"".join(small)
            small, size = [], 0
        if len(chunk) >= _GATHERED:
            yield chunk
        else:
            small.append(chunk)
            size += len(chunk)
    if small:
        yield b"".join(small)


def create(
    path: Path | str, chunks: Iterable[bytes | memoryview], *, mode: int, group: int | None
) -> int:
    """Write a file that must not exist. It is not synced: :func:`sync_tree` follows. Where it
    cannot be written whole nothing is left of it.

    Returns:
        Its size in bytes.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    public = bool(mode & 0o004) and group is None  # nobody has to be kept out until it has its mode
    handle = os.open(path, flags, mode if public else 0o600)
    try:
        if group is not None:
            os.fchown(handle, -1, group)
        if os.fstat(handle).st_mode & 0o7777 != mode:  # a twentieth of the file's cost on ext4
            os.fchmod(handle, mode)
        return write_all(handle, chunks)
    except BaseException:
        os.unlink(path)
        raise
    finally:
        os.close(handle)


def replace(
    path: Path,
    content: bytes,
    *,
    mode: int,
    group: int | None,
    owner: int | None = None,
    by: Path | None = None,
) -> None:
    """Write a file in place of what is there: a reader sees the old or the new one, whole.

    Args:
        by: the folder of the same filesystem in which it is begun; None for its own.
    """
    replace_together([New(path, content, mode, group, owner)], by=by)


@dataclass(frozen=True, slots=True)
class New:
    """A file to take the place of what is there; ``group`` and ``owner`` None: this process's."""

    path: Path
    content: bytes
    mode: int
    group: int | None
    owner: int | None


def replace_together(new: Sequence[New], *, by: Path | None = None) -> None:
    """Write several files of one folder in place of what is there. ``by``: as for :func:`replace`.

    All of them are on the disk before the first is renamed, so that nothing but a crash within
    some microseconds leaves some new and some old.
    """
    scratch = {
        (by or one.path.parent) / f"{TEMPORARY}{one.path.name}-{os.getpid()}": one for one in new
    }
    try:
        for path, one in scratch.items():
            with suppress(FileNotFoundError):
                os.unlink(path)
            create(path, [one.content], mode=one.mode, group=one.group)
            if one.owner is not None:
                os.chown(path, one.owner, -1)
            sync(path)
        for path, one in scratch.items():
            os.rename(path, one.path)
    except BaseException:
        for path in scratch:
            with suppress(OSError):
                os.unlink(path)
        raise
    for folder in {one.path.parent for one in new}:
        sync(folder)


def point(link: Path, to: str) -> None:
    """Make the symbolic link ``link`` point to ``to``, in one step."""
    scratch = link.with_name(f"{TEMPORARY}{link.name}-{os.getpid()}")
    with suppress(FileNotFoundError):
        os.unlink(scratch)
    try:
        os.symlink(to, scratch)
        os.rename(scratch, link)
    except BaseException:
        with suppress(OSError):
            os.unlink(scratch)
        raise
    sync(link.parent)


def make_folder(path: Path, *, mode: int, group: int | None) -> bool:
    """Make one folder, with its mode and group from the start; False where it is there already."""
    if os.path.lexists(path):
        return False
    begun = f"{TEMPORARY}{path.name}-"
    for one in leftovers(path.parent):
        if one.name.startswith(begun):
            with suppress(OSError):
                os.rmdir(one)
    # of each thread its own: two may make the same folder
    scratch = path.with_name(f"{begun}{get_native_id()}")
    try:
        os.mkdir(scratch, 0o700)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    try:
        if group is not None:
            os.chown(scratch, -1, group)
        os.chmod(scratch, mode)
        os.rename(scratch, path)
    except BaseException as error:
        with suppress(OSError):
            os.rmdir(scratch)
        # another one took it for a leftover, or was faster
        if isinstance(error, OSError) and error.errno in (*TAKEN, errno.ENOENT):
            if os.path.isdir(path):
                return False
            if error.errno == errno.ENOENT and path.parent.is_dir():
                return make_folder(path, mode=mode, group=group)
        raise
    sync(path.parent)
    return True


def sync(path: Path | str) -> None:
    """Force one file or folder to the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path, new: Iterable[Path | str]) -> None:
    """Force many new files of one filesystem to the disk, by one syncfs(2) where there is one.

    Thousands of fsync(2) take minutes, one syncfs a fraction of a second. ``new`` are the files
    and their folders, for where there is none.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
        if syncfs is not None:
            if syncfs(handle) == 0:
                return
            code = ctypes.get_errno()
            if code != errno.ENOSYS:
                raise OSError(code, os.strerror(code), str(folder))
    finally:
        os.close(handle)
    for one in new:
        sync(one)


def refuse_unsafe(path: Path) -> None:
    """Refuse a folder to write in that somebody else could swap under us.

    Raises:
        TargetError: it is a symbolic link or no folder, belongs to another user, or everybody may
            write in it.
    """
    with explained(path):
        info = os.lstat(path)
    if stat.S_ISLNK(info.st_mode):
        raise TargetError(
            f"{path} is a symbolic link to {os.readlink(path)}",
            f"name the real folder: {os.path.realpath(path)}",
        )
    if not stat.S_ISDIR(info.st_mode):
        raise TargetError(f"{path} is not a folder", "name a folder to export to")
    me = os.geteuid()
    if info.st_uid not in (me, 0):
        raise TargetError(
            f"{path} belongs to user {info.st_uid}, who could change what is trusted",
            f"chown it to the user who runs trustctl (uid {me}), or export elsewhere",
        )
    if info.st_mode & stat.S_IWOTH:
        raise TargetError(
            f"{path}: everybody may write in it and change what is trusted",
            f"chmod o-w {path}, or export to a folder in it",
        )


def leftovers(folder: Path) -> list[Path]:
    """What runs that have ended left unfinished in ``folder``; nothing of one that still writes."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [
        folder / name
        for name in sorted([one for one in names if one.startswith(TEMPORARY)])
        if not os.path.exists(f"/proc/{name.rpartition('-')[2]}")
    ]


@contextmanager
def locked(path: Path, *, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock file ``path``, made where it is not there.

    Raises:
        TargetError: another process holds it for so many ``seconds``.
    """
    end = time.monotonic() + seconds
    while (handle := _lock(path)) is None:
        if time.monotonic() > end:
            raise TargetError(f"{path.parent}: another trustctl is writing there", "try again")
        time.sleep(0.05)
    try:
        yield
    finally:
        os.close(handle)


def _lock(path: Path) -> int | None:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # one that was removed meanwhile (by an uninstall) keeps nobody out
        if os.path.samestat(os.fstat(handle), os.lstat(path)):
            return handle
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(handle)
        raise
    os.close(handle)
    return None
