"""Readers and writers at once: one state or the other, whole, and none lost."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.publish.targets import NOW, Target
from trustctl import files
from trustctl.errors import TargetError
from trustctl.publish import store

_FOLDER = Path(__file__).resolve().parents[2]


@pytest.fixture
def target(tmp_path: Path) -> Target:
    """An Exim's folder that is not there yet."""
    return Target(tmp_path)


_READER = """
import hashlib, json, os, sys
from pathlib import Path
from trustctl.export import cdb
root, looks, seen = Path(sys.argv[1]), 0, set()
print("ready", flush=True)
while not (root / "stop").exists():
    generation = os.readlink(root / "current")
    data = (root / "current" / "peers.cdb").read_bytes()
    entries = {k.decode(): v.decode() for k, v in cdb.items(data) if k != b"*"}
    for value in entries.values():
        name = value.split()[0].removeprefix("set=")
        try:
            content = (root / "sets" / name).read_bytes()
        except FileNotFoundError:
            # five exports have passed since the map was read
            assert os.readlink(root / "current") != generation, name
            break
        assert hashlib.sha256(content).hexdigest() + ".pem" == name
    looks += 1
    seen.add(json.dumps(entries))
print(json.dumps([looks, sorted(seen)]))
"""


def test_a_reader_sees_one_state_or_the_other_whole(target: Target) -> None:
    """A process that looks up domains and opens their sets all the while finds, at each look, a
    state that was exported, with every set whole."""
    states, peers = [], [target.peer(f"p{one}", one) for one in range(10)]
    target.export(*peers)
    states.append(target.entries())
    reader = subprocess.Popen(
        [sys.executable, "-c", _READER, str(target.place.root)],
        stdout=subprocess.PIPE, text=True, cwd=_FOLDER,
    )  # fmt: skip
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n"
    for number in range(40):
        peers = [target.peer(f"p{one}", (one + number) % 12) for one in range(10)]
        target.export(*peers)
        states.append(target.entries())
    (target.place.root / "stop").touch()
    looks, seen = json.loads(reader.communicate()[0])
    assert reader.returncode == 0
    assert looks > 1
    assert {json.dumps(json.loads(one)) for one in seen} <= {json.dumps(one) for one in states}


_EXPORTER = """
import sys
from pathlib import Path
from tests.publish.targets import Target
from trustctl.errors import TargetError
target, me, done = Target(Path(sys.argv[1])), int(sys.argv[2]), 0
peers = [target.peer(f"p{one}", one) for one in range(3)]
while done < 5:
    try:
        done += target.export(*peers, target.peer("mine", me * 10 + done)) is not None
    except TargetError as error:
        assert "meanwhile" in error.message, error.message
print(done)
"""


def test_concurrent_exports_follow_one_another(target: Target) -> None:
    """Processes that export at once each write whole generations, or are told that another was
    first; none is lost, none is written twice."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _EXPORTER, str(target.folder), str(one)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=_FOLDER,
        )
        for one in range(1, 4)
    ]  # fmt: skip
    said = [one.communicate() for one in running]
    assert [out for out, _err in said] == ["5\n"] * 3, said
    # how often one has nothing to do because another's state is its own does not matter
    assert target.place.current_number() == target.place.numbers()[-1] == 15
    assert not target.place.leftovers()


def test_an_export_from_an_older_plan_is_refused(target: Target) -> None:
    """What was planned before another export is not written over it."""
    target.export(target.peer("foo", 1))
    old = target.plan(target.peer("foo", 2))
    target.export(target.peer("foo", 3))
    before = target.tree()
    with pytest.raises(TargetError, match="another export was made meanwhile"):
        store.carry_out(old, now=NOW)
    assert target.tree() == before


def test_an_export_waits_for_the_lock(target: Target) -> None:
    """While another holds it nothing is written."""
    target.export(target.peer("foo", 1))
    planned = target.plan(target.peer("foo", 2))
    with files.locked(target.place.root / "lock"):
        writing = threading.Thread(target=store.carry_out, args=(planned,), kwargs={"now": NOW})
        writing.start()
        assert target.place.current_number() == 1
    writing.join()
    assert target.place.current_number() == 2
