"""Killed at any step, ``ca revoke``, ``ca crl`` and ``ca ocsp`` leave nothing signed that the
inventory does not know, and no number that was used for two lists."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.authority import OwnCa
from tests.commands.ca.test_crl import number
from tests.tools import require
from trustctl.ca import crl

pytestmark = pytest.mark.faults
MX = "mx1.foo.test"
CALLS = ("pwrite64", "fdatasync", "fsync", "rename")
PARTS = ("inventory", "crl", "ocsp")
_MOST = 400


@pytest.fixture
def begun(own: OwnCa) -> OwnCa:
    """A CA with a host, a list and a staple, and one revocation that no list has yet."""
    own.init("--permit", "foo.test")
    own.issue(MX, "mx2.foo.test")
    for name in ("crl", "ocsp"):
        (own.console.folder / name).mkdir()
    own("crl", "--out", str(own.console.folder / "crl" / "crl.pem"))
    own("ocsp", "--out", str(own.console.folder / "ocsp"))
    own("revoke", "mx2.foo.test", "--reason", "superseded", "--yes")
    return own


def killed(own: OwnCa, words: tuple[str, ...], call: str, at: int) -> bool:
    """Run a command that is killed at its numbered call; False: it ended before that."""
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
         "-e", f"inject={call}:signal=SIGKILL:when={at}",
         sys.executable, "-m", "trustctl", "--db", str(own.console.db), "ca", *words],
        capture_output=True, check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode in (0, -signal.SIGKILL), done
    return done.returncode != 0


def signed(own: OwnCa) -> tuple[list[bytes], list[bytes]]:
    """The lists and the staples that the inventory knows; each list has the number that it says."""
    with closing(sqlite3.connect(own.console.db)) as raw:
        lists = raw.execute("SELECT number, der FROM crl ORDER BY issuer, number").fetchall()
        staples = [row[0] for row in raw.execute("SELECT der FROM staple ORDER BY id")]
    assert [row[0] for row in lists] == [crl.read(row[1]).number for row in lists]
    return [row[1] for row in lists], staples


def look(own: OwnCa) -> None:
    """What is outside of the inventory is in it, and the journal tells all of it."""
    own.console("journal", "verify")
    lists, staples = signed(own)
    path = own.console.folder / "crl" / "crl.pem"
    found = x509.load_pem_x509_crl(path.read_bytes())
    assert found.public_bytes(Encoding.DER) in lists
    for one in (own.console.folder / "ocsp").glob("*.ocsp"):
        assert one.read_bytes() in staples


@pytest.mark.parametrize("what", ["revoke", "crl", "ocsp"])
def test_a_kill_at_any_step(begun: OwnCa, what: str) -> None:
    """The command can be typed again, and ends as if nothing had been."""
    require("strace")
    own, folder = begun, begun.console.folder
    words = {
        "revoke": ("revoke", MX, "--reason", "superseded", "--yes"),
        "crl": ("crl", "--force", "--out", str(folder / "crl" / "crl.pem")),
        "ocsp": ("ocsp", "--out", str(folder / "ocsp")),
    }[what]
    kills, left = 0, set()
    for name in PARTS:
        shutil.copytree(folder / name, folder / "begin" / name)
    for call in CALLS:
        step = 1
        while step < _MOST:
            for name in PARTS:
                shutil.rmtree(folder / name)
                shutil.copytree(folder / "begin" / name, folder / name)
            before = signed(own)
            if not killed(own, words, call, step):
                break
            kills += 1
            look(own)
            after = signed(own)
            assert after[0][: len(before[0])] == before[0]
            done = len(after[0]) > len(before[0]) or len(after[1]) > len(before[1])
            left.add(done)
            listed = [one for one in own("list", "--revoked", "--json").json if one["host"] == MX]
            if not (what == "revoke" and listed):
                own(*words)
            look(own)
            if what == "crl":
                assert number((folder / "crl" / "crl.pem").read_text()) == 2 + done
            # of many like calls in a row some
            step += 1 if step < 3 or call != "pwrite64" else 15
    assert kills > 5
    assert left == ({False} if what == "revoke" else {False, True})
