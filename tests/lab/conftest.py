"""The lab's fixtures: one network for each test process, torn down with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import NoReturn

import pytest

from tests.lab.lab import Lab
from tests.lab.network import Network

_TOOLS = ("exim4", "update-exim4.conf", "unshare", "nsenter", "ip", "mount")


def unavailable(why: str) -> NoReturn:
    """Skip the test: this machine lacks something; where everything has to be there, fail."""
    if os.environ.get("TRUSTCTL_REQUIRE_ALL") == "1":
        pytest.fail(why)
    pytest.skip(why)


def _missing() -> str | None:
    if os.geteuid() != 0:
        return "the lab needs root"
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    lacking = [one for one in _TOOLS if shutil.which(one, path=path) is None]
    return f"the lab needs {', '.join(lacking)}" if lacking else None


@pytest.fixture(scope="session")
def _lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    why = _missing()
    if why is not None:
        unavailable(why)
    with Network(tmp_path_factory.mktemp("lab")) as network:
        yield Lab(network)


@pytest.fixture
def lab(_lab: Lab) -> Lab:
    """The network, with empty DNS and nothing taken by anybody."""
    _lab.begin()
    return _lab
