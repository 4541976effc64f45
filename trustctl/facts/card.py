"""What a partner needs of one of our certificates: the facts of a card to hand over.

Nothing in it is a text of the certificate's: hosts are LDH names, all else is digits and times.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Card:
    """A certificate of a mail server of ours, for those who are to pin it.

    Attributes:
        names: the hosts that the certificate names (others of its names are left out).
        not_before, not_after, made_at: seconds since 1970-01-01 UTC; None: unreadable.
        fingerprint, spki: 64 lower-case hex digits.
        peer, domains: how the partner may name us, and our mail domains.
    """

    host: str
    names: tuple[str, ...]
    not_before: int | None
    not_after: int | None
    fingerprint: str
    spki: str | None
    pem: str
    peer: str
    domains: tuple[str, ...]
    made_at: int

    @property
    def file(self) -> str:
        """The name under which the partner keeps the certificate."""
        return f"{self.host}.pem"

    @property
    def code(self) -> str:
        """What the QR code says: what ``--fingerprint`` takes, and a person sees beside it."""
        return f"SHA256:{self.fingerprint.upper()}"

    @property
    def pin(self) -> str | None:
        """The SPKI pin as curl and others write it (``sha256//BASE64``)."""
        if self.spki is None:
            return None
        return f"sha256//{base64.b64encode(bytes.fromhex(self.spki)).decode()}"

    @property
    def fetch(self) -> tuple[str, ...]:
        """The command that gets the certificate from the server itself, word by word."""
        return (
            *("openssl", "s_client", "-starttls", "smtp", "-connect", f"{self.host}:25"),
            *("-servername", self.host, "</dev/null", f">{self.file}"),
        )

    @property
    def add(self) -> tuple[str, ...]:
        """The command that compares and pins, word by word; it asks for the fingerprint."""
        domains = [word for one in self.domains or ("DOMAIN",) for word in ("--domain", one)]
        return (
            *("trustctl", "add", self.file, "--peer", self.peer, *domains),
            *("--mx", self.host, "--via", "phone", "--fingerprint"),
        )

    @property
    def compare(self) -> tuple[str, ...]:
        """The command that shows the fingerprint where there is no trustctl, word by word."""
        return ("openssl", "x509", "-in", self.file, "-noout", "-fingerprint", "-sha256")


def folded(words: tuple[str, ...], width: int) -> list[str]:
    """A command on lines of ``width`` characters, with backslashes between, to be pasted whole.

    A word that is longer by itself is not broken; an option stays with its value.
    """
    units: list[str] = []
    for word in words:
        if units and units[-1].startswith("-") and " " not in units[-1] and word[0] not in "-<>":
            units[-1] += f" {word}"
        else:
            units.append(word)
    lines = [units[0]]
    for unit in units[1:]:
        if len(lines[-1]) + len(unit) + 3 > width:
            lines[-1] += " \\"
            lines.append(f"    {unit}")
        else:
            lines[-1] += f" {unit}"
    return lines
