"""Fixtures that every layer's tests share."""

from __future__ import annotations

import pytest

from tests import certs


@pytest.fixture(scope="session")
def foo() -> certs.Made:
    """One ordinary peer's self-signed certificate, for mx.foo.test."""
    return certs.self_signed("mx.foo.test")


@pytest.fixture(scope="session")
def bar() -> certs.Made:
    """Another ordinary peer's, for mx.bar.test."""
    return certs.self_signed("mx.bar.test")
