"""The process inside the namespaces: ``python -m trustctl.prove`` does what its input tells it.

It is started by :mod:`trustctl.prove.run` and by nobody else: it is the first process of a PID
namespace, and whatever it has started ends with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping

from trustctl.errors import NotEnforcedError, TrustctlError
from trustctl.facts.proof import INSTALLED, Attempt, Outcome, Rehearsal
from trustctl.prove import messages, stores
from trustctl.prove.attacks import ATTACKER, without_answer
from trustctl.prove.exim import Exim
from trustctl.prove.mta import Mta
from trustctl.prove.nameserver import RESOLVER, NameServer
from trustctl.prove.namespace import Stage, network
from trustctl.prove.postfix import Postfix
from trustctl.prove.smtpd import Cast
from trustctl.prove.stand import as_compiled

_KINDS: dict[str, Callable[[str], Mta]] = {"exim": Exim, "postfix": Postfix}


class Theatre:
    """Plays attempts one after another."""

    def __init__(self, rehearsal: Rehearsal, mta: Mta, stage: Stage) -> None:
        self._data, self._lists, self._mta = rehearsal.data, rehearsal.lists, mta
        self._dns = NameServer(ATTACKER if mta.elsewhere else "")
        folder = stage.scratch("hosts")
        folder.mkdir(mode=0o700)
        self._folder = folder
        self._in_force = INSTALLED
        self.logs: list[str] = []

    def play(self, attempt: Attempt) -> Outcome:
        """Let one mail go, and see where it ends."""
        why = attempt.obstacle or self._mta.lacks(attempt)
        if why:
            return Outcome("not tried", why=why)
        self._put(attempt)
        self._mta.forget()
        cast = Cast(self._folder)
        try:
            if attempt.waiting:
                self._dns.zone = without_answer(attempt.zone)
                for one in (attempt.beside, attempt.recipient):
                    self._mta.send([one])
            self._dns.zone = attempt.zone
            cast.play(attempt.hosts)
            if attempt.waiting:
                self._mta.run_queue()
            else:
                self._mta.send(_recipients(attempt))
            outcome = self._mta.outcome(attempt.recipient)
        finally:
            cast.leave()
            self._dns.zone = {}
        return _judged(attempt, outcome, cast)

    def _put(self, attempt: Attempt) -> None:
        wanted = attempt.data  # the installed ones come first, before there are any others
        if wanted != self._in_force:
            self._mta.put([as_compiled(one) for one in self._data[wanted]], self._lists)
            self._in_force = wanted
        if attempt.damage is not None:
            self._mta.damage(attempt.damage)
            self._in_force = ""  # written anew for whatever comes next


def _recipients(attempt: Attempt) -> list[str]:
    both = [attempt.recipient, attempt.beside] if attempt.beside else [attempt.recipient]
    return both[::-1] if attempt.beside_first else both


def _judged(attempt: Attempt, outcome: Outcome, cast: Cast) -> Outcome:
    """What a host has taken was delivered, whatever the log says, and whatever it calls whom."""
    beside = attempt.beside.lower()
    takers = tuple(sorted({at for at, who in cast.taken if who.lower() != beside}))
    did = "delivered" if takers else outcome.did
    return Outcome(did, outcome.log, takers, bool(cast.reached))


def main() -> None:
    """Read one rehearsal from stdin, write a line for each attempt to stdout."""
    line = sys.stdin.buffer.readline()
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    try:
        rehearsal = messages.read_rehearsal(line)
        _rehearse(rehearsal)
    except TrustctlError as error:
        refused = isinstance(error, NotEnforcedError)
        _say({"error": error.message, "hint": error.hint, "by_mta": refused})
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        said = f"{where}{(error.strerror or str(error)).lower()}"
        _say({"error": said, "hint": None, "by_mta": False})


def _rehearse(rehearsal: Rehearsal) -> None:
    mta = _KINDS[rehearsal.mta](rehearsal.program)
    stage = Stage()
    network()
    stage.file("/etc/resolv.conf", RESOLVER)
    mta.cover(stage)
    stores.cover(stage, rehearsal.public_ca, mta.stores())
    stage.close()
    theatre = Theatre(rehearsal, mta, stage)
    problems = mta.differences(rehearsal.installed)
    for number, attempt in enumerate(rehearsal.attempts):
        _say(messages.outcome_line(number, theatre.play(attempt)))
    for text in [*problems, *mta.problems()]:
        _say({"problem": text})
    if rehearsal.keep:
        _say({"keep": mta.kept()})
    _say({"end": True})


def _say(message: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _end_with_the_parent() -> None:
    """The other end of stdin is closed when the command ends, however it ends."""
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    os._exit(1)


if __name__ == "__main__":
    main()
