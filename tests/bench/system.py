"""An export against Debian's update-ca-certificates with the same local certificates.

It runs in a mount namespace of its own, on copies of what it writes: the machine is not touched.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.bench import measure, peers
from tests.bench.measure import Cost
from tests.bench.row import Row, Sizes

_FIRST_BOUND, _SAME_BOUND = 20, 50
_WRITTEN = ("/etc/ssl/certs", "/usr/local/share/ca-certificates")
_INSIDE = """
set -e
mkdir -p /usr/local/share/ca-certificates
mount --bind "$1" /etc/ssl/certs
mount --bind "$2" /usr/local/share/ca-certificates
exec update-ca-certificates
"""


def lacking() -> str | None:
    """Why this cannot be measured here; None where it can."""
    if os.geteuid() != 0:
        return "needs root"
    missing = [one for one in ("unshare", "update-ca-certificates") if shutil.which(one) is None]
    return f"needs {', '.join(missing)}" if missing else None


def rows(sizes: Sizes, scratch: Path, cache: Path) -> Iterator[Row]:
    """The first export and one with nothing changed, by CPU and by the clock."""
    file = peers.file(sizes.local, cache)
    runs = max(1, sizes.runs // 2 + 1)
    theirs = [_theirs(file, scratch / f"system{number}") for number in range(runs)]
    db = scratch / "local" / "trustctl.db"
    measure.trustctl(db, "import", str(file))
    ours = [_ours(db, scratch / f"target{number}") for number in range(runs)]
    for at, (name, bound) in enumerate(
        (("first export", _FIRST_BOUND), ("nothing changed", _SAME_BOUND))
    ):
        mine, other = (_middle([pair[at] for pair in each]) for each in (ours, theirs))
        what = f"{name}, {sizes.local} peers; update-ca-certificates"
        yield Row(what, mine.cpu_seconds, other.cpu_seconds, "s CPU", "faster", bound)
        what += ", by the clock"
        yield Row(what, mine.elapsed_seconds, other.elapsed_seconds, "s", "faster", bound)


def _middle(costs: list[Cost]) -> Cost:
    rest = iter(costs)
    return measure.median(len(costs), lambda: next(rest))


def _ours(db: Path, target: Path) -> tuple[Cost, Cost]:
    target.mkdir()
    arguments = ("export", "--to", str(target), "--format", "exim")
    first = measure.trustctl(db, *arguments)
    same = measure.trustctl(db, *arguments)
    assert len(list((target / "trustctl" / "generations").iterdir())) == 1
    return first, same


def _theirs(file: Path, scratch: Path) -> tuple[Cost, Cost]:
    certs, local = scratch / "certs", scratch / "local"
    shutil.copytree(_WRITTEN[0], certs, symlinks=True)
    local.mkdir()
    with file.open() as lines:
        for line in lines:
            row = json.loads(line)
            (local / f"{row['peer']}.crt").write_text(row["certificate"])
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _INSIDE, "sh"]
    first, same = (measure.cost([*command, str(certs), str(local)]) for _ in range(2))
    bundle = (certs / "ca-certificates.crt").read_text()
    assert bundle.count("BEGIN CERTIFICATE") >= len(list(local.iterdir()))
    return first, same
