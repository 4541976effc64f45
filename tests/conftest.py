"""Fixtures that every layer's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import certs
from tests.console import Console


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
