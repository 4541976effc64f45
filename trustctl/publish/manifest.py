"""The manifest of a generation: every file with its hash, the journal's head and the time."""

from __future__ import annotations

import hashlib
import operator
import os
import re
import stat
from collections.abc import Iterable, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from trustctl.errors import TargetError
from trustctl.facts.compiled import Checkpoint
from trustctl.facts.moment import format_moment, parse_stamp
from trustctl.facts.target import Stored
from trustctl.publish.splice import OnDisk, Records, Text, missing

NAME = "manifest"
_HEAD = re.compile(
    rb"trustctl manifest 1\ngeneration (\d{1,18})\ncreated (\S{1,30})\nas-of (\S{1,30})\n"
    rb"journal (\d{1,18}) ([0-9a-f]{64})\npeers (\d{1,18})\ndomains (\d{1,18})\n"
    rb"(?:looked (\d{1,19})\n)?\n",
    re.ASCII,
)
_LINE = re.compile(rb"([0-9a-f]{64}) (\d+) ([A-Za-z0-9./_-]+)\n", re.ASCII)
# no part begins with a dot: nothing outside of the folder can be meant
_MORE = re.compile(
    rb"^([0-9a-f]{64}) \d+ generations/\d+/"
    rb"((?:crl|ocsp|inbound)(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)+)$",
    re.ASCII | re.MULTILINE,
)
# a tree begins with its index, and all the rest is its format's
_TREE = re.compile(rb"[0-9a-f]{64} \d+ generations/\d+/index\.[a-z0-9-]+\n", re.ASCII)
_FILE = re.compile(
    rb"^([0-9a-f]{64}) \d+ generations/\d+/"
    rb"([A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*)$",
    re.ASCII | re.MULTILINE,
)
_SETS = re.compile(rb"sets/([0-9a-f]{64})\.pem\n")
_SET_FILES = re.compile(rb"sets/([0-9a-f]{64}\.pem)\n")
_FEW = 20
_BEGIN, _END = 1 << 10, len("end ") + 64 + len("\n")


@dataclass(frozen=True)
class Lines:
    """What a manifest lists.

    Attributes:
        files: lines of the generation's own files. sets: lines of the trust sets, in order of hash.
    """

    files: bytes
    sets: Text

    def own_files(self) -> dict[str, tuple[str, int]]:
        """Path -> (SHA-256, size) of the generation's own files."""
        return parse_lines(self.files)

    def more(self) -> dict[str, str]:
        """Path in the generation's folder -> SHA-256 of the CRLs and staples, or of what else
        somebody's format made."""
        index = _TREE.match(self.files)
        found = (
            _MORE.findall(self.files) if index is None else _FILE.findall(self.files[index.end() :])
        )
        return {path.decode(): digest.decode() for digest, path in found}

    def set_names(self) -> Set[bytes]:
        """The hashes that name the trust sets."""
        return self._set_names

    @cached_property
    def _set_names(self) -> frozenset[bytes]:
        return frozenset(_SETS.findall(self.sets[:]))

    def set_files(self) -> list[bytes]:
        """The trust sets' file names, in order."""
        return _SET_FILES.findall(self.sets[:])

    def listed(self, names: Set[bytes]) -> Set[bytes]:
        """Those of the hashes that name trust sets of its own."""
        if len(names) > _FEW:
            return names & self._set_names
        records = Records(self.sets, b"", b" ")
        return {name for name in names if operator.lt(*records.span(name))}

    def dropped_in(self, later: Lines) -> Set[bytes]:
        """The hashes that name trust sets of its own, and none of ``later``."""
        names = {name for line in missing(self.sets, later.sets) for name in _SETS.findall(line)}
        return names - later.listed(names)


@dataclass(frozen=True)
class Manifest(Lines):
    """A manifest as it lies on disk.

    Attributes:
        written_ns: when the file was written, as the filesystem says (nanoseconds since 1970): the
            earlier of its mtime, which touch(1) can set, and its ctime, which chmod(1) renews.
        looked_ns: when the trust sets that were there already were looked at for it, and so not
            later: one that changed since has to be read.
    """

    sets: bytes
    stored: Stored
    written_ns: int
    looked_ns: int


def parse_lines(lines: bytes) -> dict[str, tuple[str, int]]:
    """Path -> (SHA-256, size) of manifest lines."""
    return {
        path.decode(): (digest.decode(), int(size)) for digest, size, path in _LINE.findall(lines)
    }


