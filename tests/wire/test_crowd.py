"""Many hosts at once: each reported once, politely, in bounded time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator

import pytest

from tests.tools import require
from tests.wire.hosts import Host, Script, good, heard, host, lead
from tests.wire.said import EHLO, GOOD
from trustctl.facts.wire import Endpoint, Outcome, Sighting
from trustctl.wire import crowd
from trustctl.wire.crowd import ATTEMPTS, PER_ADDRESS

_HANG_SECONDS = 2.0
"""Long enough for a good host beside those that hang, on a machine that is busy."""
_PLENTY_SECONDS = 60.0


def _look(
    endpoints: Iterable[Endpoint],
    *,
    budget_seconds: float = _PLENTY_SECONDS,
    parallel: int = 100,
    overall_seconds: float | None = None,
    on_seen: Callable[[Sighting], None] | None = None,
) -> list[Sighting]:
    return asyncio.run(
        crowd.look(
            endpoints,
            ehlo=EHLO,
            budget_seconds=budget_seconds,
            parallel=parallel,
            overall_seconds=overall_seconds,
            on_seen=on_seen,
        )
    )


@pytest.fixture(scope="module")
def peer(context: ssl.SSLContext) -> Iterator[Host]:
    """A good host."""
    with host(good(context)) as made:
        yield made


def _hang(conn: socket.socket) -> None:
    while conn.recv(100):
        pass


def _nobody(address: str = "127.0.0.1") -> Endpoint:
    """Where nobody listens."""
    with socket.create_server((address, 0)) as listener:
        return Endpoint("mx.foo.test", address, listener.getsockname()[1], "smtp")


def test_the_result_is_in_the_order_given_and_each_is_told_as_it_finishes(peer: Host) -> None:
    """Whoever hangs keeps nobody else waiting."""
    told: list[Sighting] = []
    with host(_hang) as slow:
        places = [slow.endpoint(), peer.endpoint(), Endpoint("mx.none.test", "", 25, "smtp"),
                  peer.endpoint(host="mx2.foo.test")]  # fmt: skip
        found = _look(places, budget_seconds=_HANG_SECONDS, on_seen=told.append)
    assert [one.endpoint for one in found] == places
    assert [one.outcome for one in found] == ["timeout", "presented", "no-host", "presented"]
    assert sorted(told, key=lambda one: places.index(one.endpoint)) == found
    assert told[-1] == found[0]


def test_nobody_to_look_at() -> None:
    """It is done at once."""
    assert _look([]) == []


def test_the_same_place_twice_is_seen_twice(peer: Host) -> None:
    """Each of what was given has its own answer."""
    assert len(_look([peer.endpoint()] * 5)) == 5


class _Gauge:
    """A good host that counts how many connections there are at a time."""

    def __init__(self, context: ssl.SSLContext, meet: threading.Barrier | None = None) -> None:
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()
        self._context = context
        self._meet = meet

    def __call__(self, conn: socket.socket) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        if self._meet is not None:
            self._meet.wait(timeout=_PLENTY_SECONDS)
        lead(conn)
        with self._context.wrap_socket(conn, server_side=True) as tls:
            tls.recv(100)
            with self._lock:
                self._now -= 1  # before it hangs up: the next one may be there at once
            tls.unwrap()


def test_at_most_two_connections_at_a_time_to_one_address(context: ssl.SSLContext) -> None:
    """Whatever the number of names and the limit overall."""
    gauge = _Gauge(context, threading.Barrier(PER_ADDRESS))  # and two there are, indeed
    with host(gauge) as made:
        found = _look([made.endpoint(host=f"mx{number}.foo.test") for number in range(12)])
    assert [one.outcome for one in found] == ["presented"] * 12
    assert made.calls == 12
    assert gauge.most == PER_ADDRESS


def test_no_more_connections_at_a_time_than_allowed(context: ssl.SSLContext) -> None:
    """Over all addresses; the farewell is part of a connection."""
    gauge = _Gauge(context, threading.Barrier(3))
    with contextlib.ExitStack() as stack:
        hosts = [stack.enter_context(host(gauge, f"127.0.0.{n}")) for n in range(2, 14)]
        found = _look([one.endpoint() for one in hosts], parallel=3)
    assert {one.outcome for one in found} == {"presented"}
    assert gauge.most == 3


def _first(times: int, before: Script, after: Script) -> Script:
    """One script for the first calls, another for those that follow."""
    count = itertools.count(1)

    def script(conn: socket.socket) -> None:
        (before if next(count) <= times else after)(conn)

    return script


def _say(*answers: bytes) -> Script:
    def script(conn: socket.socket) -> None:
        for one in answers:
            conn.sendall(one)
            heard(conn)

    return script


def _hang_up(conn: socket.socket) -> None:
    pass


def test_what_may_go_better_is_tried_again(context: ssl.SSLContext) -> None:
    """Three times at most, with a pause that grows; what is final or slow is not."""
    offered = GOOD["smtp"][:2]
    cases: list[tuple[Script, Outcome, int]] = [
        (_first(1, _hang_up, good(context)), "presented", 2),
        (_first(1, _say(b"421 too many\r\n"), good(context)), "presented", 2),
        (_first(2, _say(*offered, b"454 later\r\n"), good(context)), "presented", 3),
        (_hang_up, "closed", ATTEMPTS),
        (_say(b"421 too many\r\n"), "declined", ATTEMPTS),
        (_say(b"554 no\r\n"), "declined", 1),
        (_say(b"hello\r\n"), "garbled", 1),
        (_say(b"220 a\r\n", b"250 a\r\n"), "not-offered", 1),
        (_say(*offered, b"220 go\r\nx"), "injected", 1),
        (_say(*offered, b"220 go\r\n", b"\x15\x03\x03\x00\x02\x02\x28"), "tls-failed", 1),
        (good(context), "presented", 1),
    ]
    with contextlib.ExitStack() as stack:
        hosts = [
            stack.enter_context(host(script, f"127.0.1.{number}"))
            for number, (script, _outcome, _attempts) in enumerate(cases, 1)
        ]
        found = _look([one.endpoint() for one in hosts] + [_nobody("127.0.1.100")])
    assert [(one.outcome, one.attempts) for one in found[:-1]] == [case[1:] for case in cases]
    assert [one.calls for one in hosts] == [attempts for _script, _outcome, attempts in cases]
    assert (found[-1].outcome, found[-1].attempts) == ("unreachable", ATTEMPTS)


def test_what_hangs_is_not_tried_again_and_costs_its_time_once() -> None:
    """Many that hang cost no more than one of them."""
    with contextlib.ExitStack() as stack:
        hosts = [stack.enter_context(host(_hang, f"127.0.2.{n}")) for n in range(1, 20)]
        found = _look([one.endpoint() for one in hosts], budget_seconds=_HANG_SECONDS)
    assert {(one.outcome, one.attempts) for one in found} == {("timeout", 1)}
    assert {one.calls for one in hosts} == {1}


def test_names_that_share_an_address_that_hangs_cost_its_time_once() -> None:
    """It does not know yet which name is meant; another port of it is another matter."""
    with host(_hang) as slow, host(_hang) as other:
        places = [slow.endpoint(host=f"mx{n}.foo.test") for n in range(50)] + [other.endpoint()]
        found = _look(places, budget_seconds=_HANG_SECONDS)
    assert slow.calls == PER_ADDRESS
    assert other.calls == 1
    assert {one.outcome for one in found} == {"timeout"}
    limit = "before its greeting: no more within 2 seconds"
    assert found[0].detail == found[-1].detail == limit
    assert found[-2].detail == f"as mx0.foo.test at the same address: {limit}"


def test_a_name_whose_handshake_hangs_speaks_for_itself_alone(context: ssl.SSLContext) -> None:
    """What follows the ClientHello may differ from name to name."""

    def hang(conn: socket.socket) -> None:
        lead(conn)
        _hang(conn)

    with host(_first(2, hang, good(context))) as made:
        places = [made.endpoint(host=f"mx{n}.foo.test") for n in range(4)]
        found = _look(places, budget_seconds=_HANG_SECONDS)
    assert [one.outcome for one in found] == ["timeout", "timeout", "presented", "presented"]


def test_another_try_is_within_the_host_s_own_time() -> None:
    """A pause that would end after it is not begun."""
    sighting = _look([_nobody()], budget_seconds=0.5)[0]
    assert (sighting.outcome, sighting.attempts) == ("unreachable", 1)


def test_the_time_of_a_host_is_for_all_its_tries() -> None:
    """A host that hangs up and then hangs is given up when its first time is over."""
    with host(_first(1, _hang_up, _hang)) as made:
        sighting = _look([made.endpoint()], budget_seconds=_HANG_SECONDS)[0]
    assert (sighting.outcome, sighting.attempts) == ("timeout", 2)
    assert made.calls == 2


def test_the_time_for_all_ends_it(peer: Host) -> None:
    """Those under way, those that wait for another try and those not reached are each told so."""
    with host(_hang, "127.0.0.2") as slow:
        places = [peer.endpoint(), _nobody("127.0.0.3"), slow.endpoint(), slow.endpoint(),
                  slow.endpoint(host="last.foo.test")]  # fmt: skip
        told: list[Sighting] = []
        found = _look(places, overall_seconds=_HANG_SECONDS, on_seen=told.append)
    assert [one.outcome for one in found] == [
        "presented", "unreachable", "timeout", "timeout", "timeout"
    ]  # fmt: skip
    assert len(told) == len(places)
    limit = "no more within the 2 seconds for all hosts"
    assert [one.detail for one in found[2:]] == [
        f"before its greeting: {limit}", f"before its greeting: {limit}", f"not reached: {limit}"
    ]  # fmt: skip
    assert slow.calls == 2


def test_thousands_that_fail_at_once() -> None:
    """A call that fails before it began does not nest in the one before it."""
    # without a zone it leads nowhere, and the system says so before it sends anything
    places = [Endpoint(f"mx{n}.foo.test", f"fe80::{n:x}", 25, "smtp") for n in range(1, 3000)]
    found = _look(places)
    assert {one.outcome for one in found} == {"unreachable"}


@pytest.mark.parametrize("which", ["name", "address"])
def test_the_caller_s_mistakes_are_exceptions(which: str, peer: Host) -> None:
    """Not something that a host did."""
    address = "mx.foo.test" if which == "address" else "127.0.0.1"
    name = "a b" if which == "name" else EHLO
    places = [peer.endpoint(), Endpoint("mx.foo.test", address, 25, "smtp")]
    with pytest.raises(ValueError, match=r"no name to say EHLO|does not appear to be"):
        asyncio.run(crowd.look(places, ehlo=name, budget_seconds=5))


def test_what_the_listener_raises_ends_it(peer: Host) -> None:
    """And no connection is left open."""

    def refuse(sighting: Sighting) -> None:
        raise KeyError(sighting.outcome)

    with host(_hang, "127.0.0.2") as slow:
        with pytest.raises(KeyError, match="presented"):
            _look([slow.endpoint(), peer.endpoint()], on_seen=refuse)
        _until(lambda: slow.calls == 1 and slow.under_way == 0)


def _until(true: Callable[[], bool]) -> None:
    """Wait until it is so; the test's own time limit ends it."""
    while not true():
        time.sleep(0.01)


