"""Fixtures of the tests of commands."""

from __future__ import annotations

import pytest

from tests import certs
from tests.console import Console


@pytest.fixture
def two(console: Console, foo: certs.Made, bar: certs.Made) -> Console:
    """Two trusted peers, and nothing exported yet."""
    console.pin(foo, "foo")
    console.pin(bar, "bar")
    return console
