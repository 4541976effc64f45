"""Fixtures of the tests of ``trustctl ca``."""

from __future__ import annotations

import pytest

from tests.authority import OwnCa
from tests.console import Console


@pytest.fixture
def own(console: Console, monkeypatch: pytest.MonkeyPatch) -> OwnCa:
    """A user who is about to make a CA, and knows the passphrase."""
    return OwnCa(console, monkeypatch)
