"""Places that cannot be written or read: a clear error, nothing lost, nothing half-written."""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path

import pytest

from tests import certs
from tests.console import Console
from tests.faults.typed import NOBODY, at_most, mounted, refused, typed, world_can_reach
from tests.publish.box import tree
from tests.tools import require, require_root

pytestmark = pytest.mark.faults
EXIM = ("export", "--to", "target", "--format", "exim", "--yes")
PEM = ("export", "--to", "target", "--format", "pem", "--yes")
_ON_TMPFS = """
mount -t tmpfs -o size=2m tmpfs {place}
cp -a {place}.kept/. {place}/
head -c $(($(df -B1 --output=avail {place} | tail -1) - {left})) /dev/zero > {place}/filler
"$@"
status=$?
rm -f {place}/filler
cp -a {place}/. {place}.after/
exit $status
"""


@pytest.fixture(autouse=True)
def _needs() -> None:
    require_root()
    require("unshare", "setpriv", "prlimit")


@pytest.fixture
def pinned(console: Console, foo: certs.Made) -> Console:
    """Foo is trusted, and exported to ``target``; bar has been added since."""
    console.pin(foo, "foo")
    console.target.mkdir(mode=0o755)
    return console


def on_a_full_disk(place: Path, left: int) -> tuple[str, ...]:
    """A prefix: the folder's content on a tmpfs on which so many bytes are left; what is there in
    the end, once the disk is no longer filled up, is copied to ``PLACE.after``."""
    place.rename(f"{place}.kept")
    for one in (place, Path(f"{place}.after")):
        one.mkdir(mode=0o755)
    script = _ON_TMPFS.format(place=place, left=left)
    return ("unshare", "-m", "sh", "-c", script, "sh")


def after(place: Path) -> None:
    """Take what was on the full disk, on a disk with room."""
    place.rmdir()
    Path(f"{place}.after").rename(place)


@pytest.mark.parametrize("left", [0, 16384, 40960])
def test_no_room_for_the_inventory(pinned: Console, bar: certs.Made, left: int) -> None:
    """An add that finds no room says so; what was there is whole, and with room it succeeds."""
    file = pinned.write("bar.pem", bar.pem)
    words = ("add", file, "--peer", "bar", "--domain", "bar.test")
    before = pinned("dump").out
    ran = typed(pinned, *words, before=on_a_full_disk(pinned.db.parent, left))
    after(pinned.db.parent)
    refused(ran, 6, str(pinned.db))
    assert "no space left" in ran.err or "the disk is full" in ran.err
    assert pinned("dump").out == before
    assert "is sound" in pinned("db", "check").out
    pinned(*words)
    assert "bar.test" in pinned("dump").out


def test_no_room_for_a_first_inventory(console: Console, foo: certs.Made) -> None:
    """Where there is no room for a new inventory there is none afterwards, not even in part."""
    file = console.write("foo.pem", foo.pem)
    console.db.parent.mkdir(mode=0o700)
    words = ("add", file, "--peer", "foo")
    ran = typed(console, *words, before=on_a_full_disk(console.db.parent, 61440))
    after(console.db.parent)
    refused(ran, 6, str(console.db))
    assert os.listdir(console.db.parent) == []
    console(*words)


@pytest.mark.parametrize("words", [EXIM, PEM], ids=["exim", "pem"])
def test_no_room_for_an_export(pinned: Console, bar: certs.Made, words: tuple[str, ...]) -> None:
    """What is in force stays in force, to the byte; with room the same command succeeds."""
    pinned(*words)
    for number in range(30):
        pinned.pin(certs.self_signed(f"mx.p{number}.test", key=bar.key), f"p{number}")
    before = tree(pinned.target)
    ran = typed(pinned, *words, before=on_a_full_disk(pinned.target, 8192))
    after(pinned.target)
    refused(ran, 7, "no space left", "make room")
    assert tree(pinned.target) == before
    assert "generation 2" in pinned(*words).out


def test_a_limit_on_the_size_of_files(pinned: Console, bar: certs.Made) -> None:
    """prlimit --fsize is a disk that is full: an error, no death by SIGXFSZ, nothing changed."""
    for number in range(20):
        pinned.pin(certs.self_signed(f"mx.p{number}.test", key=bar.key), f"p{number}")
    before = tree(pinned.target), pinned("dump").out
    for words, code in ((PEM, 7), (("add", pinned.write("b.pem", bar.pem), "--peer", "bar"), 6)):
        ran = typed(pinned, *words, before=("prlimit", "--fsize=4096"))
        assert ran.code in (6, code), ran
        assert ran.err.splitlines()[-1].startswith("hint: "), ran
        assert (tree(pinned.target), pinned("dump").out) == before


