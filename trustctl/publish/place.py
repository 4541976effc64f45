"""Where a target keeps what: the folders and files of one target on disk."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from trustctl import files
from trustctl.export import formats
from trustctl.export.exim import NOBODY, NOBODY_TEXT

SENDERS = "inbound/senders.map"
BUNDLE, MAP, CDB = "ca-certificates.crt", "peers.map", "peers.cdb"
Format = str
"""A format's name: ``exim``, ``pem``, or one of export/formats.py, whose targets are trees."""


@dataclass(frozen=True, slots=True)
class Place:
    """One target.

    Attributes:
        directory: what the user named, absolute: /etc/exim4.
        format: ``exim`` (all is under ``directory``/trustctl), ``pem`` (the bundle alone is in
            ``directory``, its generations are in ``root``), or a tree's: files that consumers read
            through ``root``/current, which is ``directory`` itself but for nested formats.
        root: the folder that holds ``generations`` and ``current``.
        group: the group that reads it (Exim's); None leaves the user's own.
        mode: of a tree's files.
    """

    directory: Path
    format: Format
    root: Path
    group: int | None
    mode: int = 0o644

    @property
    def is_exim(self) -> bool:
        """Whether there are trust sets, a map, and a configuration for them."""
        return self.format == "exim"

    @property
    def has_mta(self) -> bool:
        """Whether it is in force only where a mail server is told to read it."""
        return self.format in ("exim", "postfix")

    @property
    def is_tree(self) -> bool:
        """Whether all of it but the list of whom it holds is the work of a format's module."""
        return self.format not in formats.SPECIAL

    @property
    def file_mode(self) -> int:
        """The mode of files: Exim's group reads them; the others are for everybody."""
        return 0o640 if self.is_exim else self.mode

    @property
    def folder_mode(self) -> int:
        """The mode of folders."""
        return 0o750 if self.is_exim else 0o755

    @property
    def generations(self) -> Path:
        """The folder of generations."""
        return self.root / "generations"

    @property
    def sets(self) -> Path:
        """The folder of trust sets."""
        return self.root / "sets"

    @property
    def current(self) -> Path:
        """The link to the generation in force."""
        return self.root / "current"

    @property
    def published(self) -> Path | None:
        """The bundle that consumers of a ``pem`` target read; the others read ``current``."""
        return self.directory / BUNDLE if self.format == "pem" else None

    @property
    def original(self) -> Path:
        """What stood in the bundle's place before the first export, kept for uninstall."""
        return self.root / "original-ca-certificates.crt"

    @property
    def own_files(self) -> tuple[str, ...]:
        """The files of a generation's folder, beside its manifest."""
        return (BUNDLE, CDB, MAP) if self.is_exim else (self.record,)

    @property
    def record(self) -> str:
        """The file of a generation that says whom it holds, a comment line for each certificate."""
        return formats.index(self.format) if self.is_tree else BUNDLE

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of ours, each after the one that it is in."""
        outer = () if self.root == self.directory else (self.root,)
        return (*outer, self.generations, *([self.sets] if self.is_exim else []))

    @property
    def exists(self) -> bool:
        """Whether anything of ours is there."""
        return self.folders[0].is_dir()

    @property
    def lock(self) -> Path:
        """The file that one export at a time holds."""
        return self.root / ("lock" if self.root != self.directory else ".trustctl-lock")

    @property
    def receives(self) -> bool:
        """Whether the generation in force says of anybody who may send as which domain."""
        try:
            return (self.current / SENDERS).stat().st_size > 0
        except (FileNotFoundError, NotADirectoryError):
            return False

    def folder(self, number: int) -> Path:
        """A generation's folder."""
        return self.generations / f"{number:08}"

    def numbers(self) -> list[int]:
        """The generations on disk, oldest first."""
        try:
            with os.scandir(self.generations) as entries:
                names = [one.name for one in entries if one.is_dir(follow_symlinks=False)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(int(one) for one in names if _NUMBER.fullmatch(one))

    def next_number(self) -> int:
        """A number that nothing has yet."""
        names = os.listdir(self.generations)
        return max((int(one) for one in names if _NUMBER.fullmatch(one)), default=0) + 1

    def current_number(self) -> int | None:
        """The generation in force; None where there is none, or :meth:`diverted`."""
        try:
            found = _TARGET.fullmatch(os.readlink(self.current))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno != errno.EINVAL:  # no link
                raise
            return None
        return int(found[1]) if found else None

    def diverted(self) -> bool:
        """Whether somebody put in the place of the link ``current`` what trustctl never writes."""
        return os.path.lexists(self.current) and self.current_number() is None

    def leftovers(self, *, sets: bool = True) -> list[Path]:
        """What killed runs left unfinished. ``sets``: also among the trust sets."""
        folders = [self.directory, *self.folders]
        skipped = None if sets else self.sets
        return [one for folder in folders if folder != skipped for one in files.leftovers(folder)]


def place_of(directory: str, format_name: Format, database: Path) -> Place:
    """The target in ``directory``; the generations of a bundle lie beside the inventory.

    Raises:
        UsageError: there is no such format, or it cannot be loaded.
    """
    path = Path(os.path.abspath(directory))
    if format_name == "pem":
        name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        return Place(path, "pem", database.parent / "generations" / name, None)
    if format_name not in formats.SPECIAL:
        chosen = formats.load(format_name)
        root = path / "trustctl" if chosen.nested else path
        return Place(path, format_name, root, None, chosen.mode)
    from trustctl.publish.debian import exim_group

    return Place(path, "exim", path / "trustctl", exim_group())


_NUMBER = re.compile(r"\d{8,18}", re.ASCII)
_TARGET = re.compile(r"generations/(\d{8,18})", re.ASCII)

__all__ = ["BUNDLE", "CDB", "MAP", "NOBODY", "NOBODY_TEXT", "Format", "Place"]
