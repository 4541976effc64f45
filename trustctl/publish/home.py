"""Where an Exim keeps its own key, certificate and staple, and where ours lie beside them."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from trustctl import files
from trustctl.errors import TargetError

ROOT, KEY, CERTIFICATE, STAPLE = "trustctl-host", "exim.key", "exim.crt", "exim.ocsp"
CLIENT = "client"
"""The file that says that the pair beside it may be presented to servers: our transports look."""
FOLDER = re.compile(r"[0-9a-f]{64}")
"""The folder of a pair is named after the certificate's fingerprint."""


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
        """The name of the folder in force; None where there is none.

        Raises:
            TargetError: it cannot be told.
        """
        with files.explained(self.current), suppress(FileNotFoundError, NotADirectoryError):
            if not stat.S_ISLNK(os.lstat(self.current).st_mode):
                raise TargetError(f"{self.current} is not a link of trustctl's", "look at it")
            return os.readlink(self.current)
        return None

    def key_in_force(self) -> Path | None:
        """The key in force; None where we have placed none."""
        number = self.number() or ""
        return self.root / number / KEY if FOLDER.fullmatch(number) else None
