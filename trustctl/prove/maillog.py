"""What Postfix's log says of a message, as facts.

A line is one event, and Postfix lets nothing that a host sent begin one: what stands before the
queue's name is of its own making.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SERVICE = r"^\S+ +\S+ \S+ \S+ [^\s\[\]]+\[\d+\]: "
_FATE = re.compile(
    _SERVICE + r"(?P<queue>[0-9A-Za-z]+): to=<(?P<address>[^>]*)>, "
    r"(?:orig_to=<(?P<original>[^>]*)>, )?relay=(?P<relay>[^ ,]+), .*?\bstatus=(?P<status>\w+) "
)
_EXPIRED = re.compile(_SERVICE + r"(?P<queue>[0-9A-Za-z]+): from=<[^>]*>, status=expired\b")
_CALL = re.compile(_SERVICE + r"connect to ([A-Za-z0-9._-]{1,255})\[([0-9a-f.:]{2,45})\]:(\d+): ")
_BROKEN = re.compile(_SERVICE + r".*(?:bad command startup -- throttling|: malformed response)")


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a recipient's mail: ``sent``, ``deferred`` or ``bounced``."""

    queue: str
    addresses: frozenset[str]
    status: str
    line: str


def fates(text: str) -> list[Fate]:
    """Every fate that a log tells, in order; addresses in small letters."""
    found = []
    for line in text.splitlines():
        told = _FATE.match(line)
        if told is not None:
            names = {one.lower() for one in (told["address"], told["original"]) if one}
            found.append(Fate(told["queue"], frozenset(names), told["status"], line))
    return found


def expired(text: str) -> set[str]:
    """The queue's names of messages that Postfix gave up on: their senders get a bounce."""
    return {told["queue"] for line in text.splitlines() if (told := _EXPIRED.match(line))}


def calls(text: str) -> set[tuple[str, str, int]]:
    """(host, address, port) of each connection that could not be made."""
    told = (_CALL.match(line) for line in text.splitlines())
    return {(one[1], one[2], int(one[3])) for one in told if one is not None}


def broken(text: str) -> list[str]:
    """The lines that say that a service does not start: nothing becomes of the mail for a time."""
    return [line for line in text.splitlines() if _BROKEN.match(line)]
