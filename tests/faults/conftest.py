"""What the tests of this folder share: strace, root, and the process that forks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import operations
from tests.faults.spawner import Spawner
from tests.faults.sweep import Sweep
from tests.tools import require


@pytest.fixture(scope="session")
def spawner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spawner]:
    """Starts ``trustctl``."""
    made = Spawner(tmp_path_factory.mktemp("spawner"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that commands read: foo.pem, bar.pem, peers.jsonl."""
    return operations.inputs(tmp_path_factory.mktemp("faults") / "inputs")


@pytest.fixture(scope="session")
def sweep(
    spawner: Spawner, inputs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Sweep]:
    """The sweep of an operation by its name; made once."""
    require("strace")
    made: dict[str, Sweep] = {}

    def make(name: str) -> Sweep:
        if name not in made:
            folder = tmp_path_factory.mktemp("sweep")
            made[name] = Sweep(operations.OPERATIONS[name], folder, inputs, spawner)
        return made[name]

    return make
