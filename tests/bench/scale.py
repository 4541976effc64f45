"""Whether time per peer and memory stay what they are when there are many peers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.bench import measure, peers
from tests.bench.measure import Cost
from tests.bench.row import Row, Sizes

_PER_PEER_BOUND = 1.5
_MEMORY_MB = 600
_CHANGE_BOUND = 20
_READERS = (
    ("list",),
    ("list", "--json"),
    ("dump",),
    ("journal",),
    ("journal", "verify"),
    ("audit",),
    ("foresee", "--days", "4000"),
)


class Site:
    """An inventory of so many peers, and where it is exported to."""

    def __init__(self, count: int, scratch: Path, cache: Path) -> None:
        self.count = count
        self.db = scratch / f"scale{count}" / "trustctl.db"
        self.target = scratch / f"scale{count}" / "target"
        self._rows = peers.file(count, cache)
        self.renew()

    def renew(self) -> None:
        """Nothing is there any more."""
        shutil.rmtree(self.db.parent, ignore_errors=True)
        self.target.mkdir(parents=True)

    def fill(self) -> Cost:
        """Import everybody."""
        return measure.trustctl(self.db, "import", str(self._rows))

    def export(self) -> Cost:
        """Export what there is to export."""
        return measure.trustctl(self.db, "export", "--to", str(self.target), "--format", "exim")

    def sets(self) -> dict[str, tuple[int, int]]:
        """The trust sets on disk: name -> (inode, time of change in ns)."""
        with os.scandir(self.target / "trustctl" / "sets") as entries:
            return {one.name: (one.inode(), one.stat().st_ctime_ns) for one in entries}


def rows(sizes: Sizes, scratch: Path, cache: Path) -> Iterator[Row]:
    """What a peer costs among many, against what one costs among few.

    The cost of the same commands with one peer, which is nearly all start-up, is taken off first:
    with it the few would look dearer than they are.
    """
    one, few, many = (Site(count, scratch, cache) for count in (1, sizes.small, sizes.large))
    base, small = (_several(site, sizes.runs) for site in (one, few))
    filled = many.fill()
    first = many.export()
    whole = filled + first
    yield from _compared("import and first export", whole, small, base, sizes)
    yield from _changes(many, first, scratch, sizes.runs)
    for reader in _READERS:
        large, few_cost, one_cost = [
            measure.median(runs, partial(measure.trustctl, site.db, *reader))
            for site, runs in ((many, 1), (few, sizes.runs), (one, sizes.runs))
        ]
        yield from _compared(" ".join(reader), large, few_cost, one_cost, sizes)


def _several(site: Site, runs: int) -> Cost:
    def once() -> Cost:
        site.renew()
        return site.fill() + site.export()

    return measure.median(runs, once)


def _compared(what: str, large: Cost, small: Cost, base: Cost, sizes: Sizes) -> Iterator[Row]:
    yield Row(
        f"{what}: each of {sizes.large} peers; of {sizes.small}",
        1e6 * (large.cpu_seconds - base.cpu_seconds) / sizes.large,
        1e6 * max(small.cpu_seconds - base.cpu_seconds, 1e-3) / sizes.small,
        "us CPU",
        "cost",
        _PER_PEER_BOUND,
    )
    yield Row(
        f"{what}: memory for {sizes.large} peers; the limit",
        large.memory_mb,
        _MEMORY_MB,
        "MB",
        "cost",
        1,
    )


def _changes(site: Site, first: Cost, scratch: Path, runs: int) -> Iterator[Row]:
    """One peer gets one more pin; once for each run another one."""
    written: set[int] = set()

    def once(number: int) -> Cost:
        new = scratch / "new.pem"
        fingerprint = peers.write_certificate(f"mx.new{number}.example", new)
        before = site.sets()
        owner = peers.name(number * site.count // runs)
        measure.trustctl(site.db, "add", str(new), "--peer", owner, "--fingerprint", fingerprint)
        changed = site.export()
        written.add(sum(before.get(name) != how for name, how in site.sets().items()))
        return changed

    numbers = iter(range(runs))
    changed = measure.median(runs, lambda: once(next(numbers)))
    files = "/".join(map(str, sorted(written)))
    yield Row(
        f"export after one change of {site.count} ({files} certificate file written), by the clock;"
        " the first",
        changed.elapsed_seconds,
        first.elapsed_seconds,
        "s",
        "faster",
        _CHANGE_BOUND,
    )
    yield Row(
        f"export after one change of {site.count}, CPU time of all processes; the first",
        changed.cpu_seconds,
        first.cpu_seconds,
        "s CPU",
        "faster",
        None,
    )
