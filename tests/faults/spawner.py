"""Starts ``trustctl`` many times: each call a process of its own, the imports done once.

Of a call's 0.3 seconds all but a few hundredths are the interpreter's start. So one process imports
what the commands import, and forks itself for each call: what runs then is the command line from
``trustctl.cli.main`` on, with its own process id to be traced, killed and asked for its status.
``test_spawner`` holds that it makes the same calls as one that was started anew.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ALSO = (
    "alembic.command",
    "alembic.config",
    "asn1crypto.x509",
    "idna",
    "mako.template",
    "pkilint.loader",
    "pkilint.pkix.certificate",
    "sqlalchemy.dialects.sqlite",
    "tabulate",
)
_PR_SET_PTRACER = 0x59616D61


@dataclass(frozen=True)
class Ended:
    """How a process ended. ``code``: its exit status, or minus the signal that ended it."""

    code: int
    out: str
    err: str


class Spawner:
    """The process that forks. ``folder`` takes the output of its children."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.spawner"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[2],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "80"},
        )

    def run(self, cwd: Path, arguments: Sequence[str], strace: Sequence[str] = ()) -> Ended:
        """Run ``trustctl ARGUMENTS`` in ``cwd``, with these options of strace attached to it."""
        out, err = self._folder / "out", self._folder / "err"
        request = {
            "arguments": list(arguments),
            "cwd": str(cwd),
            "out": str(out),
            "err": str(err),
            "strace": list(strace),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the process that forks has ended"
        return Ended(int(answer), out.read_text(errors="replace"), err.read_text(errors="replace"))

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def _serve() -> None:
    import trustctl

    for module in pkgutil.walk_packages(trustctl.__path__, "trustctl."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in _ALSO:
        importlib.import_module(name)
    for line in sys.stdin:
        print(_spawn(json.loads(line)), flush=True)


def _spawn(request: dict[str, Any]) -> int:
    """Fork, let strace attach before the child goes on, and wait for the child's end."""
    gate, opened = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(opened)
        _become(request, gate)
    os.close(gate)
    tracer = None
    if request["strace"]:
        tracer = subprocess.Popen(
            ["strace", "-p", str(pid), *request["strace"]], stderr=subprocess.PIPE
        )
        assert tracer.stderr is not None
        first = tracer.stderr.readline()
        assert b"attached" in first, first
    os.write(opened, b".")
    os.close(opened)
    _pid, status = os.waitpid(pid, 0)
    if tracer is not None:
        tracer.communicate()
    return os.waitstatus_to_exitcode(status)


def _become(request: dict[str, Any], gate: int) -> None:
    code = 99
    try:
        os.chdir(request["cwd"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        # where only a parent may trace (Yama), strace is none
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, -1, 0, 0, 0)
        sys.argv = ["trustctl", *request["arguments"]]
        from trustctl.cli import main

        os.read(gate, 1)
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        os._exit(code)


if __name__ == "__main__":
    _serve()
