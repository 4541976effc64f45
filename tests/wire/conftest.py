"""Fixtures that the tests of the wire share."""

from __future__ import annotations

import ssl

import pytest

from tests import certs
from tests.wire.hosts import server_context


@pytest.fixture(scope="session")
def context(foo: certs.Made) -> ssl.SSLContext:
    """TLS of the peer foo."""
    return server_context(foo)
