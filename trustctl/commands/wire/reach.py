"""The options of every command that dials, and what they and the settings come to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from trustctl.facts.wire import WireSettings

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class Reach:
    """How hosts are found and dialled.

    Attributes:
        ehlo: what we call ourselves. timeout_seconds: for one host, from name to farewell.
        overall_seconds: for all of them together; None: as long as it takes.
        allowed: networks that may be dialled beside public addresses.
        resolver: its address and port, empty for that of resolv.conf.
        port: of hosts found by MX records.
        parallel: how many connections at a time.
    """

    ehlo: str
    timeout_seconds: float
    overall_seconds: float | None
    allowed: tuple[str, ...]
    resolver: str
    port: int
    parallel: int


@dataclass(frozen=True, slots=True)
class Options:
    """The options as they were typed."""

    timeout: float = 30
    overall: float | None = None
    port: int = 25
    allow_net: tuple[str, ...] = ()
    resolver: str | None = None
    ehlo: str | None = None
    parallel: int = 2000

    def reach(self, settings: WireSettings) -> Reach:
        """With the settings where nothing was typed.

        Raises:
            UsageError: a network, resolver or name that cannot be meant.
        """
        from trustctl.facts.names import parse_host
        from trustctl.facts.network import parse_networks, parse_resolver

        allowed = settings.dial_allow
        for one in self.allow_net:
            allowed += parse_networks(one)
        resolver = settings.resolver if self.resolver is None else self.resolver
        if resolver:
            parse_resolver(resolver)
        given = settings.ehlo_name if self.ehlo is None else self.ehlo
        return Reach(
            ehlo=parse_host(given) if given else own_name(),
            timeout_seconds=self.timeout,
            overall_seconds=self.overall,
            allowed=allowed,
            resolver=resolver,
            port=self.port,
            parallel=self.parallel,
        )


DEFAULTS = Options()
"""Where a command has none of the options: the settings alone."""


def own_name() -> str:
    """What this machine calls itself in EHLO (RFC 5321, 4.1.1.1): its whole host name, else
    Debian's mail name, else an address literal."""
    import os
    from contextlib import suppress

    from trustctl.errors import UsageError
    from trustctl.facts.names import parse_host

    candidates = [os.uname().nodename]
    with suppress(OSError, UnicodeDecodeError), open("/etc/mailname", encoding="ascii") as file:
        candidates.append(file.readline(300))
    for one in candidates:
        with suppress(UsageError):
            return parse_host(one)
    return "[127.0.0.1]"


_OPTIONS = (
    click.option(
        "--timeout",
        type=click.FloatRange(0.1, 600),
        default=DEFAULTS.timeout,
        show_default=True,
        metavar="SECONDS",
        help="For each host, retries and all.",
    ),
    click.option(
        "--overall",
        type=click.FloatRange(0.1, 86400),
        metavar="SECONDS",
        help="For all hosts together. [default: as long as it takes]",
    ),
    click.option(
        "--port",
        type=click.IntRange(1, 65535),
        default=DEFAULTS.port,
        show_default=True,
        help="Of the hosts that MX records name.",
    ),
    click.option(
        "--allow-net",
        multiple=True,
        metavar="CIDR",
        help="A network that may be dialled although it is not public, this once. Repeatable; "
        "trustctl set dial_allow for good.",
    ),
    click.option(
        "--resolver", metavar="ADDRESS[:PORT]", help="Ask this one. [default: /etc/resolv.conf]"
    ),
    click.option("--ehlo", metavar="NAME", help="What to call ourselves. [default: this host]"),
    click.option(
        "--parallel",
        type=click.IntRange(1, 20000),
        default=DEFAULTS.parallel,
        show_default=True,
        metavar="N",
        help="Connections at a time; never more than two to one address.",
    ),
)
_NAMES = ("timeout", "overall", "port", "allow_net", "resolver", "ehlo", "parallel")


def dialling(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--timeout --overall --port --allow-net --resolver --ehlo --parallel``, handed on as one
    ``options``."""
    import functools

    @functools.wraps(function)
    def gathered(*arguments: Any, **values: Any) -> Any:
        options = Options(**{name: values.pop(name) for name in _NAMES})
        return function(*arguments, options=options, **values)

    wrapped: Callable[..., Any] = gathered
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped
