"""The root command and the error boundary, in real processes."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests import certs
from tests.console import Console
from trustctl import __version__, cli

# a shell's background job ignores ^C, and so would what it starts
_INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from trustctl.cli import main
main()
"""
_SCRIPT = Path(sys.executable).with_name("trustctl")


@pytest.fixture
def pinned(console: Console, foo: certs.Made) -> Console:
    """Foo is pinned."""
    console.pin(foo, "foo")
    return console


@pytest.mark.parametrize("how", [[sys.executable, "-m", "trustctl"], [str(_SCRIPT)]])
def test_both_ways_to_call_it(pinned: Console, how: list[str]) -> None:
    """The console script and the module are the same program, exit codes and all."""
    env = {**os.environ, "TRUSTCTL_DB": str(pinned.db)}

    def call(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            [*how, *words], env=env, capture_output=True, text=True, check=False, timeout=60
        )
        return done.returncode, done.stdout

    assert call("--version") == (0, f"trustctl {__version__}\n")
    assert call("check", "foo.test")[0] == 0
    assert call("check", "bar.test")[0] == 1
    assert call("--help")[1].startswith("Usage: trustctl [OPTIONS] COMMAND")
    assert call("nonsense")[0] == 2


@pytest.mark.parametrize(
    ("words", "code"),
    [(("audit",), 1), (("check", "bar.test"), 1), (("check", "foo.test"), 0), (("list",), 0)],
)
def test_the_answer_is_the_exit_code(pinned: Console, words: tuple[str, ...], code: int) -> None:
    """What a command decided reaches the shell: a script that asks never takes a no for a yes."""
    assert pinned.process(*words).code == code


def test_mistakes_are_one_line_and_a_hint(console: Console) -> None:
    """In lower case, with what to type instead."""
    for words, said, hint in (
        (("lst",), "there is no command lst", "did you mean: trustctl list"),
        (("xyzzy",), "there is no command xyzzy", "trustctl --help"),
        (("add",), "missing argument 'FILE...'", "trustctl add --help"),
        (("list", "--nonsense"), "no such option '--nonsense'", "trustctl list --help"),
        (("db", "frobnicate"), "no such command 'frobnicate'", "trustctl db --help"),
        (("list", "extra"), "got unexpected extra argument (extra)", "trustctl list --help"),
    ):
        lines = console.fails(*words, code=2).err.splitlines()
        assert lines[0].startswith(f"trustctl: error: {said}"), lines
        assert lines[1] == f"hint: {hint}"
        assert len(lines) == 2


def test_no_command_shows_the_help(console: Console) -> None:
    """On stderr, as a usage error: it did nothing."""
    for words in ((), ("db",)):
        ran = console.process(*words)
        assert ran.code == 2
        assert ran.err.startswith("Usage: trustctl")
        assert ran.out == ""


@pytest.mark.parametrize("stream", ["out", "err"])
def test_a_full_disk_behind_the_output(pinned: Console, stream: str) -> None:
    """An answer that could not be written is an error; errors that could not, keep their code."""
    with open("/dev/full", "wb") as full:
        if stream == "out":
            ran = pinned.process("list", stdout=full)
            assert ran.code == 7
            assert ran.err.startswith("trustctl: error: cannot write the output: no space left")
        else:
            assert pinned.process("nonsense", stderr=full).code == 2