@pytest.mark.parametrize("words", [EXIM, PEM], ids=["exim", "pem"])
def test_a_read_only_target(pinned: Console, bar: certs.Made, words: tuple[str, ...]) -> None:
    """Told as such, and what is there is as it was; written again once it can be."""
    pinned(*words)
    pinned.pin(bar, "bar")
    before = tree(pinned.target)
    target = pinned.target
    ran = typed(
        pinned, *words, before=mounted(f"--bind {target} {target}", f"-o remount,ro,bind {target}")
    )
    refused(ran, 7, "read-only file system", "remount it writable")
    assert tree(target) == before
    assert "generation 2" in pinned(*words).out


def test_a_read_only_inventory(pinned: Console, bar: certs.Made) -> None:
    """It can be read, and a write is refused in one line; it is as it was."""
    place = pinned.db.parent
    before = mounted(f"--bind {place} {place}", f"-o remount,ro,bind {place}")
    assert "foo.test" in typed(pinned, "list", before=before).out
    file = pinned.write("bar.pem", bar.pem)
    dumped = pinned("dump").out
    refused(typed(pinned, "add", file, "--peer", "bar", before=before), 6, str(pinned.db))
    assert pinned("dump").out == dumped


def test_no_permission(pinned: Console, bar: certs.Made) -> None:
    """Another user reads no inventory, and writes neither it nor a target of root's."""
    pinned(*PEM)
    pinned.pin(bar, "bar")
    world_can_reach(pinned.folder)
    before, dumped = tree(pinned.target), pinned("dump").out
    file = pinned.write("b.pem", bar.pem)
    for words in (("list",), PEM, ("add", file, "--peer", "bar")):
        refused(typed(pinned, *words, before=NOBODY), 6, str(pinned.db), "permission denied")
    # an inventory of their own does not help them to root's target
    own = pinned.folder / "own"
    own.mkdir(mode=0o777)
    own.chmod(0o777)
    other = Console(own)
    assert typed(other, "add", file, "--peer", "bar", before=NOBODY).code == 0
    by_force = ("export", "--to", str(pinned.target), "--format", "pem", "--force", "--yes")
    refused(typed(other, *by_force, before=NOBODY), 7)
    assert tree(pinned.target) == before
    assert pinned("dump").out == dumped


def unsafe(place: Path, how: str) -> None:
    """Put something in the target's place that somebody else could change or lead elsewhere."""
    if how == "is a symbolic link":
        place.symlink_to("real")
    elif how == "is not a folder":
        place.write_text("mine")
    else:
        place.mkdir()
        if how == "belongs to user 65534":
            os.chown(place, 65534, -1)
        else:
            place.chmod(0o777)


@pytest.mark.parametrize(
    "how",
    ["is a symbolic link", "is not a folder", "belongs to user 65534", "everybody may write"],
)
@pytest.mark.parametrize("kind", ["exim", "pem"])
def test_a_target_that_is_not_safe(pinned: Console, kind: str, how: str) -> None:
    """Refused with the reason; not a byte is written there, or where it leads."""
    (pinned.folder / "real").mkdir()
    pinned.target.rmdir()
    unsafe(pinned.target, how)
    before = tree(pinned.folder)
    refused(typed(pinned, "export", "--to", "target", "--format", kind), 7, how)
    touched = {
        one for one in tree(pinned.folder).items() ^ before.items() if "/inventory" not in one[0]
    }
    assert touched == set()


def test_little_memory(pinned: Console, bar: certs.Made) -> None:
    """With too little memory for anything it ends with an error or is ended; nothing is changed."""
    file = pinned.write("bar.pem", bar.pem)
    dumped, codes = pinned("dump").out, []
    for megabytes in (20, 60, 80, 100, 120):
        done = subprocess.run(
            ["trustctl", "--db", str(pinned.db), "add", file, "--peer", "bar"],
            capture_output=True,
            check=False,
            preexec_fn=at_most(resource.RLIMIT_AS, megabytes << 20),
        )
        codes.append(done.returncode)
        if done.returncode != 0:
            assert pinned("dump").out == dumped
    assert codes[0] != 0, "there was memory enough: nothing was tried"
    assert "is sound" in pinned("db", "check").out
