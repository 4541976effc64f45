"""What is put in place is on the disk first: read off the calls that were made, in their order."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest

from tests.faults.sweep import Sweep

pytestmark = pytest.mark.faults

_OF_A_FILE = re.compile(r"(?:fsync|fdatasync)\(\d+<([^>]+)>\) += 0")
_OF_ALL = re.compile(r"syncfs\(\d+<([^>]+)>\) += 0")
_WRITTEN = re.compile(r"(?:write|pwrite64)\(\d+<(/[^>]+)>")
_PLACED = re.compile(r'(?:rename|link)\("([^"]+)", "([^"]+)"\) += 0')
_MADE = re.compile(r'(?:mkdir\(|symlink\("[^"]+", )"([^"]+)".*\) += 0')


@dataclass
class Account:
    """What is not on the disk yet, and what was put in place nevertheless."""

    unsynced: set[str] = field(default_factory=set)
    early: list[str] = field(default_factory=list)
    unsynced_folders: set[str] = field(default_factory=set)
    placed: list[str] = field(default_factory=list)


def account(lines: Iterable[str], world: str) -> Account:
    """Follow the calls: a write leaves a file unsynced, and a new name the folder that it is in."""
    found = Account()

    def absolute(path: str) -> str:
        return os.path.join(world, path)

    for line in lines:
        if written := _WRITTEN.match(line):
            found.unsynced.add(written[1])
        elif synced := _OF_A_FILE.match(line):
            found.unsynced.discard(synced[1])
            found.unsynced_folders.discard(synced[1])
        elif _OF_ALL.match(line):
            found.unsynced.clear()
            found.unsynced_folders.clear()
        elif made := _MADE.match(line):
            found.unsynced_folders.add(os.path.dirname(absolute(made[1])))
        elif placed := _PLACED.match(line):
            old, new = (absolute(one) for one in placed.groups())
            found.placed.append(new)
            within = [one for one in found.unsynced if one == old or one.startswith(old + "/")]
            found.early += [f"{one} as {new}" for one in within]
            found.unsynced_folders.add(os.path.dirname(new))
    return found


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("add-first", 1),
        ("export-exim-first", 3),
        ("export-exim", 2),
        ("export-pem-first", 3),
        ("export-pem", 3),
        ("rollback-exim", 1),
        ("rollback-pem", 2),
        ("db-upgrade", 1),
    ],
)
def test_what_is_put_in_place_is_on_the_disk_before(
    sweep: Callable[[str], Sweep], name: str, least: int
) -> None:
    """Every file is synced before it gets its final name by rename or link, and each folder that
    got a new name is synced before the command ends."""
    swept = sweep(name)
    found = account(swept.log, str(swept.world))
    assert len(found.placed) >= least, "nothing was put in place: nothing was looked at"
    assert found.early == []
    assert found.unsynced_folders == set()


@pytest.mark.parametrize("lacking", ["fsync", "syncfs"])
def test_a_missing_sync_would_be_noticed(sweep: Callable[[str], Sweep], lacking: str) -> None:
    """The same calls without those syncs do not pass."""
    swept = sweep("export-pem")
    lines = [line for line in swept.log if not line.startswith(lacking + "(")]
    found = account(lines, str(swept.world))
    assert found.early or found.unsynced_folders


def test_the_map_is_not_in_force_before_its_sets_are_on_the_disk(
    sweep: Callable[[str], Sweep],
) -> None:
    """All that an Exim's generation needs is forced to the disk in one go before ``current`` is
    turned to it, and that turn is the last thing that is put in place of the data."""
    swept = sweep("export-exim")
    data = [line for line in swept.log if "/exim/trustctl" in line and "snippets" not in line]
    turn = next(
        at for at, line in enumerate(data) if line.startswith("rename(") and '/current"' in line
    )
    forced = next(at for at, line in enumerate(data) if line.startswith("syncfs("))
    written = [at for at, line in enumerate(data) if line.startswith("write(")]
    assert max(written) < forced < turn
    named = [at for at, line in enumerate(data) if line.startswith("rename(")]
    assert turn == max(named)
