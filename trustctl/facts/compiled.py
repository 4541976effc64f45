"""What an exporter makes of one peer, and where in the journal an export stands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CompiledPeer:
    """One peer's share of a generation.

    Attributes:
        peer: its name.
        entries: (domain, value in the map), for each protected domain.
        sets: (file name ``<sha256 of content>.pem``, content) of each trust set.
        blocks: its part of the bundle, each a comment line ``# peer=NAME ...`` and a certificate
            in PEM, in order of fingerprint.
    """

    peer: str
    entries: tuple[tuple[str, str], ...] = ()
    sets: tuple[tuple[str, bytes], ...] = ()
    blocks: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The journal's head at an export: kept outside the database, it shows a cut-off tail."""

    seq: int
    hash: str
