"""Keeps what was seen, in one transaction: observations, evidence, pending pins, what follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trustctl.commands.wire.known import Judge, Known
from trustctl.facts.fingerprint import short
from trustctl.facts.live import LiveHost, Standing
from trustctl.facts.wire import Testimony

if TYPE_CHECKING:
    from trustctl.facts.addition import Evidence, NewVouch
    from trustctl.inventory.transaction import WriteTransaction

_NEW: frozenset[Standing] = frozenset({"renewed", "other", "unpinned"})


@dataclass(slots=True)
class Kept:
    """What was kept. ``pending``, ``confirmed``, ``renewed``, ``retired``: peer and fingerprint of
    each pin. ``notes``: what a person should know."""

    pending: list[tuple[str, str]] = field(default_factory=list)
    confirmed: list[tuple[str, str]] = field(default_factory=list)
    renewed: list[tuple[str, str]] = field(default_factory=list)
    retired: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def has(self, key: tuple[str, str]) -> bool:
        """Whether this certificate of this peer was dealt with."""
        return key in self.pending or key in self.confirmed or key in self.renewed

    def lines(self) -> Iterator[str]:
        """What became of pins, and the notes, for people."""
        for peer, fingerprint in self.confirmed:
            yield f"pinned: {short(fingerprint)} of {peer}; it takes effect with the next export"
        for peer, fingerprint in self.renewed:
            why = "since its key is pinned (same_key_renewal)"
            yield f"pinned: {short(fingerprint)} of {peer}, {why}; export puts it in force"
        for peer, fingerprint in self.retired:
            yield f"retired: {short(fingerprint)} of {peer}: the announced one took its place"
        for one in self.notes:
            yield f"note: {one}"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """That a person compared: the fingerprint that it was, and the vouch for it."""

    fingerprint: str
    vouch: NewVouch


def fetched(
    tx: WriteTransaction,
    hosts: Sequence[LiveHost],
    judge: Judge,
    known: Known,
    testimonies: Mapping[int, Sequence[Testimony]],
    confirmation: Confirmation | None = None,
) -> Kept:
    """Keep what a person asked to see; pin what is new: with a vouch where they compared it, else
    pending.

    A certificate that people once vouched for and retired is never pinned again by this alone: it
    would be trusted because a host presents it.

    Args:
        testimonies: by index in ``hosts``.
    """
    from trustctl.facts.addition import NewProtection
    from trustctl.inventory import observations
    from trustctl.inventory.additions import Additions

    for name in {one.peer for one in hosts if one.peer and one.leaf} - known.peers.keys():
        Additions(tx).protect(NewProtection(name, ()))
    kept = Kept()
    ids = observe(tx, hosts, judge, kept)
    for index, said in testimonies.items():
        observations.testify(tx, ids[index], said)
    for number, one in zip(ids, hosts, strict=True):
        if one.leaf is None or one.comparison is None or not one.peer:
            continue
        key = (one.peer, one.leaf.fingerprint)
        if confirmation is not None and confirmation.fingerprint == one.leaf.fingerprint:
            _pin(tx, one, judge, known, kept, confirmation)
        elif number and one.comparison.standing in _NEW and not kept.has(key):
            _pin(tx, one, judge, known, kept, None)
    return kept


def observe(tx: WriteTransaction, hosts: Sequence[LiveHost], judge: Judge, kept: Kept) -> list[int]:
    """Record what was seen; the id of each observation, 0 where it was not kept."""
    from trustctl.inventory import observations

    peers = {one.peer for one in hosts if one.leaf is not None}
    recorded = observations.record(
        tx,
        [
            observations.Seen(
                one.sighting,
                judge.evidence(one.sighting),
                # where nothing was presented the peer may not be there
                one.peer if one.peer in peers or one.peer in judge.peers else None,
                one.domains[0] if one.domains else None,
            )
            for one in hosts
        ],
    )
    kept.notes += recorded.dropped
    return recorded.ids


def probed(tx: WriteTransaction, hosts: Sequence[LiveHost], judge: Judge, known: Known) -> Kept:
    """Keep what a probe saw. It pins nothing but what the setting ``same_key_renewal`` accepts."""
    kept = Kept()
    observe(tx, hosts, judge, kept)
    for one in hosts:
        found = one.comparison
        if one.leaf is None or found is None or found.predecessor is None:
            continue
        new = not kept.has((one.peer, one.leaf.fingerprint))
        if new and known.wire.same_key_renewal == "accept":
            _renew(tx, one.peer, judge.evidence(one.sighting)[0], found.predecessor, kept)
    return kept


def _pin(
    tx: WriteTransaction,
    one: LiveHost,
    judge: Judge,
    known: Known,
    kept: Kept,
    confirmation: Confirmation | None,
) -> None:
    from trustctl.errors import ConflictError
    from trustctl.facts.addition import Addition
    from trustctl.inventory.additions import Additions

    # whoever compared the digits means this host's chain, too: exports need it to find a path
    leaf, *chain = judge.evidence(one.sighting, whole=confirmation is not None)
    key = (one.peer, leaf.facts.fingerprint)
    owner = known.peers.get(one.peer)
    before = [] if owner is None else owner.pins
    if confirmation is None:
        if any(each.certificate.fingerprint == key[1] for each in before):
            kept.notes.append(f"{short(key[1])} was retired for {one.peer}: it is not pinned again")
            return
        accepting = known.wire.same_key_renewal == "accept"
        if accepting and one.comparison is not None and one.comparison.predecessor is not None:
            _renew(tx, one.peer, leaf, one.comparison.predecessor, kept)
            return
    addition = Addition(
        peer=one.peer,
        # a domain is protected by what is trusted, never because somebody looked at it
        domains=one.domains if confirmation is not None else (),
        role="host",
        certificate=leaf,
        chain=tuple(chain),
        vouches=() if confirmation is None else (confirmation.vouch,),
    )
    try:
        Additions(tx).add(addition)
    except ConflictError as error:
        if confirmation is not None:
            raise
        kept.notes.append(error.message)
        return
    if not kept.has(key):
        (kept.pending if confirmation is None else kept.confirmed).append(key)


def _renew(tx: WriteTransaction, peer: str, leaf: Evidence, predecessor: str, kept: Kept) -> None:
    """Pin a certificate because its key is pinned (the setting ``same_key_renewal`` says so)."""
    from trustctl.errors import ConflictError
    from trustctl.inventory import renewals

    try:
        renewals.accept(tx, peer, leaf, predecessor)
    except ConflictError as error:
        kept.notes.append(error.message)
        return
    kept.renewed.append((peer, leaf.facts.fingerprint))
