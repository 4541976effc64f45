"""``tests/bench/run``: measures what share/doc/benchmarks.md tells of, and prints one table."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench import authority, scale, startup, system, wire
from tests.bench.row import QUICK, Row, Sizes, table

_GROUPS = ("start", "system", "scale", "ca", "wire", "delivery")


def measure(groups: Sequence[str], sizes: Sizes, cache: Path) -> list[Row]:
    """All rows of these groups; a group that cannot be measured here says why on stderr."""
    found: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="trustctl-bench-") as name:
        scratch = Path(name)
        scratch.chmod(0o755)  # Exim's user reads there
        for group in groups:
            start = time.monotonic()
            if group == "start":
                rows = startup.rows(sizes, scratch, cache)
            elif group == "scale":
                rows = scale.rows(sizes, scratch, cache)
            elif group == "system":
                if why := system.lacking():
                    print(f"{group}: left out: {why}", file=sys.stderr)
                    continue
                rows = system.rows(sizes, scratch, cache)
            elif group == "ca":
                if why := authority.lacking():
                    print(f"{group}: left out: {why}", file=sys.stderr)
                    continue
                rows = authority.rows(sizes, scratch)
            elif group == "wire":
                if why := wire.lacking():
                    print(f"{group}: left out: {why}", file=sys.stderr)
                    continue
                rows = wire.rows(sizes, scratch)
            else:
                # the lab loads what would make this process large: it comes last
                from tests.bench import delivery

                if why := delivery.lacking():
                    print(f"{group}: left out: {why}", file=sys.stderr)
                    continue
                rows = delivery.rows(sizes, scratch, cache)
            found += rows
            print(f"{group}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return found


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    parser.add_argument("group", nargs="*", help=f"of: {' '.join(_GROUPS)} (all by default)")
    parser.add_argument("--quick", action="store_true", help="fewer peers, fewer runs")
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trustctl-bench"
    parser.add_argument("--cache", type=Path, default=default, help="where made peers are kept")
    given = parser.parse_args(arguments)
    if unknown := set(given.group) - set(_GROUPS):
        parser.error(f"no such group: {' '.join(sorted(unknown))}")
    groups = [one for one in _GROUPS if one in given.group or not given.group]
    print(table(measure(groups, QUICK if given.quick else Sizes(), given.cache)))


if __name__ == "__main__":
    main(sys.argv[1:])
