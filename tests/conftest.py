"""Fixtures that every layer's tests share."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests import certs
from tests.console import Console

# whoever started the tests may ignore signals (nohup, a job in the background), and every process
# would inherit that
for _number, _usual in (
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGTERM, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)


@pytest.fixture(scope="session")
def foo() -> certs.Made:
    """One ordinary peer's self-signed certificate, for mx.foo.test."""
    return certs.self_signed("mx.foo.test")


@pytest.fixture(scope="session")
def bar() -> certs.Made:
    """Another ordinary peer's, for mx.bar.test."""
    return certs.self_signed("mx.bar.test")


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    """A user with an empty folder, and nothing in the environment that bears on trustctl."""
    for name in ("TRUSTCTL_DB", "TRUSTCTL_DEBUG", "SUDO_USER", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return Console(tmp_path)
