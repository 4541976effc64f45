"""How long a command takes that has next to nothing to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.bench import measure, peers
from tests.bench.row import Row, Sizes

_PEERS = 10
_HELP_BOUND = 2
_COMMAND_SECONDS = 0.2


def rows(sizes: Sizes, scratch: Path, cache: Path) -> Iterator[Row]:
    """``--help`` against a program that imports click; ``list`` and ``check`` against 200 ms."""
    runs = 4 * sizes.runs + 1
    bare = scratch / "bare.py"
    bare.write_text("import click\n")
    helped, imported = (
        measure.median(runs, partial(measure.cost, command))
        for command in ([*measure.TRUSTCTL, "--help"], [sys.executable, str(bare)])
    )
    yield Row(
        "trustctl --help; a program with `import click` alone",
        1000 * helped.cpu_seconds,
        1000 * imported.cpu_seconds,
        "ms CPU",
        "cost",
        _HELP_BOUND,
    )
    db = scratch / "ten" / "trustctl.db"
    measure.trustctl(db, "import", str(peers.file(_PEERS, cache)))
    for name, arguments in (("list", ["list"]), ("check", ["check", peers.domain(0)])):
        taken = measure.median(runs, partial(measure.trustctl, db, *arguments))
        yield Row(
            f"{name} on {_PEERS} peers; the limit",
            1000 * taken.cpu_seconds,
            1000 * _COMMAND_SECONDS,
            "ms CPU",
            "cost",
            1,
        )
