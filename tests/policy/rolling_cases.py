"""For each audit rule about next pins, inventories in which it fires and does not."""

from __future__ import annotations

from dataclasses import replace

from tests.policy.cases import FOO as NAME
from tests.policy.cases import fires, quiet
from tests.policy.inventory import DAY, NOW, inventory
from tests.policy.rolling import FOO, NEXT, OLD, announced, changed_over, saw, unvouched
from trustctl.facts.audit import AuditFacts
from trustctl.facts.fingerprint import short
from trustctl.facts.records import Peer
from trustctl.facts.wire import Announcement, Observation

_NEXT = f"foo {short(NEXT.certificate.fingerprint)}"


def rolling(
    *seen: Observation, of: Peer = FOO, said: Announcement | None = None
) -> AuditFacts:  # fmt: skip
    """A peer that announced its next pin, and what was seen of its hosts."""
    return inventory(of, observations=seen, announcements=(said or announced(None),))


_DUE = announced(begins_at=NOW - 7 * DAY)
_nobodys = [replace(one, peer=None) for one in changed_over(15)]
_SINCE = "its successor alone is presented since 2026-12-31"

FIRING = [
    fires("next-seen-live", "at its one host", rolling(*changed_over(15)), (NAME, _SINCE)),
    fires("next-seen-live", "at both", rolling(*changed_over(30), *changed_over(15, "mx2")),
          (NAME, _SINCE)),
    fires("next-seen-live", "seen before the peer was there", rolling(*_nobodys), (NAME, _SINCE)),
    fires("next-overdue", "seven days", rolling(saw("foo"), said=_DUE),
          (_NEXT, "announced for 2027-01-08, not seen at mx.foo.test")),
    fires("next-overdue", "one of three hosts did",
          rolling(*changed_over(2), saw("foo", "mx2.foo.test"), saw("foo", "mx3.foo.test")),
          (_NEXT, "announced for 2026-12-16, not seen at mx2.foo.test and 1 more")),
    fires("next-overdue", "the host is down since", rolling(saw("foo", last=9), saw(None, first=8)),
          (_NEXT, "announced for 2026-12-16, not seen at mx.foo.test")),
]  # fmt: skip

QUIET = [
    quiet("next-seen-live", "nothing seen", rolling()),
    quiet("next-seen-live", "the old one at one host",
          rolling(*changed_over(15), saw("foo", "mx2.foo.test"))),
    quiet("next-seen-live", "nobody vouched for the next one",
          rolling(*changed_over(15), of=replace(FOO, pins=(OLD, unvouched(NEXT))))),
    quiet("next-seen-live", "the old one is retired",
          rolling(*changed_over(15), of=replace(FOO, pins=(replace(OLD, retired_at=NOW), NEXT)))),
    quiet("next-seen-live", "another peer's host",
          rolling(*(replace(one, peer="bar") for one in changed_over(15)))),
    quiet("next-seen-live", "seen a week ago",
          rolling(*(replace(one, last_seen=one.last_seen - 7 * DAY) for one in changed_over(15)))),
    quiet("next-overdue", "six days", rolling(saw("foo"), said=announced(begins_at=NOW - 6 * DAY))),
    quiet("next-overdue", "it changed over", rolling(*changed_over(15))),
    quiet("next-overdue", "never seen", rolling()),
    quiet("next-overdue", "not announced", inventory(FOO, observations=(saw("foo"),))),
]  # fmt: skip
