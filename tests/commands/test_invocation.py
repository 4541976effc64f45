"""Who calls: the user behind sudo, and nobody who merely says so."""

from __future__ import annotations

import os

import pytest

from tests import certs
from tests.console import Console


def _actor(console: Console, made: certs.Made) -> tuple[str, str]:
    """The journal's actor and the default voucher of an addition."""
    file = console.write("p.pem", made.pem)
    console("add", file, "--peer", "foo", "--fingerprint", made.fingerprint)
    entry = console("journal", "--last", "1", "--json").json[0]
    return entry["actor"], entry["details"]["voucher"]


@pytest.mark.skipif(os.geteuid() != 0, reason="sudo's variable is believed of root alone")
def test_root_is_the_user_behind_sudo(
    console: Console, foo: certs.Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SUDO_USER is who typed the command, and who vouches unless told otherwise."""
    monkeypatch.setenv("SUDO_USER", "ann")
    assert _actor(console, foo) == ("ann", "ann")


@pytest.mark.parametrize("name", ["", "\x1b[31m", "a\nb", "x" * 300, "\u202eann"])
def test_a_name_that_is_none(
    console: Console, foo: certs.Made, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """What cannot be a name is not recorded as one."""
    monkeypatch.setenv("SUDO_USER", name)
    actor, voucher = _actor(console, foo)
    assert actor == voucher
    assert actor in ("root", f"uid {os.getuid()}") or os.geteuid() != 0
    assert actor.isprintable()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_another_user_cannot_claim_a_name(console: Console, foo: certs.Made) -> None:
    """Without root's uid the variable is anybody's to set: the process's user counts."""
    import subprocess
    import sys

    console.folder.chmod(0o777)
    for parent in list(console.folder.parents)[:3]:
        parent.chmod(parent.stat().st_mode | 0o055)
    file = console.write("p.pem", foo.pem)
    database = str(console.folder / "theirs" / "t.db")
    words = ("add", file, "--peer", "foo", "--fingerprint", foo.fingerprint)
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
         sys.executable, "-m", "trustctl", "--db", database, *words],
        env={"PATH": os.environ["PATH"], "SUDO_USER": "ann"}, capture_output=True, text=True,
        cwd="/", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done
    assert "vouched by   nobody" in done.stdout
    assert "ann" not in done.stdout


def test_an_answer_needs_a_terminal_on_both_sides(console: Console, foo: certs.Made) -> None:
    """A yes on standard input is no person's: scripts type --yes."""
    console.pin(foo, "foo")
    ran = console.fails("unprotect", "foo.test", code=9, stdin=b"y\n")
    assert "no terminal" in ran.err
    assert console.process("unprotect", "foo.test", stdin=b"y\n").code == 9
