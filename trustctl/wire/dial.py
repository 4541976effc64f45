"""One address by itself."""

from __future__ import annotations

import asyncio
import time

from trustctl.facts.wire import Endpoint, Sighting
from trustctl.wire.call import Call


class _One:
    """Waits for one call."""

    def __init__(self) -> None:
        self.sighting: asyncio.Future[Sighting] = asyncio.get_running_loop().create_future()
        self._seen: Sighting | None = None

    def seen(self, call: Call, sighting: Sighting, transient: bool) -> None:
        self._seen = sighting

    def over(self, call: Call) -> None:
        if not self.sighting.done() and self._seen is not None:
            self.sighting.set_result(self._seen)

    def broke(self, call: Call, error: BaseException) -> None:
        if not self.sighting.done():
            self.sighting.set_exception(error)


async def sight(endpoint: Endpoint, *, ehlo: str, budget_seconds: float) -> Sighting:
    """What this address presents; whatever it does, that is an outcome, and no exception.

    Args:
        ehlo: what we call ourselves: a host name or an address literal.
        budget_seconds: how long all of it may take (the farewell a second more).

    Raises:
        ValueError: ``ehlo`` is no such name, or the endpoint's address is no address.
    """
    if not endpoint.address:
        return nowhere(endpoint)
    waiting = _One()
    call = Call(endpoint, ehlo=ehlo, budget_seconds=budget_seconds, watcher=waiting)
    try:
        call.start()
        return await waiting.sighting
    finally:
        call.drop()


def nowhere(endpoint: Endpoint) -> Sighting:
    """What there is to say of a host without an address."""
    return Sighting(endpoint, int(time.time()), "no-host", "its name leads to no address")
