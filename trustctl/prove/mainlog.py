"""What Exim's main log says of a message, as facts."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(
    r"^\S+ \S+ \S+ (?P<sign>=>|->|>>|==|\*\*|\*>) (?P<address>\S+@\S+)"
    r"(?: <(?P<original>[^>]+)>)?(?P<rest>.*)$"
)
_HOST = re.compile(r" H=(\S+) \[([0-9a-fA-F.:]+)\](\*?)")


@dataclass(frozen=True, slots=True)
class Delivered:
    """A delivery: to which host, whether the certificate verified (``CV=``), over which session.

    ``reused``: it went down a connection that was opened for another message (``*``).
    """

    address: str
    transport: str
    host: str
    ip: str
    cv: str
    tls: str
    reused: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message: delivered, waiting (deferred), or bounced, by address."""

    text: str
    delivered: tuple[Delivered, ...]
    deferred: dict[str, str]
    bounced: dict[str, str]

    @property
    def waits(self) -> bool:
        """Nothing was delivered, nothing bounced, something waits."""
        return bool(self.deferred) and not self.delivered and not self.bounced

    @property
    def one(self) -> Delivered:
        """The only delivery, with nothing left waiting.

        Raises:
            ValueError: it is not so; with the log.
        """
        if len(self.delivered) != 1 or self.deferred or self.bounced:
            raise ValueError(self.text)
        return self.delivered[0]


def parse(text: str) -> Outcome:
    """Read the lines of a main log."""
    delivered: list[Delivered] = []
    deferred: dict[str, str] = {}
    bounced: dict[str, str] = {}
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        address, rest = found["address"], found["rest"]
        if found["sign"] == "==":
            deferred[address] = rest
        elif found["sign"] == "**":
            bounced[address] = rest
        else:
            host = _HOST.search(rest)
            delivered.append(
                Delivered(
                    address,
                    _field(rest, "T"),
                    host[1] if host else "",
                    host[2] if host else "",
                    _field(rest, "CV"),
                    _field(rest, "X"),
                    bool(host and host[3]),
                )
            )
    return Outcome(text, tuple(delivered), deferred, bounced)


def about(line: str) -> str | None:
    """Whose mail a line tells the fate of; None for any other line."""
    found = _LINE.match(line)
    return None if found is None else found["address"]


def _field(rest: str, name: str) -> str:
    found = re.search(rf" {name}=(\S+)", rest)
    return found[1] if found else ""
