"""What a proof is made of, and what came of it, as facts.

Everything here is text of our own making: validated domains, PEM of throwaway certificates, fixed
words. The lines of a log are not: they are escaped where they leave.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Did = Literal["delivered", "deferred", "bounced", "nothing", "not tried"]
Expected = Literal["delivered", "deferred", "either"]
DataKind = Literal["throwaway", "installed"]
Damage = Literal["missing", "empty", "broken", "no-set"]
OldTls = Literal["TLSv1", "TLSv1.1"]
Zone = Mapping[str, Mapping[str, tuple[str, ...]]]
INSTALLED = "installed"
"""The name of the data as they are installed; other names are of throwaway data."""


@dataclass(frozen=True, slots=True)
class PlayedHost:
    """A host that somebody plays.

    Attributes:
        chain, key: what it presents, as PEM; empty where it offers no STARTTLS.
        newest: the newest version of TLS that it speaks; empty: any.
        refuses: it offers STARTTLS, and then will not have it.
    """

    chain: str = ""
    key: str = ""
    newest: OldTls | Literal[""] = ""
    refuses: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """One mail (or two), and who waits for it.

    Attributes:
        attack: a stable word. about: the same for people.
        data: the name of the data that are in force for it.
        hosts: who answers at which address.
        zone: what DNS says, ``name -> type -> data``.
        recipient: whose mail is watched. beside: another recipient, to whom the mail may go.
        waiting: two mails wait for their host before it answers, and a queue run sends them.
        damage: what is done to the data first.
        obstacle: why it cannot be tried; empty where it can.
    """

    attack: str
    about: str
    peer: str
    domain: str
    data: str
    expected: Expected
    hosts: Mapping[str, PlayedHost]
    zone: Zone
    recipient: str
    beside: str = ""
    beside_first: bool = False
    waiting: bool = False
    damage: Damage | None = None
    obstacle: str = ""

    @property
    def kind(self) -> DataKind:
        """Whether the data are those that are installed."""
        return "installed" if self.data == INSTALLED else "throwaway"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the MTA did.

    Attributes:
        log: the lines of its log that say so.
        takers: the addresses of the played hosts that took the watched recipient's mail.
        reached: whether any played host was connected to.
        why: why it was not tried.
    """

    did: Did
    log: tuple[str, ...] = ()
    takers: tuple[str, ...] = ()
    reached: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class Proven:
    """An attempt with its outcome."""

    attempt: Attempt
    outcome: Outcome

    @property
    def held(self) -> bool | None:
        """Whether it came out as it has to; None where there is nothing to hold: it was not tried
        and need not be, or the true peer got its mail in an old way."""
        did, expected = self.outcome.did, self.attempt.expected
        if did == "not tried":
            return False if expected == "delivered" and not self.attempt.obstacle else None
        if expected == "either":
            return None if did == "delivered" else did == "deferred"
        return did == expected


@dataclass(frozen=True, slots=True)
class CompiledText:
    """A :class:`~trustctl.facts.compiled.CompiledPeer` as text."""

    peer: str
    entries: tuple[tuple[str, str], ...]
    sets: tuple[tuple[str, str], ...]
    blocks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """All that is played, as the process inside the namespace gets it.

    Attributes:
        data: by name, what the exporter compiled: entries, trust sets and bundle blocks of each
            peer, all ASCII.
        lists: revocation lists that come in the place of the installed ones, by their path.
        installed: by protected domain, what the exporter makes of the inventory now.
        public_ca: the certificate that is put into the system's store there, as PEM.
        keep: whether to hand over the configuration and the logs at the end.
    """

    mta: str
    program: str
    attempts: tuple[Attempt, ...]
    data: Mapping[str, tuple[CompiledText, ...]]
    lists: Mapping[str, str]
    installed: Mapping[str, str]
    public_ca: str
    keep: bool = False
