"""Measures a command: CPU time of the whole process tree, elapsed time, peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(sys.executable).with_name("trustctl")
TRUSTCTL = (str(_SCRIPT),) if _SCRIPT.exists() else (sys.executable, "-m", "trustctl")
_FINDINGS = 1


@dataclass(frozen=True)
class Cost:
    """What a command cost. ``memory_mb`` is the largest resident size of any one process."""

    cpu_seconds: float
    elapsed_seconds: float
    memory_mb: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.cpu_seconds + other.cpu_seconds,
            self.elapsed_seconds + other.elapsed_seconds,
            max(self.memory_mb, other.memory_mb),
        )


def cost(command: Sequence[str], *, db: Path | None = None) -> Cost:
    """Run a command once; it has to succeed (an audit may have findings)."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TRUSTCTL"))}
    if db is not None:
        environment["TRUSTCTL_DB"] = str(db)
    before = time.perf_counter()
    started = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert started.stderr is not None
    said = started.stderr.read()
    _pid, status, used = os.wait4(started.pid, 0)
    elapsed = time.perf_counter() - before
    started.returncode = os.waitstatus_to_exitcode(status)
    started.stderr.close()
    if started.returncode not in (0, _FINDINGS) or b"trustctl: error" in said:
        raise SystemExit(f"bench: {' '.join(command)}: {said.decode(errors='replace')}")
    return Cost(used.ru_utime + used.ru_stime, elapsed, used.ru_maxrss / 1024)


def trustctl(db: Path, *arguments: str) -> Cost:
    """Run trustctl on an inventory once."""
    return cost([*TRUSTCTL, *arguments], db=db)


def median(runs: int, once: Callable[[], Cost]) -> Cost:
    """The median of several runs, each figure by itself."""
    costs = [once() for _ in range(runs)]
    return Cost(
        statistics.median([one.cpu_seconds for one in costs]),
        statistics.median([one.elapsed_seconds for one in costs]),
        statistics.median([one.memory_mb for one in costs]),
    )
