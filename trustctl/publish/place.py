"""Where a target keeps what: the folders and files of one target on disk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trustctl.export.exim import NOBODY, NOBODY_TEXT
from trustctl.files import TEMPORARY

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

    def folder(self, number: int) -> Path:
        """A generation's folder."""
        return self.generations / f"{number:08}"

    def numbers(self) -> list[int]:
        """The generations on disk, oldest first."""
        try:
            names = os.listdir(self.generations)
        except FileNotFoundError:
            return []
        return sorted(int(one) for one in names if one.isascii() and one.isdigit())

    def current_number(self) -> int | None:
        """The generation in force; None where there is none."""
        try:
            name = os.path.basename(os.readlink(self.current))
        except OSError:
            return None
        return int(name) if name.isascii() and name.isdigit() else None

    def leftovers(self) -> list[Path]:
        """What killed runs left unfinished."""
        found: list[Path] = []
        for folder in (self.root, self.generations, self.sets, self.directory):
            try:
                names = [one for one in os.listdir(folder) if one.startswith(TEMPORARY)]
            except (FileNotFoundError, NotADirectoryError):
                continue
            found += [folder / one for one in names]
        return found


__all__ = ["BUNDLE", "CDB", "MAP", "NOBODY", "NOBODY_TEXT", "Format", "Place"]
