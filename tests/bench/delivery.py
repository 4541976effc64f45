"""How long a real Exim takes to deliver, with few peers and with many.

It sends to a real Exim over TLS in the lab's namespaces, its data written by ``trustctl export``.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from tests.bench import measure, peers
from tests.bench.row import Row, Sizes
from tests.lab.exim import Exim
from tests.lab.lab import Lab
from tests.lab.network import Network
from tests.lab.senders import DATA

_BOUND = 1.15
_BUNDLE = 1000
_DOMAIN = "foo.test"
_TO = f"bob@{_DOMAIN}"
_TOOLS = ("exim4", "update-exim4.conf", "unshare", "nsenter", "ip")


def lacking() -> str | None:
    """Why this cannot be measured here; None where it can."""
    if os.geteuid() != 0:
        return "needs root"
    missing = [one for one in _TOOLS if shutil.which(one) is None]
    return f"needs {', '.join(missing)}" if missing else None


def rows(sizes: Sizes, scratch: Path, cache: Path) -> Iterator[Row]:
    """Deliveries with many peers and with one, in turn; then the bundle that people would use."""
    with Network(scratch / "lab") as network:
        lab = Lab(network)
        lab.route(_DOMAIN, lab.foo)
        counts = (sizes.large, 1)
        data = [_exported(lab, count, scratch, cache) for count in counts]
        sides = [partial(_switch, lab, each) for each in data]
        many, one = _in_turn(lab.us, sides, sizes.deliveries)
        what = f"a delivery with {sizes.large} peers; with one"
        yield Row(what, 1000 * many[0], 1000 * one[0], "ms CPU", "cost", _BOUND)
        what += ", by the clock"
        yield Row(what, 1000 * many[1], 1000 * one[1], "ms", "cost", _BOUND)
        with peers.file(_BUNDLE, cache).open() as lines:
            pems = [json.loads(line)["certificate"].encode() for line in lines]
        foo = lab.foo_cert
        bundles = [partial(lab.bundle.bundle, *pems, foo), partial(lab.bundle.bundle, foo)]
        many, one = _in_turn(lab.bundle, bundles, max(3, sizes.deliveries // 4))
        what = f"for comparison: one bundle of {_BUNDLE} peers; of one"
        yield Row(what, 1000 * many[0], 1000 * one[0], "ms CPU", "cost", None)


def _exported(lab: Lab, count: int, scratch: Path, cache: Path) -> Path:
    """What an export writes for so many peers, of whom the lab's is one."""
    folder = scratch / f"delivery{count}"
    target = folder / "target"
    target.mkdir(parents=True)
    db = folder / "trustctl.db"
    if count > 1:
        measure.trustctl(db, "import", str(peers.file(count, cache)))
    (folder / "foo.pem").write_bytes(lab.foo_cert.pem)
    who = ("--peer", "foo", "--domain", _DOMAIN, "--fingerprint", lab.foo_cert.fingerprint)
    measure.trustctl(db, "add", str(folder / "foo.pem"), *who)
    measure.trustctl(db, "export", "--to", str(target), "--format", "exim")
    target.chmod(0o755)
    return target / "trustctl"


def _switch(lab: Lab, data: Path) -> None:
    """Let the sender's data be these: moved into its folder once, then pointed to."""
    mine = lab.us.etc / data.parent.parent.name
    if not mine.exists():
        shutil.move(data, mine)
    place = lab.us.etc / DATA
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    new = lab.us.etc / "data.new"
    new.symlink_to(mine.name)
    new.replace(place)


def _in_turn(
    sender: Exim, sides: Sequence[Callable[[], None]], deliveries: int
) -> list[tuple[float, float]]:
    """The median CPU and elapsed seconds of each side's deliveries, one of each in turn."""
    taken: list[list[tuple[float, float]]] = [[] for _ in sides]
    for _round in range(deliveries + 1):
        for side, each in zip(sides, taken, strict=True):
            side()
            each.append(_deliver(sender))
    return [
        (statistics.median(c for c, _e in each[1:]), statistics.median(e for _c, e in each[1:]))
        for each in taken
    ]


def _deliver(sender: Exim) -> tuple[float, float]:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    outcome = sender.send(_TO)
    elapsed = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert outcome.one.cv == "yes", outcome.text
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, elapsed
