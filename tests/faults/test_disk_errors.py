"""The disk is full, or fails: an error that says so, nothing half-written, later it succeeds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.operations import OPERATIONS
from tests.faults.sweep import Sweep

pytestmark = pytest.mark.faults
GROUPED = [pytest.param(one, marks=pytest.mark.xdist_group(one)) for one in OPERATIONS]
FILLING = ("pwrite64", "write", "ftruncate", "mkdir", "link", "symlink", "rename")
"""Calls that need room on the disk."""
BREAKING = (*FILLING, "fsync", "fdatasync", "syncfs", "unlink", "fchmod", "chmod")
"""Calls that a failing disk fails."""


def some(numbers: list[int], most: int) -> list[int]:
    """The first, the last, and as many between."""
    step = max(1, (len(numbers) + most - 2) // (most - 1))
    return sorted({*numbers[::step], *numbers[-1:]})


@pytest.mark.parametrize("name", GROUPED)
def test_a_full_disk_is_an_error_and_nothing_else(sweep: Callable[[str], Sweep], name: str) -> None:
    """With no room from any call on, the old state stands or the new one is complete, the error
    says what failed and what to type, nothing half-written is left, and with room it succeeds."""
    swept = sweep(name)
    ended = [
        swept.fail(call, "ENOSPC", f"{number}+")
        for call in FILLING
        for number in some(swept.chosen(call), 3)
    ]
    assert any(one.code != 0 for one in ended), "no failure was ever noticed"


@pytest.mark.parametrize("name", GROUPED)
def test_a_failing_disk_is_an_error_and_nothing_else(
    sweep: Callable[[str], Sweep], name: str
) -> None:
    """The same for each kind of call that fails once, the calls after it succeeding."""
    swept = sweep(name)
    ended = [
        swept.fail(call, "EIO", str(number))
        for call in BREAKING
        for number in some(swept.chosen(call), 2)
    ]
    assert any(one.code != 0 for one in ended), "no failure was ever noticed"
