"""Many connections at once, politely: bounded overall, and two at a time to one address."""

from __future__ import annotations

import asyncio
import dataclasses
import resource
import time
from collections import deque
from collections.abc import Callable, Iterable

from trustctl.facts.wire import Endpoint, Sighting
from trustctl.wire.call import Call
from trustctl.wire.dial import nowhere

PER_ADDRESS = 2
ATTEMPTS = 3
_BACK_OFF_SECONDS = (0.5, 2.0)
_OTHER_DESCRIPTORS = 64


class _Host:
    """One endpoint, through all its attempts."""

    __slots__ = ("attempts", "deadline", "endpoint", "index", "last", "transient")

    def __init__(self, index: int, endpoint: Endpoint) -> None:
        self.index = index
        self.endpoint = endpoint
        self.attempts = 0
        self.deadline = 0.0
        self.last: Sighting | None = None
        self.transient = False


class _Crowd:
    """What is waiting, what is under way, and what was seen."""

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        ehlo: str,
        budget_seconds: float,
        parallel: int,
        on_seen: Callable[[Sighting], None] | None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._ehlo = ehlo
        self._budget = budget_seconds
        self._parallel = parallel
        self._on_seen = on_seen
        self._hosts = [_Host(index, one) for index, one in enumerate(endpoints)]
        self._ready = deque(self._hosts)
        self._queued: dict[str, deque[_Host]] = {}
        self._busy: dict[str, int] = {}
        self._calls: dict[Call, _Host] = {}
        self._again: dict[_Host, asyncio.TimerHandle] = {}
        self._found: list[Sighting | None] = [None] * len(self._hosts)
        self._left = len(self._hosts)
        self._beginning = False
        self.done: asyncio.Future[None] = self._loop.create_future()

    def start(self) -> None:
        """As many as may be under way."""
        self._next()
        self._finish()

    def found(self) -> list[Sighting]:
        """What was seen, in the order given."""
        return [one for one in self._found if one is not None]

    def stop(self) -> None:
        """Let go of everything; nobody is told."""
        for timer in self._again.values():
            timer.cancel()
        for call in list(self._calls):
            call.drop()

    def late(self, seconds: float) -> None:
        """The time for all of them is up: what is not seen by now is not seen."""
        detail = f"no more within the {seconds:g} seconds for all hosts"
        self._ready.clear()
        self._queued.clear()
        for timer in self._again.values():
            timer.cancel()
        for call in list(self._calls):
            call.cut(detail)
        now = int(time.time())
        for host in self._hosts:
            missed = Sighting(host.endpoint, now, "timeout", f"not reached: {detail}")
            self._tell(host, host.last or missed)
        self._finish()

    # what the calls tell

    def seen(self, call: Call, sighting: Sighting, transient: bool) -> None:
        host = self._calls[call]
        if transient and host.attempts < ATTEMPTS:
            delay = _BACK_OFF_SECONDS[host.attempts - 1]
            if self._loop.time() + delay < host.deadline:
                host.last = sighting
                self._again[host] = self._loop.call_later(delay, self._retry, host)
                return
        self._tell(host, sighting)
        if sighting.outcome == "timeout" and call.nameless:
            self._spare(sighting)

    def _spare(self, hung: Sighting) -> None:
        """Those who wait for the same door by other names would hang there one after the other."""
        place = hung.endpoint
        for host in self._queued.get(place.address, ()):
            other = host.endpoint
            if (other.port, other.protocol) == (place.port, place.protocol):
                detail = f"as {place.host} at the same address: {hung.detail}"
                self._tell(host, dataclasses.replace(hung, endpoint=other, detail=detail))

    def over(self, call: Call) -> None:
        host = self._calls.pop(call, None)
        if host is None:
            return
        address = host.endpoint.address
        left = self._busy[address] - 1
        if left:
            self._busy[address] = left
        else:
            del self._busy[address]
        queued = self._queued.get(address, deque())
        while queued and self._found[queued[0].index] is not None:
            queued.popleft()
        if queued:
            self._ready.appendleft(queued.popleft())
        else:
            self._queued.pop(address, None)
        self._next()
        self._finish()

    def broke(self, call: Call, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)

    def _retry(self, host: _Host) -> None:
        del self._again[host]
        self._ready.append(host)
        self._next()

    def _next(self) -> None:
        """Begin what may begin."""
        if self._beginning:
            return  # a call that failed at once: the loop below goes on
        self._beginning = True
        try:
            self._begin_all()
        finally:
            self._beginning = False

    def _begin_all(self) -> None:
        while self._ready and len(self._calls) < self._parallel and not self.done.done():
            host = self._ready.popleft()
            if self._found[host.index] is not None:
                continue
            address = host.endpoint.address
            if not address:
                self._tell(host, nowhere(host.endpoint))
            elif self._busy.get(address, 0) >= PER_ADDRESS:
                self._queued.setdefault(address, deque()).append(host)
            else:
                self._begin(host)

    def _begin(self, host: _Host) -> None:
        now = self._loop.time()
        if not host.attempts:
            host.deadline = now + self._budget
        host.attempts += 1
        address = host.endpoint.address
        self._busy[address] = self._busy.get(address, 0) + 1
        budget = max(host.deadline - now, 0.0)
        call = Call(host.endpoint, ehlo=self._ehlo, budget_seconds=budget, watcher=self)
        self._calls[call] = host
        call.start()

    def _tell(self, host: _Host, sighting: Sighting) -> None:
        if self._found[host.index] is not None or self.done.done():
            return
        if host.attempts > 1:
            sighting = dataclasses.replace(sighting, attempts=host.attempts)
        self._found[host.index] = sighting
        self._left -= 1
        try:
            if self._on_seen is not None:
                self._on_seen(sighting)
        except BaseException as error:
            self.done.set_exception(error)

    def _finish(self) -> None:
        """They are done when all are seen, and all have taken leave."""
        if not self._left and not self._calls and not self.done.done():
            self.done.set_result(None)


async def look(
    endpoints: Iterable[Endpoint],
    *,
    ehlo: str,
    budget_seconds: float,
    parallel: int = 2000,
    overall_seconds: float | None = None,
    on_seen: Callable[[Sighting], None] | None = None,
) -> list[Sighting]:
    """What these addresses present, in the order given; each is reported once, as it finishes.

    A connection that is refused or ended, and a host that says that it cannot just now, are tried
    again after a while, within the host's own time; what hangs is not.

    Args:
        ehlo: what we call ourselves: a host name or an address literal.
        budget_seconds: how long one host may take, all attempts together.
        parallel: how many connections at a time; fewer where the system allows no more.
        overall_seconds: how long all of them may take; None: until they are done.
        on_seen: told of each host as it finishes.

    Raises:
        ValueError: ``ehlo`` is no such name, or an endpoint's address is no address.
    """
    crowd = _Crowd(endpoints, ehlo, budget_seconds, min(parallel, _room()), on_seen)
    timer = None
    if overall_seconds is not None:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(overall_seconds, crowd.late, overall_seconds)
    try:
        crowd.start()
        await crowd.done
    finally:
        if timer is not None:
            timer.cancel()
        crowd.stop()
    return crowd.found()


def _room() -> int:
    """How many connections the system lets this process have, once it has asked for all it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard == resource.RLIM_INFINITY:
        return 1 << 20
    return max(hard - _OTHER_DESCRIPTORS, 1)
