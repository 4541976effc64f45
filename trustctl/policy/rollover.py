"""From one pin to the next: whether the next is seen live, and which others may be retired now.

Only a completed handshake proves that a host has a certificate's key, so only what was *presented*
counts, and a host that cannot be reached proves nothing. Whatever else a host presents holds a
retirement up and never brings one about (share/doc/adr/0010-on-the-wire.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from trustctl.facts.fingerprint import short
from trustctl.facts.moment import format_date
from trustctl.facts.records import Peer, Pin, Settings
from trustctl.facts.wire import Announcement, Endpoint, Observation
from trustctl.policy.trust import judge

_DAY = 86400
_FRESH_SECONDS = 2 * _DAY
"""The next pin must have been seen so lately: what was true a month ago retires nothing."""
_GONE_SECONDS = 30 * _DAY
"""A place that nobody has looked at for so long is no place of the peer any more."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """How far a peer is on its way from some pins to the next.

    Attributes:
        next: the announced pin. trusted: whether it is, now.
        replaced: those to be retired that are not.
        live: the places that presented the next one last; others: those that presented another
            one that is not pinned for them otherwise; old: those of them that presented a replaced.
        since: from when on the next one alone was seen; None unless everywhere and lately.
    """

    announcement: Announcement
    next: Pin
    trusted: bool
    replaced: tuple[Pin, ...]
    live: tuple[Endpoint, ...] = ()
    others: tuple[Endpoint, ...] = ()
    old: tuple[Endpoint, ...] = ()
    since: int | None = None


def rollouts(
    peer: Peer,
    announcements: Iterable[Announcement],
    observations: Iterable[Observation],
    settings: Settings,
    now: int,
) -> Iterator[Rollout]:
    """The peer's announcements whose pins are not retired, with what was seen of them.

    Args:
        announcements: also other peers'. observations: all that were made of this peer's hosts.
    """
    pins = {one.id: one for one in peer.pins if one.retired_at is None or one.retired_at > now}
    trusted = {number for number, one in pins.items() if judge(one, settings, now).trusted}
    places = _places(observations)
    for said in announcements:
        replaced = tuple([pins[one] for one in said.replaces if one in pins])
        if said.pin in pins and replaced:
            apart = {said.pin, *said.replaces}
            elsewhere = {pins[one].certificate.fingerprint for one in trusted - apart}
            found = Rollout(said, pins[said.pin], said.pin in trusted, replaced)
            yield _seen(found, elsewhere, places, now)


def retirable(
    peer: Peer,
    announcements: Iterable[Announcement],
    observations: Iterable[Observation],
    settings: Settings,
    now: int,
) -> list[tuple[Pin, str]]:
    """The pins that may be retired without asking a person, each with the reason for the journal.

    Those that an announcement with ``auto_retire_days`` replaces, where its pin is trusted now, was
    presented last by every host of the peer, and for so many days none of them presented another
    one. So a trusted pin is always left.

    Args:
        announcements: also other peers'. observations: all that were made of this peer's hosts.
        now: seconds since 1970 UTC.
    """
    found: dict[int, tuple[Pin, str]] = {}
    kept: set[int] = set()
    for one in rollouts(peer, announcements, observations, settings, now):
        days = one.announcement.auto_retire_days
        if days is None or one.since is None or now < one.since + days * _DAY:
            continue
        if one.next.id in found or not one.trusted:
            continue
        kept.add(one.next.id)
        for old in one.replaced:
            if old.id not in kept:
                found[old.id] = old, _reason(one, days)
    return list(found.values())


def _reason(one: Rollout, days: int) -> str:
    begins = format_date(one.announcement.begins_at)
    hosts = len({place.host for place in one.live})
    return (
        f"replaced by {short(one.next.certificate.fingerprint)} (announced for {begins}), which "
        f"alone was seen at {hosts} host{'' if hosts == 1 else 's'} since "
        f"{format_date(one.since or 0)}: auto-retire after {days} day{'' if days == 1 else 's'}"
    )


_Place = tuple[Endpoint, list[Observation]]


def _places(observations: Iterable[Observation]) -> list[_Place]:
    """What was seen at each place, the newest last."""
    found: dict[Endpoint, list[Observation]] = {}
    for one in sorted(observations, key=lambda one: (one.last_seen, one.id)):
        found.setdefault(one.endpoint, []).append(one)
    return list(found.items())


def _seen(found: Rollout, elsewhere: set[str], places: Sequence[_Place], now: int) -> Rollout:
    """A roll-out with what was seen of it.

    Args:
        elsewhere: fingerprints of trusted pins that it has nothing to do with.
    """
    wanted = found.next.certificate.fingerprint
    before = {one.certificate.fingerprint for one in found.replaced}
    live, others, old = [], [], []
    begun = [one.last_seen for _place, rows in places for one in rows if one.fingerprint in before]
    fresh = False
    for place, rows in places:
        presented = [one for one in rows if one.fingerprint is not None]
        if rows[-1].last_seen < now - _GONE_SECONDS or not presented:
            continue
        if presented[-1].fingerprint in elsewhere:
            continue
        if presented[-1].fingerprint != wanted:
            others.append(place)
            if presented[-1].fingerprint in before:
                old.append(place)
            continue
        live.append(place)
        begun += [one.first_seen for one in presented if one.fingerprint == wanted]
        begun += [one.last_seen for one in presented if one.fingerprint != wanted]
        if rows[-1].fingerprint == wanted and rows[-1].last_seen >= now - _FRESH_SECONDS:
            fresh = True
    everywhere = fresh and not others
    return replace(
        found,
        live=tuple(live),
        others=tuple(others),
        old=tuple(old),
        since=max(begun) if everywhere else None,
    )
