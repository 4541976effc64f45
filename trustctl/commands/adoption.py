"""What ``adopt`` would take in, as whose, and what it leaves out and why: nothing is written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from trustctl.commands.invocation import typed
from trustctl.facts import nobody
from trustctl.facts.addition import Evidence
from trustctl.facts.certificate import parse_certificate
from trustctl.facts.fingerprint import short
from trustctl.facts.moment import format_date
from trustctl.facts.names import propose_domain, propose_peer_name_of_file, within
from trustctl.facts.store import Place
from trustctl.facts.text import printable

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from trustctl.facts.records import Peer, Pin, Settings
    from trustctl.intake.stores import Content

Code = Literal[
    "public-ca", "our-ca", "our-host", "issuer", "repeat", "pinned", "retired", "distrusted",
    "expired", "private-key", "unreadable", "no-name", "name-taken", "conflict",
]  # fmt: skip
_LOOK = frozenset(
    ("retired", "distrusted", "expired", "private-key", "unreadable", "no-name", "name-taken",
     "conflict")
)  # fmt: skip
_NAMES_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Taken:
    """A certificate to pin as pending. ``domain``: one that its names propose, for a person to
    look at; it is protected by a vouch, never by this."""

    place: Place
    peer: str
    evidence: Evidence
    chain: tuple[Evidence, ...]
    domain: str | None


@dataclass(frozen=True, slots=True)
class Left:
    """What is left out, and why. ``fix``: what to type about it, where there is something."""

    place: Place
    code: Code
    text: str
    fingerprint: str | None = None
    fix: str | None = None

    @property
    def look(self) -> bool:
        """Whether a person has to look at it."""
        return self.code in _LOOK


@dataclass(slots=True)
class Plan:
    """All of it, in the order in which it was found."""

    taken: list[Taken] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A certificate of a file with the chain above it, as far as that is in the same file.
    ``alone``: no other but that chain is in the file, so that the file's name is its own."""

    place: Place
    evidence: Evidence
    chain: tuple[Evidence, ...]
    alone: bool


@dataclass(frozen=True, slots=True)
class Known:
    """The inventory's part. ``refused``, ``ours``: as in facts/store.py."""

    peers: tuple[Peer, ...]
    settings: Settings
    refused: Mapping[str, str]
    ours: frozenset[str]


def read_known(connection: Connection, candidates: Sequence[Candidate]) -> Known:
    """What the inventory knows of these certificates."""
    from trustctl.commands import stores
    from trustctl.inventory import snapshot
    from trustctl.inventory.settings import read_settings

    prints = [one.evidence.facts.fingerprint for one in candidates]
    return Known(
        tuple(snapshot.read_peers_by_name(connection)),
        read_settings(connection),
        stores.refused(connection, prints),
        stores.ours(connection, prints),
    )


def candidates(contents: Sequence[Content]) -> tuple[list[Candidate], list[Left]]:
    """The certificates of the files, and what is left out whatever the inventory says.

    Of a file with a private key nothing is taken. A certificate that signed another one of its file
    is kept as that one's chain.
    """
    found: list[Candidate] = []
    left: list[Left] = []
    seen: dict[bytes, Place] = {}
    for content in contents:
        secret = {one.file for one in content.keys}
        left += [_private(one) for one in content.keys]
        left += [
            Left(one.place, "unreadable", one.why)
            for one in content.unread
            if one.place.file not in secret
        ]
        by_file: dict[str, dict[bytes, Place]] = {}
        # a file of its own says more than a bundle of all
        for one in sorted(content.held, key=lambda one: not one.alone):
            if one.place.file in secret or one.der == nobody.DER:
                continue
            if (key := _key_beside(one.place.file)) is not None:
                text = f"its private key lies beside it ({key}): it is this host's own"
                left.append(Left(one.place, "our-host", text))
                continue
            if (before := seen.setdefault(one.der, one.place)) is not one.place:
                left.append(Left(one.place, "repeat", f"the same certificate as in {before}"))
            else:
                by_file.setdefault(one.place.file, {})[one.der] = one.place
        for ders in by_file.values():
            _group(ders, found, left)
    return found, left


def _key_beside(file: str) -> str | None:
    """The file of the same name that would hold its private key, where there is one: beside what
    exim-gencert made. It is not opened."""
    key = f"{os.path.splitext(file)[0]}.key"
    return key if file != "-" and os.path.lexists(key) else None


def _private(place: Place) -> Left:
    text = (
        "REFUSED: a PRIVATE KEY; nothing of this file was taken or shown. A key that left its host "
        "has to be replaced: tell the peer, and ask for the certificate alone"
    )
    return Left(place, "private-key", text)


def _group(ders: Mapping[bytes, Place], found: list[Candidate], left: list[Left]) -> None:
    from trustctl.facts.selfsign import is_signed_by

    evidence = {der: Evidence(parse_certificate(der), der) for der in ders}
    by_subject: dict[str, list[Evidence]] = {}
    for one in evidence.values() if len(ders) > 1 else ():
        if one.facts.subject and one.facts.is_ca is not False:
            by_subject.setdefault(one.facts.subject, []).append(one)

    def above(one: Evidence) -> Evidence | None:
        if one.facts.self_signed:
            return None
        for upper in by_subject.get(one.facts.issuer or "", ())[:_TRIED]:
            if upper is not one and is_signed_by(
                one.der, one.facts, upper.der, upper.facts, unsure=False
            ):
                return upper
        return None

    signer = {der: above(one) for der, one in evidence.items()}
    signed = {upper.der: one for one, upper in signer.items() if upper is not None}
    for der, one in evidence.items():
        if der in signed:
            lower = evidence[signed[der]].facts
            text = f"it signed {short(lower.fingerprint)}: kept as its chain, trusted for nothing"
            left.append(Left(ders[der], "issuer", text, one.facts.fingerprint))
            continue
        chain: list[Evidence] = []
        upper = signer[der]
        while upper is not None and upper not in chain and len(chain) < _TRIED:
            chain.append(upper)
            upper = signer[upper.der]
        found.append(Candidate(ders[der], one, tuple(chain), len(ders) - len(signed) == 1))


