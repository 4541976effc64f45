"""The sweep notices what it looks for: torn files, a forged inventory, claims ahead of the disk."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.faults.sweep import Sweep

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("export-exim")]


@pytest.mark.parametrize("name", ["peers.cdb", "peers.map", "ca-certificates.crt", "manifest"])
def test_a_torn_file_is_noticed(sweep: Callable[[str], Sweep], name: str) -> None:
    """Half of any file of the generation in force does not pass."""
    swept = sweep("export-exim")
    swept.restore()
    path = swept.world / "exim/trustctl/current" / name
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(AssertionError):
        swept.look("half of it is gone")


def test_a_torn_trust_set_is_noticed(sweep: Callable[[str], Sweep]) -> None:
    """Nor does half of a trust set."""
    swept = sweep("export-exim")
    swept.restore()
    named = next(
        one for one in swept.old.in_force["exim/trustctl"] or () if len(one) == 64 + len(".pem")
    )
    os.truncate(swept.world / "exim/trustctl/sets" / named, 100)
    with pytest.raises(AssertionError, match="torn"):
        swept.look("half of it is gone")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE peer SET name = 'mallory' WHERE name = 'peer000001'",
        "DELETE FROM domain WHERE name = 'peer000001.example'",
        "UPDATE current_generation SET number = 1",
    ],
)
def test_another_inventory_is_noticed(sweep: Callable[[str], Sweep], statement: str) -> None:
    """A row that is neither the old nor the new one does not pass, nor what lacks its entry."""
    swept = sweep("export-exim")
    swept.restore()
    with closing(sqlite3.connect(swept.world / "inventory/trustctl.db")) as connection:
        connection.execute(statement)
        connection.commit()
    with pytest.raises(AssertionError):
        swept.look("a row was changed")


def test_an_untouched_state_passes(sweep: Callable[[str], Sweep]) -> None:
    """What nobody touched is the old state."""
    swept = sweep("export-exim")
    swept.restore()
    assert swept.look("nothing happened") == swept.old
