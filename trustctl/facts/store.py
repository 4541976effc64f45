"""A trust store as it was found: who is in it, where, and what of it cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trustctl.facts.certificate import CertificateFacts


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: a file's name (hostile: escape it; ``-`` is standard input), and the
    line of a PEM block; 0 where the file is DER."""

    file: str
    line: int = 0

    @property
    def argument(self) -> str:
        """The file as an argument of a command: never taken for an option."""
        option = self.file.startswith("-") and self.file != "-"
        return f"./{self.file}" if option else self.file

    def __str__(self) -> str:
        file = "standard input" if self.file == "-" else self.file
        return f"{file}, line {self.line}" if self.line else file


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """A certificate of a store, once. ``repeats``: where it stands again, to no purpose."""

    certificate: CertificateFacts
    place: Place
    repeats: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """What stands in a store and is no certificate; ``why`` is of our own words."""

    place: Place
    why: str


@dataclass(frozen=True, slots=True)
class Store:
    """One store: a bundle, a folder, or the system's.

    Attributes:
        name: as it was asked for. files: how many were read, links to the same one counted once.
        keys: files that hold a private key.
    """

    name: str
    files: int
    certificates: tuple[StoredCertificate, ...] = ()
    unread: tuple[Unread, ...] = ()
    keys: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class Stores:
    """The stores that are looked at, and what is needed to judge who is in them.

    Attributes:
        refused: fingerprint or SPKI pin -> why it is not to be trusted, whoever vouches.
        ours: fingerprints of our own CA's certificates.
    """

    found: tuple[Store, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    ours: frozenset[str] = frozenset()
