"""Where a target keeps what: the folders and files of one target on disk."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trustctl import files
from trustctl.export.exim import NOBODY, NOBODY_TEXT

SENDERS = "inbound/senders.map"
BUNDLE, MAP, CDB = "ca-certificates.crt", "peers.map", "peers.cdb"
Format = Literal["exim", "pem"]


@dataclass(frozen=True, slots=True)
class Place:
    """One target.

    Attributes:
        directory: what the user named, absolute: /etc/exim4.
        format: ``exim`` (all is under ``directory``/trustctl) or ``pem`` (the bundle alone is in
            ``directory``, its generations are in ``root``).
        root: the folder that holds ``generations`` and ``current``.
        group: the group that reads it (Exim's); None leaves the user's own.
    """

    directory: Path
    format: Format
    root: Path
    group: int | None

    @property
    def file_mode(self) -> int:
        """The mode of files: Exim's group reads them; a bundle is for everybody."""
        return 0o644 if self.format == "pem" else 0o640

    @property
    def folder_mode(self) -> int:
        """The mode of folders."""
        return 0o755 if self.format == "pem" else 0o750

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
        """The bundle that consumers of a ``pem`` target read."""
        return self.directory / BUNDLE if self.format == "pem" else None

    @property
    def original(self) -> Path:
        """What stood in the bundle's place before the first export, kept for uninstall."""
        return self.root / "original-ca-certificates.crt"

    @property
    def own_files(self) -> tuple[str, ...]:
        """The files of a generation's folder, beside its manifest."""
        return (BUNDLE,) if self.format == "pem" else (BUNDLE, CDB, MAP)

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
        folders = [self.root, self.generations, self.directory, *([self.sets] if sets else [])]
        return [one for folder in folders for one in files.leftovers(folder)]


def place_of(directory: str, format_name: Format, database: Path) -> Place:
    """The target in ``directory``; the generations of a bundle lie beside the inventory."""
    path = Path(os.path.abspath(directory))
    if format_name == "pem":
        name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        return Place(path, "pem", database.parent / "generations" / name, None)
    from trustctl.publish.debian import exim_group

    return Place(path, "exim", path / "trustctl", exim_group())


_NUMBER = re.compile(r"\d{8,18}", re.ASCII)
_TARGET = re.compile(r"generations/(\d{8,18})", re.ASCII)

__all__ = ["BUNDLE", "CDB", "MAP", "NOBODY", "NOBODY_TEXT", "Format", "Place"]
