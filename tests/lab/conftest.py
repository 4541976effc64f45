"""The lab's fixtures: one network for each test process, torn down with it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import NoReturn

import pytest

from tests.lab.built import BUILDS, BUILT, demanded
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
    exim = None
    if demanded():
        if not BUILT.exists():
            pytest.fail(f"{BUILT} is not there: {BUILDS}")
        exim = BUILT
    with Network(tmp_path_factory.mktemp("lab"), exim) as network:
        yield Lab(network)


@pytest.fixture(scope="session")
def _openssl(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    if demanded():
        yield request.getfixturevalue("_lab")
        return
    if not BUILT.exists():
        # to build it takes CI longer than the tests of it: it is no part of what has to be there
        pytest.skip(f"there is no Exim built with OpenSSL: {BUILDS}")
    why = _missing()
    if why is not None:
        unavailable(why)
    with Network(tmp_path_factory.mktemp("openssl"), BUILT) as network:
        yield Lab(network)


@pytest.fixture
def openssl(_openssl: Lab) -> Lab:
    """As ``lab``, with an Exim built with OpenSSL in the place of Debian's."""
    _openssl.begin()
    return _openssl


@pytest.fixture
def lab(_lab: Lab) -> Lab:
    """The network, with empty DNS and nothing taken by anybody."""
    _lab.begin()
    return _lab
