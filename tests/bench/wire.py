"""How fast hosts are looked at: against xargs and openssl, and against a plain asyncio client."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests import certs
from tests.bench import measure
from tests.bench.hosts import address
from tests.bench.row import Row, Sizes

_PORT = 2525
_SERVERS = 2
"""Processes that serve: with one, the client waits for it."""
_AT_A_TIME = 16
"""Of openssl's processes: more are no faster on two cores."""
_FASTER, _OF_BARE, _MEMORY_MB, _HANGING = 15, 0.6, 300, 1.5


def lacking() -> str | None:
    """Why it cannot be measured here; None where it can."""
    missing = [one for one in ("openssl", "xargs") if shutil.which(one) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


def rows(sizes: Sizes, scratch: Path) -> Iterator[Row]:
    """Against ``xargs -P`` of ``openssl s_client``, a plain client, and hosts that hang."""
    count, silent = sizes.wire, sizes.wire // 5
    pem = scratch / "host.pem"
    made = certs.self_signed("mx.bench.test")
    pem.write_bytes(made.key_pem + made.pem)
    with _hosts(0, count, pem):
        ours, plain = (
            measure.median(sizes.runs, partial(measure.cost, _client(how, count)))
            for how in ("crowd", "bare")
        )
        listed = scratch / "addresses"
        listed.write_text("".join(f"{address(one)}:{_PORT}\n" for one in range(sizes.sample)))
        openssl = measure.cost(["sh", "-c", _XARGS, "sh", str(listed)])
        places = [f"{address(one)}:{_PORT}" for one in range(count)]
        command = measure.trustctl(
            scratch / "wire" / "trustctl.db", "fetch", "--dry-run", "--json", *places
        )
    scaled = openssl.elapsed_seconds * count / sizes.sample
    against = f"openssl by xargs -P {_AT_A_TIME} (scaled from {sizes.sample})"
    for what, cost in (("looked at", ours), ("by `fetch --dry-run`", command)):
        yield Row(f"{count} hosts {what}; {against}",
                  cost.elapsed_seconds, scaled, "s", "faster", _FASTER)  # fmt: skip
    yield Row(f"{count} hosts looked at; a plain asyncio client",
              ours.elapsed_seconds, plain.elapsed_seconds, "s", "faster", _OF_BARE)  # fmt: skip
    for what, cost in (("looked at", ours), ("by `fetch --dry-run`", command)):
        yield Row(f"memory for {count} hosts {what}; the limit",
                  cost.memory_mb, _MEMORY_MB, "MB", "cost", 1)  # fmt: skip
    with _hosts(0, count - silent, pem), _hosts(count - silent, silent, None):
        hanging = measure.cost(_client("hang", count, str(silent), str(sizes.time_out)))
    yield Row(f"{count} hosts of which {silent} hang; the time-out of one",
              hanging.elapsed_seconds, sizes.time_out, "s", "cost", _HANGING)  # fmt: skip


_XARGS = (
    f"xargs -P {_AT_A_TIME} -I HOST openssl s_client -starttls smtp -showcerts -connect HOST"
    ' < "$1" > /dev/null 2>&1'
)


def _client(how: str, count: int, *more: str) -> list[str]:
    return [sys.executable, "-m", "tests.bench.clients", how, str(_PORT), str(count), *more]


@contextlib.contextmanager
def _hosts(first: int, count: int, pem: Path | None) -> Iterator[None]:
    """So many hosts, in a few processes; without a certificate they say nothing."""
    share = -(-count // _SERVERS)
    more = [] if pem is None else [str(pem)]
    with contextlib.ExitStack() as stack:
        for start in range(first, first + count, share):
            part = min(share, first + count - start)
            command = [sys.executable, "-m", "tests.bench.hosts", str(_PORT), str(start)]
            serving = stack.enter_context(
                subprocess.Popen([*command, str(part), *more], stdout=subprocess.PIPE)
            )
            stack.callback(os.kill, serving.pid, signal.SIGTERM)
            assert serving.stdout is not None
            if serving.stdout.readline() != b"ready\n":
                raise SystemExit("bench: the hosts do not start")
        yield
