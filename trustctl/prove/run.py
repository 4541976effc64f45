"""Starts the process inside the namespaces, and listens to what it says."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, cast

from trustctl.errors import NotEnforcedError, TargetError, UsageError
from trustctl.facts.proof import Outcome, Rehearsal
from trustctl.prove import messages
from trustctl.publish import mta, postconf

TOOLS = {"unshare": "util-linux", "ip": "iproute2", "cp": "coreutils"}
_PROGRAMS: dict[str, tuple[str, str, Callable[[], str | None]]] = {
    "exim": ("Exim", "exim4", mta.binary),
    "postfix": ("Postfix", "postfix", postconf.binary),
}
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_NAMESPACES = (
    "unshare", "--net", "--mount", "--propagation", "private", "--ipc", "--pid", "--fork",
    "--kill-child", "--mount-proc", "--",
)  # fmt: skip


def require_tools() -> None:
    """Refuse where a proof could not be made at all.

    Raises:
        UsageError: the caller is not root, or something is not installed.
    """
    if os.geteuid() != 0:
        raise UsageError(
            "prove needs root: it makes namespaces, and runs the MTA as the MTA runs",
            "sudo trustctl prove",
        )
    lacking = [one for one in TOOLS if shutil.which(one, path=_PATH) is None]
    if lacking:
        packages = sorted({TOOLS[one] for one in lacking})
        raise UsageError(f"prove needs {', '.join(lacking)}", f"apt install {' '.join(packages)}")


def installed() -> list[str]:
    """The kinds of MTA that are installed here.

    Raises:
        UsageError: there is none.
    """
    found = [kind for kind, (_name, _package, find) in _PROGRAMS.items() if find() is not None]
    if not found:
        names = " and no ".join(name for name, _package, _find in _PROGRAMS.values())
        raise UsageError(
            f"no {names} is installed here: there is nothing to prove",
            "apt install exim4, or apt install postfix",
        )
    return found


def require(kind: str) -> str:
    """The installed program of this kind of MTA.

    Raises:
        UsageError: it is not installed.
    """
    name, package, find = _PROGRAMS[kind]
    program = find()
    if program is None:
        raise UsageError(
            f"no {name} is installed here: there is nothing to prove", f"apt install {package}"
        )
    return program


class Performance:
    """A rehearsal that is being played."""

    def __init__(self, said: IO[bytes]) -> None:
        self._said = said
        self.problems: list[str] = []
        self.kept: dict[str, str] = {}

    def outcomes(self) -> Iterator[tuple[int, Outcome]]:
        """What becomes of each attempt, as soon as it is known.

        Raises:
            TargetError: the process inside cannot go on. NotEnforcedError: the MTA refuses its
                configuration.
            EOFError: it ended before its time; :func:`playing` tells why.
        """
        ended = False
        for line in self._said:
            try:
                told = json.loads(line)
            except ValueError:  # cut off
                raise EOFError from None
            if "attempt" in told:
                yield told["attempt"], messages.read_outcome(told)
            elif "problem" in told:
                self.problems.append(told["problem"])
            elif "keep" in told:
                self.kept = told["keep"]
            elif "error" in told:
                kind = NotEnforcedError if told["by_mta"] else TargetError
                raise kind(told["error"], told["hint"])
            ended = ended or "end" in told
        if not ended:
            raise EOFError


@contextmanager
def playing(rehearsal: Rehearsal) -> Iterator[Performance]:
    """Play a rehearsal; all of it is gone when this is left.

    Raises:
        TargetError: the namespaces cannot be made, or the process inside fails.
    """
    environment = {"PATH": _PATH, "LC_ALL": "C.UTF-8"}
    if "PYTHONPATH" in os.environ:
        environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    process = subprocess.Popen(
        # -P: the folder that root happens to be in is no place for modules
        [*_NAMESPACES, sys.executable, "-P", "-m", "trustctl.prove"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment, cwd="/", start_new_session=True,
    )  # fmt: skip
    given, said, complained = (
        cast("IO[bytes]", one) for one in (process.stdin, process.stdout, process.stderr)
    )
    complaints: list[bytes] = []
    listener = threading.Thread(target=_listen, args=(complained, complaints), daemon=True)
    listener.start()
    try:
        with suppress(BrokenPipeError):
            given.write(messages.compose(rehearsal))
            given.flush()
        yield Performance(said)
    except EOFError:
        process.wait()
        listener.join()
        lines = b"".join(complaints).decode("utf-8", "replace").strip().splitlines()
        why = lines[-1] if lines else f"it ended with {process.returncode}"
        raise TargetError(
            f"the MTA cannot be run in a namespace of its own: {why}",
            "a container needs CAP_SYS_ADMIN and CAP_NET_ADMIN for that",
        ) from None
    finally:
        with suppress(BrokenPipeError):
            given.close()
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)  # and with it goes all that is inside
        process.wait()
        said.close()
        listener.join()
        complained.close()


def _listen(said: IO[bytes], complaints: list[bytes]) -> None:
    complaints += said.readlines()[-50:]