_TRIED = 10
"""The longest chain, and the most issuers of one name, that are followed."""


class Planner:
    """Decides about one certificate after the other; what was decided before counts."""

    def __init__(self, known: Known, now: int, roots: frozenset[str], peer: str | None) -> None:
        self._known, self._now, self._roots, self._peer = known, now, roots, peer
        self._pins: dict[str, list[tuple[Peer, Pin]]] = {}
        # name -> the domains that are its peer's, or the files that name it
        self._homes: dict[str, set[str]] = {}
        self._owners: dict[str, str] = {}
        for one in known.peers:
            home = self._homes.setdefault(one.name, {*one.domains, *one.mx_hosts})
            self._owners.update(dict.fromkeys(home, one.name))
            for pin in one.pins:
                self._pins.setdefault(pin.certificate.fingerprint, []).append((one, pin))
                if (domain := propose_domain(pin.certificate.names)) is not None:
                    home.add(domain)

    def decide(self, one: Candidate, answer: str | None) -> Taken | Left:
        """What becomes of this certificate.

        Args:
            answer: whose a person said that it is.
        """
        facts = one.evidence.facts
        against = self._against(one)
        if against is not None:
            code, text = against
            return Left(one.place, code, text, facts.fingerprint)
        domain = propose_domain(facts.names)
        name = self._peer or answer
        if name is None:
            chosen = self._name(one, domain)
            if isinstance(chosen, Left):
                return chosen
            name = chosen
        self._homes.setdefault(name, set()).add(domain or one.place.file)
        if domain is not None and self._owner(domain) is not None:
            domain = None  # protected already, or another's
        return Taken(one.place, name, one.evidence, one.chain, domain)

    def _against(self, one: Candidate) -> tuple[Code, str] | None:
        """Why it is not taken, whoever's it is."""
        facts = one.evidence.facts
        keys = [facts.fingerprint, *([facts.spki] if facts.spki else [])]
        if not self._roots.isdisjoint(keys):
            return "public-ca", "a public CA of this machine: it signs for everybody"
        if facts.fingerprint in self._known.ours:
            return "our-ca", "our own CA's"
        for key in keys:
            if (why := self._known.refused.get(key)) is not None:
                return "distrusted", why
        pins = self._pins.get(facts.fingerprint, [])
        active = [peer.name for peer, pin in pins if pin.retired_at is None]
        if active and self._peer in (None, *active):
            return "pinned", f"pinned already, to {', '.join(active)}"
        if active:
            return "conflict", f"pinned already, to {', '.join(active)}, not to {self._peer}"
        if pins:
            return "retired", f"it was retired for {pins[0][0].name}; trustctl add pins it again"
        if facts.not_after is not None and facts.not_after < self._now:
            end = format_date(facts.not_after)
            return "expired", f"it expired on {end}; ask the peer for the next one"
        return None

    def _name(self, one: Candidate, domain: str | None) -> str | Left:
        if domain is not None and (owner := self._owner(domain)) is not None:
            return owner
        facts = one.evidence.facts
        name = domain.split(".")[0] if domain else None
        if name is None and one.alone:
            name = propose_peer_name_of_file(one.place.file)
        fix = typed("adopt", one.place.argument, "--peer", "NAME")
        if name is None:
            text = "whose is it? neither its names nor its file's name say"
            return Left(one.place, "no-name", text, facts.fingerprint, fix)
        home = self._homes.get(name)
        mine = domain or one.place.file
        if home is None or any(within(mine, each) or within(each, mine) for each in home):
            return name
        there = ", ".join(sorted(home)[:3]) or "no domain"
        text = f"whose is it? {_names(one)} would be {name}, and there is a peer {name} ({there})"
        return Left(one.place, "name-taken", text, facts.fingerprint, fix)

    def _owner(self, domain: str) -> str | None:
        """Whose the domain is, or the one it lies within."""
        labels = domain.split(".")
        for at in range(len(labels) - 1):
            if (owner := self._owners.get(".".join(labels[at:]))) is not None:
                return owner
        return None


def _names(one: Candidate) -> str:
    facts = one.evidence.facts
    return printable(" ".join(facts.names[:3]) or facts.subject or "no name", _NAMES_SHOWN)


def plan(
    planner: Planner, found: Sequence[Candidate], left: Sequence[Left], answers: Mapping[str, str]
) -> Plan:
    """What to take and what to leave. ``answers``: by fingerprint, whose a person said it is."""
    made = Plan(left=list(left))
    for one in found:
        decided = planner.decide(one, answers.get(one.evidence.facts.fingerprint))
        if isinstance(decided, Taken):
            made.taken.append(decided)
        else:
            made.left.append(decided)
    return made


def questions(made: Plan) -> Iterator[Left]:
    """What a person could say whose it is."""
    for one in made.left:
        if one.code in ("no-name", "name-taken"):
            yield one