@pytest.mark.parametrize(
    ("closing", "words", "code"),
    [
        (">&-", "list", 7),
        (">&-", "--help", 7),
        ("2>&-", "list", 0),
        ("2>&-", "nonsense", 2),
        ("<&-", "list", 0),
        ("<&-", "add - --peer foo", 4),
        ("<&-", "vouch foo", 2),
        ("<&- >&- 2>&-", "list", 7),
        ("<&- >&- 2>&-", "set vouches_required 2", 7),
    ],
)
def test_closed_streams(pinned: Console, closing: str, words: str, code: int) -> None:
    """No traceback, and nothing that is opened later is taken for a stream."""
    done = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m trustctl {words} {closing}"],
        env={**os.environ, "TRUSTCTL_DB": str(pinned.db)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert "sound" in pinned("db", "check").out


def test_a_reader_that_goes_away(pinned: Console) -> None:
    """A closed pipe is neither a yes nor a no, and says nothing."""
    for words, code in (("dump", 141), ("check bar.test", 141), ("nonsense", 2)):
        done = subprocess.run(
            ["bash", "-c", f"{sys.executable} -m trustctl {words} | true; exit ${{PIPESTATUS[0]}}"],
            env={**os.environ, "TRUSTCTL_DB": str(pinned.db), "PYTHONUNBUFFERED": ""},
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == code, done
        assert "Broken" not in done.stderr
        assert "Traceback" not in done.stderr


def _opened(pid: int) -> set[str]:
    """The files that a process has open, but for those that it closes meanwhile."""
    found = set()
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(os.readlink(one))
    return found


def test_an_interruption_while_it_waits(pinned: Console, foo: certs.Made) -> None:
    """SIGINT while another process holds the database: 130, and nothing changed."""
    before = pinned.state()
    with closing(sqlite3.connect(pinned.db, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        process = subprocess.Popen(
            [sys.executable, "-c", _INTERRUPTIBLE, "set", "vouches_required", "2"],
            env={**os.environ, "TRUSTCTL_DB": str(pinned.db)},
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        # it is waiting once it has opened the database; ^C may come earlier as well
        while str(pinned.db) not in _opened(process.pid):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        holder.execute("ROLLBACK")
        said = process.stderr.read().decode()
        assert process.wait(60) == 130
        process.stderr.close()
    assert said.startswith("trustctl: error: interrupted\n")
    assert "Traceback" not in said
    assert pinned.state() == before


@pytest.mark.parametrize(
    "env",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONWARNINGS": "error"},
        {"TERM": "dumb", "COLUMNS": "20"},
        {"COLUMNS": "500"},
        {"TZ": "Asia/Tokyo"},
        {"PYTHONOPTIMIZE": "2"},
    ],
)
def test_odd_environments(console: Console, foo: certs.Made, env: dict[str, str]) -> None:
    """A long table with an ellipsis and a name beyond ASCII come out, whatever the locale."""
    words = [word for at in range(20) for word in ("--domain", f"d{at}.foo.test")]
    console.pin(foo, "foo", *words, "--note", "Grüße, 日本")
    for command in ("list", "show"):
        ran = console.process(*((command, "foo") if command == "show" else (command,)), env=env)
        assert ran.code == 0, ran
        assert max(len(line) for line in ran.out.splitlines()) <= 80
    assert "Grüße" in ran.out or "\\" in ran.out
    assert console.process("journal", "verify", env=env).code == 0


def test_warnings_are_no_errors_in_any_command(pinned: Console) -> None:
    """python -W error: no command uses what a library will take away."""
    export = ("export", "--to", str(pinned.target), "--format", "exim")
    for words in (export, ("audit",), ("dump",), ("db", "backup"), ("db", "upgrade")):
        ran = pinned.process(*words, env={"PYTHONWARNINGS": "error"})
        assert ran.code in (0, 1), ran


def _as_nobody(*words: str, env: dict[str, str], cwd: str) -> subprocess.CompletedProcess[str]:
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    return subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
         sys.executable, "-m", "trustctl", *words],
        env={"PATH": os.environ["PATH"], **env}, cwd=cwd,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_no_home_and_one_that_cannot_be_written(tmp_path: Path) -> None:
    """A user without a home, or with one that is not theirs: one line, and what to type."""
    missing = _as_nobody("list", env={}, cwd="/")
    assert missing.returncode in (2, 6)
    assert "Traceback" not in missing.stderr
    for env in ({"HOME": "/proc"}, {"HOME": "/", "XDG_DATA_HOME": "/root"}, {"HOME": ""}):
        ran = _as_nobody("set", "vouches_required", "2", env=env, cwd="/")
        assert ran.returncode == 6, ran
        assert ran.stderr.startswith("trustctl: error: ")
        assert len(ran.stderr.splitlines()) == 2


def test_a_user_that_has_no_name(tmp_path: Path) -> None:
    """A uid without an entry in passwd, and no HOME: the inventory has to be named."""
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    done = subprocess.run(
        ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups",
         sys.executable, "-m", "trustctl", "list"],
        env={"PATH": os.environ["PATH"]}, cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--db FILE" in done.stderr


def test_a_folder_that_is_gone(pinned: Console) -> None:
    """In a deleted working folder what needs none still works, and the rest says why not."""
    gone = pinned.folder / "gone"
    gone.mkdir()
    script = f'rmdir {gone}; exec {sys.executable} -m trustctl "$@"'

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        gone.mkdir(exist_ok=True)
        return subprocess.run(
            ["sh", "-c", script, "sh", *words], cwd=gone, env={**os.environ, "PYTHONSAFEPATH": "1",
            "TRUSTCTL_DB": str(pinned.db)}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert call("check", "foo.test").returncode == 0
    for words in (("export", "--to", "x", "--format", "pem"), ("--db", "x.db", "list")):
        ran = call(*words)
        assert ran.returncode in (6, 7), ran
        assert ran.stderr.startswith("trustctl: error: ")
        assert "Traceback" not in ran.stderr


def test_an_internal_error_is_told_as_one(
    pinned: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bug is 70, one line, and shows itself to who wants to see it."""
    broken = str(pinned.folder / "x.db")
    pinned.write("x.db", pinned.db.read_bytes())
    # a module that cannot be loaded: the boundary cannot know why
    name = "trustctl.inventory.settings"
    kept = sys.modules.pop(name)
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        assert cli.run(["--db", broken, "list"]) == 70
    finally:
        sys.modules[name] = kept
    said = capsys.readouterr().err
    assert said.startswith("trustctl: error: internal error: ")
    assert "TRUSTCTL_DEBUG=1" in said


def test_shell_completion(console: Console) -> None:
    """Click's completion is there: it knows the commands."""
    ran = console.process(
        env={"_TRUSTCTL_COMPLETE": "bash_complete", "COMP_WORDS": "trustctl un", "COMP_CWORD": "1"}
    )
    assert {line.split(",")[1] for line in ran.out.splitlines()} == {"unprotect", "uninstall"}
