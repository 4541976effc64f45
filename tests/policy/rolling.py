"""A peer on its way from one certificate to the next, as it was seen on the wire."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.policy.inventory import DAY, NOW, facts, peer, pin
from trustctl.facts.records import Pin
from trustctl.facts.wire import Announcement, Endpoint, Observation, Outcome

OLD = pin("foo")
NEXT = replace(
    pin("foo", certificate=facts("next", names=("mx.foo.test",))), id=2, added_at=NOW - 40 * DAY
)
FOO = peer("foo", OLD, NEXT)


def unvouched(one: Pin) -> Pin:
    """The pin, without the vouch that it had."""
    return replace(one, vouches=())


def announced(days: int | None = 14, **changes: Any) -> Announcement:
    """That the second pin is to replace the first; said forty days ago for thirty days ago."""
    made = Announcement(2, (1,), NOW - 30 * DAY, days, NOW - 40 * DAY, "root")
    return replace(made, **changes)


def saw(
    what: str | None,
    host: str = "mx.foo.test",
    *,
    first: float = 60,
    last: float = 0,
    number: int = 1,
    address: str = "192.0.2.1",
    outcome: Outcome = "timeout",
    **changes: Any,
) -> Observation:
    """What a host presented from so many days ago until so many days ago; None: nothing."""
    made = Observation(
        number,
        Endpoint(host, address, 25, "smtp"),
        "foo",
        "foo.test",
        outcome if what is None else "presented",
        None if what is None else facts(what).fingerprint,
        None if what is None else "TLSv1.3",
        "",
        NOW - int(first * DAY),
        NOW - int(last * DAY),
        7,
    )
    return replace(made, **changes)


def changed_over(days: float, host: str = "mx.foo.test", **changes: Any) -> list[Observation]:
    """A host that presented the old one until so many days ago, and the next one since."""
    return [saw("foo", host, first=90, last=days, **changes),
            saw("next", host, first=days, number=2, **changes)]  # fmt: skip