_INTERRUPTED = """
import asyncio, sys
from trustctl.facts.wire import Endpoint
from trustctl.wire import crowd
place = Endpoint("mx.foo.test", "127.0.0.1", int(sys.argv[1]), "smtp")
try:
    asyncio.run(crowd.look([place], ehlo="probe.bar.test", budget_seconds=60))
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interruption_ends_it_cleanly() -> None:
    """Control-C closes the connections and leaves nothing to complain about."""
    with (
        host(_hang) as slow,
        subprocess.Popen(
            [sys.executable, "-X", "dev", "-c", _INTERRUPTED, str(slow.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as running,
    ):
        _until(lambda: slow.calls == 1)
        running.send_signal(signal.SIGINT)
        said, complained = running.communicate(timeout=_PLENTY_SECONDS)
    assert (said, complained) == (b"interrupted\n", b"")


_CROWDED = """
import asyncio, collections, resource, sys
from trustctl.facts.wire import Endpoint
from trustctl.wire import crowd
places = [Endpoint("mx.foo.test", f"127.0.3.{n}", int(sys.argv[1]), "smtp") for n in range(250)]
found = asyncio.run(crowd.look(places, ehlo="probe.bar.test", budget_seconds=0.5))
print(collections.Counter(one.detail for one in found), resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_there_are_no_more_connections_than_files_may_be_open() -> None:
    """The soft limit is raised to the hard one, and what that allows is kept to."""
    require("prlimit")
    port = str(_nobody().port)
    ran = subprocess.run(
        ["prlimit", "--nofile=70:100", sys.executable, "-c", _CROWDED, port],
        capture_output=True, check=True, timeout=_PLENTY_SECONDS,
    )  # fmt: skip
    assert ran.stdout == b"Counter({'the connection is refused': 250}) (100, 100)\n"
