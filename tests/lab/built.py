"""Debian's Exim as tests/lab/openssl-exim builds it: with OpenSSL in the place of GnuTLS."""

from __future__ import annotations

import os
from pathlib import Path

BUILT = Path(__file__).resolve().parents[2] / ".cache" / "exim-openssl" / "usr" / "sbin" / "exim4"
BUILDS = "tests/lab/openssl-exim builds it"


def demanded() -> bool:
    """Whether it is to be everybody's Exim in this run of the tests."""
    return os.environ.get("TRUSTCTL_LAB_EXIM") == "openssl"
