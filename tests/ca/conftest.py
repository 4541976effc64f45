"""Fixtures of the private CA's tests."""

from __future__ import annotations

import pytest

from tests.ca.own import Own, own


@pytest.fixture(scope="session")
def ours() -> Own:
    """An ECDSA hierarchy that is held to bar.test."""
    return own()
