"""Everything that an audit looks at, gathered beforehand: the rules do no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trustctl.facts.dane import DaneHost
from trustctl.facts.foresight import Chains
from trustctl.facts.live import Live
from trustctl.facts.mta import MtaState
from trustctl.facts.records import Peer, Settings
from trustctl.facts.revocation import CaFacts
from trustctl.facts.store import Stores
from trustctl.facts.target import FileProblem, SystemStore, TargetState
from trustctl.facts.wire import Announcement, Observation


@dataclass(frozen=True, slots=True)
class AuditTarget:
    """A target as it lies on disk, and what it ought to hold at the audit's moment.

    Attributes:
        recorded: the generation that the inventory believes to be in force.
        checkpoint_known: whether the journal has the entry that the generation was made at.
        entries: domain -> value that the map ought to have (Exim).
        fingerprints: of the certificates that the bundle ought to have.
        denied: fingerprints that are distrusted, and of pins that our CA revoked.
        more: path -> SHA-256 of the CRLs and staples that it ought to have.
        system: what the system's store holds, where that is the target.
        unknown: why nothing can be said of it: its format cannot be loaded.
    """

    state: TargetState
    recorded: int | None
    checkpoint_known: bool
    entries: Mapping[str, str]
    fingerprints: frozenset[str]
    denied: frozenset[str]
    more: Mapping[str, str] = field(default_factory=dict)
    mta: MtaState | None = None
    system: SystemStore | None = None
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """The inventory, the targets and the world around them at ``now`` (seconds since 1970 UTC).

    Attributes:
        journal_problems: what ``journal verify`` found.
        database_problems: what is amiss with the inventory's file and folder (their modes).
        public_roots: fingerprints and SPKI pins of the public CAs of this machine.
        dane: our own hosts, with what is in DNS for them.
        chains: those that peers presented, and our own hosts'.
        observations: what was seen of the hosts of peers that announced something.
        live: what hosts present at this moment, where they were asked.
        stores: trust stores that were read back, where that was asked for.
    """

    now: int
    settings: Settings
    peers: tuple[Peer, ...]
    targets: tuple[AuditTarget, ...] = ()
    journal_problems: tuple[str, ...] = ()
    database_problems: tuple[FileProblem, ...] = ()
    public_roots: frozenset[str] = field(default=frozenset())
    ca: CaFacts = field(default=CaFacts())
    dane: tuple[DaneHost, ...] = ()
    chains: Chains = field(default=Chains())
    live: Live = field(default=Live())
    observations: tuple[Observation, ...] = ()
    announcements: tuple[Announcement, ...] = ()
    stores: Stores = field(default=Stores())
