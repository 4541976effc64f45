"""Trust stores read back: a bundle, a folder of certificates or of hashed names, the system's."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from trustctl.errors import InputError
from trustctl.facts import nobody
from trustctl.facts.certificate import parse_certificate
from trustctl.facts.store import Place, Store, StoredCertificate, Unread
from trustctl.intake.pem import scan
from trustctl.intake.source import read_source

LIMIT_BYTES = 100 << 20
"""The most that is read of a store."""

LIMIT = 100_000
"""The most certificates, unreadable blocks and files of a store."""

SYSTEM = "system"
USUAL = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # Alpine, the BSDs
    "/etc/ssl/certs",
)
"""Where the system's store is, by distribution; what is not there is passed over."""

_CERTIFICATE = re.compile(r".+\.(?:pem|crt|cer|der)", re.IGNORECASE | re.DOTALL)
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Held:
    """A certificate in a store. ``alone``: its file holds nothing else, and its name is not made
    from a hash."""

    der: bytes
    place: Place
    alone: bool

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the DER, in hex."""
        return hashlib.sha256(self.der).hexdigest()


@dataclass(slots=True)
class Content:
    """All that a store holds, in order, and what of it is no certificate."""

    name: str
    files: int = 0
    held: list[Held] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    keys: list[Place] = field(default_factory=list)
    size: int = 0


def read_store(name: str, *, usual: Sequence[str] = USUAL, deep: bool = False) -> Content:
    """What is in the store ``name``: a file (``-``: standard input), a folder, or ``system``.

    Of a folder every file is read: GnuTLS takes the certificates of all of them, whatever they are
    called. What lies in a file of another name than certificates have, and is none, is no matter.

    Args:
        usual: where the system's may be.
        deep: read a folder as people mean it: the folders in it, too, and of files those alone
            that are named as certificates are.

    Raises:
        InputError: it, or a file of it, cannot be read; it is too large; there is none.
    """
    content = Content(name)
    if name != SYSTEM:
        _add(content, name, set(), deep=deep)
        return content
    seen: set[str] = set()
    for path in usual:
        if os.path.exists(path):
            _add(content, path, seen, deep=False)
    if not seen:
        raise InputError(
            "this machine has no trust store in any of the usual places",
            "name the file or folder that your MTA verifies against: --store FILE",
        )
    return content


def store_facts(content: Content) -> Store:
    """The store with the facts of each certificate, each once.

    The one that nobody can have is left out: where it stands, nobody is trusted.
    """
    first: dict[bytes, Held] = {}
    best: dict[bytes, Held] = {}
    repeats: dict[bytes, list[Place]] = {}
    for one in content.held:
        if one.der == nobody.DER:
            continue
        before = first.setdefault(one.der, one)
        # a bundle beside the files that it is made of, and a hashed name's copy, are no repeats
        if one is not before and (
            one.place.file == before.place.file or (one.alone and before.alone)
        ):
            repeats.setdefault(one.der, []).append(one.place)
        elif one.alone:
            best.setdefault(one.der, one)
    return Store(
        content.name,
        content.files,
        tuple(
            StoredCertificate(
                parse_certificate(der), best.get(der, one).place, tuple(repeats.get(der, ()))
            )
            for der, one in first.items()
        ),
        tuple(content.unread),
        tuple(content.keys),
    )


def _add(content: Content, path: str, seen: set[str], *, deep: bool) -> None:
    if path != "-" and os.path.isdir(path):
        for file in _files(path, content, _DEPTH if deep else 0):
            _add_listed(content, file, seen)
    else:
        _add_file(content, path, seen)


def _files(folder: str, content: Content, depth: int) -> Iterator[str]:
    """The folder's files that may hold certificates, those that are named so first."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda one: (not _named(one.name), one.name))
    except OSError as error:
        raise InputError(
            f"{folder}: {(error.strerror or str(error)).lower()}",
            "name a file or folder of certificates that you may read",
        ) from error
    if len(found) > LIMIT:
        raise _too_much(content, f"{LIMIT} files")
    for one in found:
        if one.is_dir(follow_symlinks=False):
            if depth:
                yield from _files(one.path, content, depth - 1)
        elif not depth or _named(one.name) or _HASHED.fullmatch(one.name):
            yield one.path


def _named(name: str) -> bool:
    """Whether people call certificates so."""
    return _CERTIFICATE.fullmatch(name) is not None


def _add_listed(content: Content, path: str, seen: set[str]) -> None:
    """A file of a folder: what is no file is passed over, but for a name that promises one."""
    name = os.path.basename(path)
    promising = _named(name) or _HASHED.fullmatch(name) is not None
    try:
        mode = os.stat(path).st_mode
    except OSError:
        if promising:
            content.unread.append(Unread(Place(path), "a link that leads nowhere"))
        return
    if stat.S_ISREG(mode):
        _add_file(content, path, seen, promising=promising)
    elif promising and not stat.S_ISDIR(mode):
        content.unread.append(Unread(Place(path), "no regular file"))


def _add_file(content: Content, path: str, seen: set[str], *, promising: bool = True) -> None:
    real = path if path == "-" or "\0" in path else os.path.realpath(path)
    if real in seen:
        return
    seen.add(real)
    data = read_source(path, limit=LIMIT_BYTES)
    content.size += len(data)
    if content.size > LIMIT_BYTES:
        raise _too_much(content, f"{LIMIT_BYTES >> 20} MiB")
    _take(content, path, data, promising=promising)


def _take(content: Content, path: str, data: bytes, *, promising: bool) -> None:
    found: list[tuple[bytes, Place]] = []
    for block in scan(data):
        place = Place(path, block.line)
        if block.key and promising:
            content.keys.append(place)
        elif block.why and promising:
            content.unread.append(Unread(place, block.why))
        found += [(der, place) for der in block.ders]
        if len(content.held) + len(found) + len(content.unread) > LIMIT:
            raise _too_much(content, f"{LIMIT} certificates")
    content.files += bool(promising or found)
    hashed = _HASHED.fullmatch(os.path.basename(path)) is not None
    alone = len({hashlib.sha256(der).digest() for der, _place in found}) == 1 and not hashed
    content.held += [Held(der, place, alone) for der, place in found]


def _too_much(content: Content, limit: str) -> InputError:
    return InputError(
        f"{content.name} has more than {limit}: this is no trust store",
        "name the file or folder that your MTA verifies against",
    )
