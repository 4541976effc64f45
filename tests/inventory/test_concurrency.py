"""Eight writers at once: nothing is lost, nothing is there twice."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.certs import self_signed
from tests.inventory.store import Store, addition, strong
from trustctl.inventory import upkeep

WRITERS, ADDS, SHARED, COMMANDS = 8, 200, 5, 2

# every addition in a transaction of its own; the certificates have been read beforehand
_WRITER = """
import pickle, sys
from pathlib import Path
from trustctl.inventory.additions import Additions
from trustctl.inventory.transaction import writing
path, number = Path(sys.argv[1]), int(sys.argv[2])
wanted = pickle.loads(Path(sys.argv[3]).read_bytes())[number]
sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
for one in wanted:
    with writing(path, f"writer{number}", 1900000000, create=True) as tx:
        Additions(tx).add(one)
"""

_COMMANDS = """
import subprocess, sys
sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
for command in sys.argv[1:]:
    subprocess.run([sys.executable, "-m", "trustctl", *command.split()], check=True,
                   stdout=subprocess.DEVNULL)
"""


def _run_at_once(commands: list[list[str]]) -> None:
    """Start all, let them go together, and wait; none may fail or complain."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", *one], cwd="/",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for one in commands
    ]  # fmt: skip
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in running:
        _out, said = process.communicate()
        assert (process.returncode, said) == (0, b"")


def test_eight_writers_of_two_hundred_adds_each_lose_nothing(store: Store, tmp_path: Path) -> None:
    """1,600 certificates, and five more that all eight add: each is there once, by one journal."""
    key = strong().key  # a key of one's own for each would only take time
    made = [strong(f"mx.p{number}.test", key=key) for number in range(WRITERS * ADDS + SHARED)]
    shared = [addition(f"s{at}", made[at], f"s{at}.test") for at in range(SHARED)]
    wanted = []
    for writer in range(WRITERS):
        first = SHARED + writer * ADDS
        own = [
            addition(f"p{number}", made[number], f"p{number}.test")
            for number in range(first, first + ADDS)
        ]
        wanted.append([*shared, *own])
    (tmp_path / "wanted").write_bytes(pickle.dumps(wanted))
    _run_at_once(
        [[_WRITER, str(store.path), str(at), str(tmp_path / "wanted")] for at in range(WRITERS)]
    )
    peers = store.peers()
    assert len(peers) == WRITERS * ADDS + SHARED
    assert all(len(one.pins) == len(one.domains) == 1 for one in peers.values())
    assert all(len(one.pins[0].vouches) == 1 for one in peers.values())
    assert {pin.certificate.fingerprint for one in peers.values() for pin in one.pins} == {
        one.fingerprint for one in made
    }
    entries = store.journal()
    assert [one.seq for one in entries] == list(range(1, 4 * len(made) + 1))
    by_writer = Counter(one.actor for one in entries if one.action == "pin.add")
    assert sum(by_writer.values()) == len(made)
    assert len(by_writer) == WRITERS
    assert min(by_writer.values()) >= ADDS
    assert store.verify() == []
    assert store.ask(upkeep.check) == []


def test_eight_commands_at_once_lose_nothing(store: Store, tmp_path: Path) -> None:
    """The real ``trustctl add``, the first of them making the inventory."""
    commands = []
    for writer in range(WRITERS):
        mine = []
        for at in range(COMMANDS):
            name = f"w{writer}n{at}"
            made = self_signed(f"mx.{name}.test")
            (tmp_path / f"{name}.pem").write_bytes(made.pem)
            mine.append(
                f"--db {store.path} add {tmp_path}/{name}.pem --peer {name} "
                f"--domain {name}.test --fingerprint={made.fingerprint} --vouched-by Ann"
            )
        commands.append([_COMMANDS, *mine])
    _run_at_once(commands)
    peers = store.peers()
    assert set(peers) == {f"w{w}n{at}" for w in range(WRITERS) for at in range(COMMANDS)}
    assert all(len(one.pins) == 1 == len(one.pins[0].vouches) for one in peers.values())
    assert len(store.journal()) == 4 * WRITERS * COMMANDS
    assert store.verify() == []


def test_of_two_who_want_one_domain_one_gets_it(store: Store, tmp_path: Path) -> None:
    """Eight peers claim the same domain at once: one owns it, seven left nothing at all."""
    losing = _COMMANDS.replace("check=True", "check=False, stderr=subprocess.DEVNULL")
    commands = []
    for writer in range(WRITERS):
        made = self_signed(f"mx.w{writer}.test")
        (tmp_path / f"{writer}.pem").write_bytes(made.pem)
        claim = (
            f"--db {store.path} add {tmp_path}/{writer}.pem --peer w{writer} "
            f"--domain wanted.test --fingerprint={made.fingerprint}"
        )
        commands.append([losing, claim])
    _run_at_once(commands)
    (owner,) = store.peers().values()
    assert owner.domains == ("wanted.test",)
    assert len(store.journal()) == 4
    assert store.verify() == []