def folders(paths: Iterable[str]) -> list[str]:
    """The folders that these relative paths lie in, each after the one that it is in."""
    found: set[str] = set()
    for path in paths:
        parts = path.split("/")[:-1]
        found.update("/".join(parts[:end]) for end in range(1, len(parts) + 1))
    return sorted(found)


def line(digest: str, size: int, path: str) -> bytes:
    """One file's line."""
    return f"{digest} {size} {path}\n".encode()


def compose(stored: Stored, files: bytes, sets: bytes, looked_ns: int | None = None) -> bytes:
    """The manifest's text; its last line is the hash of all before it."""
    return b"".join(parts(stored, files, sets, looked_ns)[0])


def parts(
    stored: Stored, files: bytes, sets: bytes, looked_ns: int | None
) -> tuple[list[bytes], str]:
    """The pieces of :func:`compose`, with what is large as it was given, and the whole's SHA-256 in
    hex."""
    head = (
        f"trustctl manifest 1\ngeneration {stored.number}\n"
        f"created {format_moment(stored.created_at)}\nas-of {format_moment(stored.as_of)}\n"
        f"journal {stored.checkpoint.seq} {stored.checkpoint.hash}\n"
        f"peers {stored.peers}\ndomains {stored.domains}\n"
        + ("" if looked_ns is None else f"looked {looked_ns}\n")
        + "\n"
    ).encode()
    digest = hashlib.sha256(head)
    digest.update(files)
    digest.update(sets)
    seal = f"end {digest.hexdigest()}\n".encode()
    digest.update(seal)
    return [head, files, sets, seal], digest.hexdigest()


def read(folder: Path) -> Manifest:
    """The manifest in a generation's folder, checked against its own last line.

    Raises:
        TargetError: it is missing or not as it was written.
    """
    path = folder / NAME
    try:
        info = os.lstat(path)
        if not stat.S_ISREG(info.st_mode):
            raise TargetError(f"{path} is not a file", _HINT)
        text = path.read_bytes()
    except OSError as error:
        raise TargetError(f"{path}: {(error.strerror or str(error)).lower()}", _HINT) from error
    last = text.rfind(b"end ")
    digest = hashlib.sha256(memoryview(text)[: max(last, 0)])
    seal = b"end " + digest.hexdigest().encode() + b"\n"
    digest.update(memoryview(text)[max(last, 0) :])
    head = _HEAD.match(text)
    stored = None if head is None else _stored(head, digest.hexdigest())
    # a generation's folder under another number would pass for what it is not
    if (
        last < 0
        or text[last:] != seal
        or head is None
        or stored is None
        or folder.name != f"{stored.number:08}"
    ):
        raise TargetError(f"{path} is damaged or was edited", _HINT)
    begin = text.index(b"\n\n") + 2
    own = text.find(b" sets/", begin)
    split = last if own < 0 else text.rfind(b"\n", 0, own) + 1
    written_ns = min(info.st_mtime_ns, info.st_ctime_ns)
    looked_ns = min(written_ns, int(head[8] or written_ns))
    return Manifest(text[begin:split], text[split:last], stored, written_ns, looked_ns)


def glance(folder: Path) -> Lines:
    """What the manifest in a generation's folder lists, read as it is needed and not checked
    against its last line: for whoever asks what is to be kept for it, or goes with it.

    Raises:
        TargetError: it is missing, or nothing like a manifest.
    """
    path = folder / NAME
    try:
        text = OnDisk(path)
        size = len(text)
        first, last = text[:_BEGIN], text[max(0, size - _END) :]
        own = text.find(b" sets/", 0)
        split = size - _END if own < 0 else text[:own].rfind(b"\n") + 1
        head = _HEAD.match(first)
        if head is None or not last.startswith(b"end ") or split < head.end():
            raise TargetError(f"{path} is damaged or was edited", _HINT)
        return Lines(text[head.end() : split], text.part(split, size - _END))
    except OSError as error:
        raise TargetError(f"{path}: {(error.strerror or str(error)).lower()}", _HINT) from error


def _stored(head: re.Match[bytes], digest: str) -> Stored | None:
    try:
        created_at, as_of = (parse_stamp(head[one].decode()) for one in (2, 3))
    except ValueError:
        return None
    return Stored(
        number=int(head[1]),
        created_at=created_at,
        as_of=as_of,
        checkpoint=Checkpoint(int(head[4]), head[5].decode()),
        manifest_sha256=digest,
        peers=int(head[6]),
        domains=int(head[7]),
    )


_HINT = "export anew with --force: trustctl export --to DIR --force"
