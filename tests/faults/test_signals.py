"""Interrupted, terminated or left by its terminal in the middle of something: all is whole."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.faults.sweep import Sweep

pytestmark = pytest.mark.faults
STOPS = {
    "import": ["pwrite64", "fdatasync", "unlink"],
    "export-exim-first": ["write", "mkdir", "rename", "fsync", "symlink", "fdatasync"],
    "export-pem": ["write", "rename", "fsync", "symlink", "fdatasync"],
}


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.xdist_group(one)) for one in STOPS]
)
def test_a_signal_in_the_middle(
    sweep: Callable[[str], Sweep], name: str, sent: signal.Signals
) -> None:
    """The old state stands or the new one is complete, it does not claim what is not so, and typed
    again it ends as if undisturbed."""
    swept = sweep(name)
    for call in STOPS[name]:
        swept.interrupt(call, (swept.counts[call] + 1) // 2, sent)
        swept.interrupt(call, swept.counts[call], sent)
