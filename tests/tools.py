"""Programs that tests compare with: a user's machine may lack them, CI may not."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping

import pytest


def require(*names: str, path: str | None = None) -> None:
    """Skip the test where one of these programs is not installed; fail it in CI.

    Args:
        path: where they are looked for; None: in this process's PATH.
    """
    lacking = [one for one in names if shutil.which(one, path=path) is None]
    if lacking:
        reason = f"not installed: {', '.join(lacking)}"
        if os.environ.get("TRUSTCTL_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


def require_root() -> None:
    """Skip the test where it is not root's; fail it in CI."""
    if os.geteuid() != 0:
        if os.environ.get("TRUSTCTL_REQUIRE_ALL") == "1":
            pytest.fail("needs root")
        pytest.skip("needs root")


def output(*words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
    """What a program prints; it has to end well."""
    ran = subprocess.run(words, input=stdin, capture_output=True, check=False, env=env, timeout=60)
    assert ran.returncode == 0, ran.stderr.decode(errors="replace")
    return ran.stdout
