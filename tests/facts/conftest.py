"""What both TLS libraries make of a trust anchor."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.certs import Made

AnchorVerifies = Callable[[Made, Made], bool]
"""Whether OpenSSL or GnuTLS takes the first for the second's issuer."""


@pytest.fixture
def anchor_verifies(tmp_path: Path) -> AnchorVerifies:
    """Asks ``openssl verify`` and ``certtool --verify``."""
    if shutil.which("certtool") is None:
        if os.environ.get("TRUSTCTL_REQUIRE_ALL") == "1":
            pytest.fail("certtool (gnutls-bin) is missing")
        pytest.skip("certtool (gnutls-bin) is missing")

    def ask(anchor: Made, leaf: Made) -> bool:
        trusted, presented = tmp_path / "anchor.pem", tmp_path / "leaf.pem"
        trusted.write_bytes(anchor.pem)
        presented.write_bytes(leaf.pem)
        by_openssl = ["openssl", "verify", "-CAfile", str(trusted), str(presented)]
        by_gnutls = ["certtool", "--verify", "--load-ca-certificate", str(trusted)]
        by_gnutls += ["--infile", str(presented)]
        return any(
            subprocess.run(one, capture_output=True, check=False).returncode == 0
            for one in (by_openssl, by_gnutls)
        )

    return ask
