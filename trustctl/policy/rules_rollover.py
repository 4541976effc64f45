"""Audit rules about pins that are to replace others, by what was seen on the wire last."""

from __future__ import annotations

from collections.abc import Iterator

from trustctl.facts.audit import AuditFacts
from trustctl.facts.finding import Severity
from trustctl.facts.moment import format_date
from trustctl.facts.records import Peer
from trustctl.facts.wire import Observation
from trustctl.policy.pins import DAY, name_of, retire
from trustctl.policy.rollover import Rollout, rollouts
from trustctl.policy.rule import Seen, rule

_WARNING, _NOTICE = Severity.WARNING, Severity.NOTICE
_OVERDUE_DAYS = 7


def _rollouts(facts: AuditFacts) -> Iterator[tuple[Peer, Rollout]]:
    announced = {one.pin for one in facts.announcements}
    for peer in facts.peers if announced else ():
        if announced.isdisjoint([pin.id for pin in peer.pins]):
            continue
        seen = [one for one in facts.observations if _is_of(one, peer)]
        for rollout in rollouts(peer, facts.announcements, seen, facts.settings, facts.now):
            yield peer, rollout


def _is_of(one: Observation, peer: Peer) -> bool:
    if one.peer is not None:
        return one.peer == peer.name
    return one.domain in peer.domains or one.endpoint.host in peer.mx_hosts


@rule(
    "next-seen-live",
    _NOTICE,
    "Every host of a peer presented the announced pin last",
    why="what it replaces has served its time: whoever has its key is still taken for the peer",
    source="share/doc/adr/0010-on-the-wire.md",
)
def _live(facts: AuditFacts) -> Seen:
    for peer, one in _rollouts(facts):
        if one.since is not None and one.trusted:
            what = f"its successor alone is presented since {format_date(one.since)}"
            for old in one.replaced:
                yield name_of(peer, old), what, retire(peer, old)


@rule(
    "next-overdue",
    _WARNING,
    f"A peer still presents what it said it would replace {_OVERDUE_DAYS} days ago or more",
    why="its roll-over is late or forgotten; the old certificate may end before the next is there",
    source="share/doc/adr/0010-on-the-wire.md",
)
def _overdue(facts: AuditFacts) -> Seen:
    for peer, one in _rollouts(facts):
        begins = one.announcement.begins_at
        if one.old and begins + _OVERDUE_DAYS * DAY <= facts.now:
            hosts = sorted({place.host for place in one.old})
            more = f" and {len(hosts) - 1} more" if len(hosts) > 1 else ""
            yield (
                name_of(peer, one.next),
                f"announced for {format_date(begins)}, not seen at {hosts[0]}{more}",
                f"trustctl history {peer.name}",
            )
