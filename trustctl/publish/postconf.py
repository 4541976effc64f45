"""Runs Postfix's own programs: fixed arguments, no shell, a limit on time. Nothing here knows what
the configuration ought to be."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trustctl.errors import NotEnforcedError
from trustctl.publish import programs

_ANSWER_SECONDS = 20
_TWICE = "overriding earlier entry"
"""What every program of Postfix says of a main.cf that gives a parameter twice: the last counts."""
_KEPT = ("LD_LIBRARY_PATH",)
"""What the programs may need of the environment, where they are not installed in their place."""


def installed() -> bool:
    """Whether there is a Postfix on this machine to ask."""
    return binary() is not None


def binary() -> str | None:
    """The program that tells of its configuration; None where there is no Postfix."""
    return _which("postconf")


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{programs.PATH}")


@dataclass(frozen=True, slots=True)
class Postfix:
    """The Postfix whose main.cf is in ``directory``."""

    directory: Path

    @property
    def main(self) -> Path:
        """Its configuration."""
        return self.directory / "main.cf"

    @property
    def master(self) -> Path:
        """Its services."""
        return self.directory / "master.cf"

    def values(self, *names: str) -> dict[str, str]:
        """Parameters as Postfix takes them, their ``$names`` replaced; '' where one is not known.

        Raises:
            NotEnforcedError: it cannot be asked.
        """
        return _pairs(self.run("postconf", "-x", *names))

    def given(self, *names: str) -> dict[str, str]:
        """Parameters as main.cf gives them; those alone that it gives.

        Raises:
            NotEnforcedError: it cannot be asked.
        """
        found = _pairs(self.run("postconf", "-n"))
        return {name: found[name] for name in names if name in found}

    def overrides(self) -> dict[str, str]:
        """``SERVICE/TYPE/PARAMETER`` -> value of what master.cf sets for one service alone.

        Raises:
            NotEnforcedError: it cannot be asked.
        """
        return _pairs(self.run("postconf", "-P"))

    def clients(self) -> list[tuple[str, bool]]:
        """The services of master.cf that are SMTP clients, and whether each is chrooted.

        Raises:
            NotEnforcedError: it cannot be asked.
        """
        chrooted = {name for name, value in self._chroot().items() if value != "n"}
        return [(name, name in chrooted) for name, does in self.services() if does == "smtp"]

    def _chroot(self) -> dict[str, str]:
        told = _pairs(self.run("postconf", "-Fx"))
        return {
            name.removesuffix("/chroot"): value
            for name, value in told.items()
            if name.endswith("/chroot")
        }

    def service(self, name: str) -> str:
        """A service's line of master.cf; empty where there is none.

        Raises:
            NotEnforcedError: it cannot be asked.
        """
        return " ".join(self.run("postconf", "-M", name).split())

    def services(self) -> list[tuple[str, str]]:
        """The services of master.cf, ``NAME/TYPE``, and the program of each.

        Raises:
            NotEnforcedError: it cannot be asked.
        """
        lines = [one.split() for one in self.run("postconf", "-M").splitlines()]
        return [(f"{words[0]}/{words[1]}", words[7]) for words in lines if len(words) > 7]

    def serve(self, name: str, line: str | None) -> None:
        """Change a service in master.cf as ``postconf`` does; None takes it out.

        Raises:
            NotEnforcedError: it cannot.
        """
        if line is None:
            self.run("postconf", "-MX", name)
        else:
            self.run("postconf", "-M", f"{name}={line}")

    def set(self, wanted: Mapping[str, str | None]) -> None:
        """Change main.cf as ``postconf`` does; None takes a parameter out.

        Raises:
            NotEnforcedError: it cannot.
        """
        given = [f"{name}={value}" for name, value in wanted.items() if value is not None]
        gone = [name for name, value in wanted.items() if value is None]
        if given:
            self.run("postconf", "-e", *given)
        if gone:
            self.run("postconf", "-X", *gone)

    def compile(self, map_type: str, path: Path) -> None:
        """Make the table that Postfix reads beside its text.

        Raises:
            NotEnforcedError: Postfix does not take the text, or cannot make such a table.
        """
        told = self._attempt("postmap", f"{map_type}:{path}")[2].splitlines()
        complaints = "\n".join(one for one in told if _TWICE not in one).strip()
        if complaints:
            raise NotEnforcedError(f"postmap {map_type}:{path}: {complaints[-600:]}")

    def look_up(self, table: str, keys: Iterable[str]) -> dict[str, str]:
        """What a table says of these keys; those alone that it has.

        Raises:
            NotEnforcedError: it cannot be read.
        """
        asked = "".join(f"{one}\n" for one in keys).encode()
        status, told, complaints = self._attempt("postmap", "-q", "-", table, stdin=asked)
        if status not in (0, 1) or (complaints.strip() and status):
            raise NotEnforcedError(f"postmap -q - {table}: {complaints.strip()[-600:]}")
        found = [one.partition("\t") for one in told.splitlines()]
        return {key: value for key, _tab, value in found}

    def converse(self, command: Sequence[str], text: bytes, *, user: str) -> str:
        """What a program says to an input, run as Postfix runs it for somebody else; not by root,
        as oneself.

        Raises:
            NotEnforcedError: it fails, with what it said.
        """
        who = None
        if os.geteuid() == 0:
            found = pwd.getpwnam(user)
            who = found.pw_uid, found.pw_gid
        status, out, complaints = programs.attempt(*command, stdin=text, user=who, cwd="/")
        if status:
            raise NotEnforcedError(f"{command[0]} as {user}: {complaints.strip()[-300:]}")
        return out

    def finger(self, *words: str, user: str) -> str:
        """What posttls-finger(1) says with this configuration; run by root, as somebody else.

        Raises:
            NotEnforcedError: it is not there, or does not end.
        """
        program = _which("posttls-finger")
        if program is None:
            raise NotEnforcedError("there is no posttls-finger on this machine")
        told = [f"{name}={value}" for name, value in _kept().items()]
        command = ["/usr/bin/env", *told, f"MAIL_CONFIG={self.directory}", program, *words]
        return self.converse(command, b"", user=user)

    def answer(self, place: Path, text: bytes) -> str:
        """What a service of this Postfix says at its socket; empty where nobody answers."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
                asked.settimeout(_ANSWER_SECONDS)
                asked.connect(str(place))
                asked.sendall(text)
                asked.shutdown(socket.SHUT_WR)
                told = b""
                while part := asked.recv(4096):
                    told += part
        except OSError:
            return ""
        return told.decode("utf-8", "replace")

    def is_running(self) -> bool:
        """Whether its master runs."""
        return self._attempt("postfix", "status")[0] == 0

    def reload(self) -> None:
        """Let it read its configuration and its tables again.

        Raises:
            NotEnforcedError: it does not.
        """
        self.run("postfix", "reload")

    def run(self, *command: str) -> str:
        """A command's output.

        Raises:
            NotEnforcedError: it fails, with what it said.
        """
        return programs.output(command, self._attempt(*command))

    def _attempt(self, program: str, *words: str, stdin: bytes = b"") -> programs.Ended:
        found = _which(program)
        if found is None:
            raise NotEnforcedError(f"there is no {program} on this machine", "apt install postfix")
        return programs.attempt(
            *(found, "-c", str(self.directory), *words),
            called=program,
            stdin=stdin,
            environment={"PATH": f"{Path(found).parent}:{programs.PATH}", **_kept()},
        )


def _kept() -> dict[str, str]:
    return {one: os.environ[one] for one in _KEPT if one in os.environ}


def _pairs(told: str) -> dict[str, str]:
    """``name = value`` lines; a line that begins with space goes on with the one before."""
    found: dict[str, str] = {}
    last = ""
    for line in told.splitlines():
        if line[:1].isspace():
            found[last] = f"{found[last]} {line.strip()}".strip()
            continue
        last, _equals, value = (one.strip() for one in line.partition("="))
        found[last] = value
    return found
