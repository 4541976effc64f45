"""Exim under proof: the installed program and configuration, with a spool and a log of its own."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from trustctl.errors import NotEnforcedError, TargetError
from trustctl.export import cdb
from trustctl.facts.compiled import Checkpoint, CompiledPeer
from trustctl.facts.proof import Attempt, Damage, Outcome
from trustctl.prove import mainlog
from trustctl.prove.mta import MESSAGE, SENDER
from trustctl.prove.namespace import Stage
from trustctl.publish import mta, planning, programs, store
from trustctl.publish.place import CDB, Place, place_of

_SECONDS = 60
_DATA = re.compile(rf"(/[A-Za-z0-9/._-]+)/trustctl/current/{re.escape(CDB)}")
_BUNDLE = re.compile(r"^tls_verify_certificates = (/[^$\s]+)$", re.MULTILINE)
_SETS = re.compile(r"[=:]([0-9a-f]{64})(?![0-9a-f])")
_EXPORT = "trustctl export"
_OPTION = re.compile(r"^(\w+) = ?(.*)$", re.MULTILINE)


class Exim:
    """One Exim, inside the namespace."""

    elsewhere = False

    def __init__(self, program: str) -> None:
        """Ask it what it is and where it keeps what.

        Raises:
            NotEnforcedError: it cannot be asked, or refuses its configuration.
        """
        self._program = program
        told = programs.run(program, "-bV")
        self._dane = re.search(r"^Support for:.*\bDANE\b", told, re.MULTILINE) is not None
        found = re.search(r"^Configuration file is (/.*)$", told, re.MULTILINE)
        if found is None:
            raise NotEnforcedError(f"{program} -bV names no configuration file")
        self._configuration = Path(found[1])
        asked = ("spool_directory", "log_file_path", "pid_file_path")
        options = dict(_OPTION.findall(programs.run(program, "-bP", *asked)))
        self._spool = Path(options["spool_directory"])
        paths = [one.strip() for one in options.get("log_file_path", "").split(":")]
        pattern = next((one for one in paths if one.startswith("/")), f"{self._spool}/log/%slog")
        # %D is the day: there may be two of them
        self._log = Path(pattern.replace("%s", "main", 1).replace("%D", "*").replace("%M", "*"))
        self._run = options.get("pid_file_path") or f"{self._spool}/exim-daemon.pid"
        routers, transports = (
            programs.run(program, "-bP", one) for one in ("routers", "transports")
        )
        data = _DATA.search(routers)
        self._directory = None if data is None else data[1]
        named = sorted(set(_BUNDLE.findall(transports)))
        self._bundles = {one: b"" for one in named if os.path.isfile(one)}
        self._place: Place | None = None
        self._lists: dict[str, bytes] = {}
        self._problems: list[str] = []
        self._history: list[str] = []

    def cover(self, stage: Stage) -> None:
        """Its spool, log and pid folder become empty ones, what is changed becomes copies."""
        folders = {str(self._spool), str(self._log.parent), str(Path(self._run).parent)}
        for one in sorted(folders):
            if one != str(self._spool) and one.startswith(f"{self._spool}/"):
                continue
            stage.empty(one)
        if self._directory is not None:
            stage.copy(self._directory)
            self._place = place_of(self._directory, "exim", Path(self._directory))
            self._lists = _more(self._place)
        else:
            for path in self._bundles:
                self._bundles[path] = content = Path(path).read_bytes()
                stage.file(path, content)
        self._compare(stage)

    def _compare(self, stage: Stage) -> None:
        """Whether what Exim reads is what Debian's generator would make now."""
        if self._configuration != mta.GENERATED or mta.generator() is None:
            return
        folder = stage.scratch("generated")
        folder.mkdir()
        made = folder / "config"
        try:
            mta.generate("/etc/exim4", made)
        except NotEnforcedError as error:
            self._problems.append(f"Exim will not start again as it is: {error.message}")
            return
        if _meaning(made) != _meaning(self._configuration):
            self._problems.append(
                f"{self._configuration} is not what {mta.GENERATOR} makes of /etc/exim4 now: what "
                "was proven ends when Exim is next started"
            )

    def stores(self) -> list[str]:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        return []

    def problems(self) -> list[str]:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        return self._problems

    def differences(self, installed: Mapping[str, str]) -> list[str]:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        if self._place is None:
            return []
        try:
            content = (self._place.current / CDB).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return [f"there are no data of trustctl's in force in {self._directory}: {_EXPORT}"]
        found = []
        for domain, value in installed.items():
            if cdb.get(content, domain.encode("ascii")) != value.encode("ascii"):
                found.append(
                    f"{domain}: the data in force are not what the inventory comes to: {_EXPORT}"
                )
            elif not all(_is_whole(self._place.sets, one) for one in _SETS.findall(value)):
                found.append(f"{domain}: its trust set is gone or was changed: {_EXPORT}")
        return found

    def lacks(self, attempt: Attempt) -> str:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        if attempt.attack == "tlsa" and not self._dane:
            return "this Exim has no DANE"
        if attempt.kind == "installed":
            return ""
        if self._directory is None:
            if not self._bundles:
                return "Exim's configuration has no place for a throwaway certificate"
            if attempt.damage is not None or attempt.attack == "distrusted":
                return "Exim's configuration has no data of trustctl's"
        return ""

    def put(self, peers: Sequence[CompiledPeer], lists: Mapping[str, str]) -> None:
        """As :class:`~trustctl.prove.mta.Mta` says: by what ``export`` writes with, or at the end
        of the files that the configuration trusts."""
        if self._place is None:
            blocks = b"".join(block for peer in peers for block in peer.blocks)
            for path, content in self._bundles.items():
                with open(path, "r+b") as file:
                    file.truncate()
                    file.write(content.rstrip(b"\n") + b"\n" + blocks)
            return
        place, now = self._place, int(time.time())
        try:
            last = planning.last_generation(place)
        except TargetError:
            last = None
        # in the place of the installed ones: of two lists of one name GnuTLS takes the newer one
        ours = {path: content.encode("ascii") for path, content in lists.items()}
        more = {**self._lists, **ours}
        plan = planning.plan(
            place,
            peers,
            last=last,
            problems=planning.look(place, last),
            full=True,
            checkpoint=Checkpoint(0, "0" * 64),
            as_of=now,
            more=more,
        )
        store.carry_out(plan, now=now, force=True)

    def damage(self, how: Damage) -> None:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        if self._place is None:
            return  # see lacks()
        if how == "no-set":
            for one in self._place.sets.iterdir():
                one.unlink()
            return
        file = self._place.current / CDB
        if how == "missing":
            file.unlink()
        else:
            size = file.stat().st_size if how == "broken" else 0
            file.write_bytes(b"\0" * size)

    def send(self, recipients: Sequence[str]) -> None:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        self._exim("-odf", "-oi", "-f", SENDER, "--", *recipients, stdin=MESSAGE)

    def run_queue(self) -> None:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        self._exim("-qff")

    def _exim(self, *words: str, stdin: bytes = b"") -> bytes:
        """Run it as root, in the foreground; what it says is in its log."""
        command = [self._program, *words]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
        # not a pipe: what it leaves behind would hold it open
        with tempfile.TemporaryFile(dir="/run") as said:
            with suppress(subprocess.TimeoutExpired):
                subprocess.run(
                    command, input=stdin, stdout=said, stderr=said, check=False, timeout=_SECONDS,
                    env=environment, cwd="/",
                )  # fmt: skip
            said.seek(0)
            return said.read(100_000)

    def outcome(self, recipient: str) -> Outcome:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        text = self._logged()
        wanted = recipient.lower()
        found = mainlog.parse(text)
        fates = [one for one in text.splitlines() if mainlog.about(one) is not None]
        lines = tuple([one for one in fates if wanted in one.lower()] or fates)
        if any(one.address.lower() == wanted for one in found.delivered):
            return Outcome("delivered", lines)
        if wanted in {one.lower() for one in found.bounced}:
            return Outcome("bounced", lines)
        queued = self._exim("-bp").decode("utf-8", "replace").lower()
        if re.search(rf"^ +{re.escape(wanted)}$", queued, re.MULTILINE):
            return Outcome("deferred", lines or tuple(text.splitlines()[-2:]))
        return Outcome("nothing", lines or tuple(text.splitlines()[-2:]))

    def _logs(self) -> list[Path]:
        return sorted(self._log.parent.glob(self._log.name))

    def _logged(self) -> str:
        return "".join(_text(one) for one in self._logs())

    def forget(self) -> None:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        for part in ("input", "msglog", "db"):
            shutil.rmtree(self._spool / part, ignore_errors=True)
        self._history.append(self._logged())
        for one in self._logs():
            os.truncate(one, 0)

    def kept(self) -> dict[str, str]:
        """As :class:`~trustctl.prove.mta.Mta` says."""
        logged = "".join([*self._history, self._logged()])
        return {"configuration": _text(self._configuration), "mainlog": logged}


def _is_whole(sets: Path, name: str) -> bool:
    """Whether a trust set has the content that its name says."""
    path = sets / f"{name}.pem"
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == name


def _meaning(path: Path) -> list[str]:
    """The lines that Exim reads."""
    lines = (one.strip() for one in _text(path).splitlines())
    return [one for one in lines if one and not one.startswith("#")]


def _more(place: Place) -> dict[str, bytes]:
    """What else the generation in force holds: revocation lists, staples."""
    try:
        last = planning.last_generation(place)
    except TargetError:
        return {}
    files = {} if last is None else {one: place.current / one for one in last.more()}
    return {name: path.read_bytes() for name, path in files.items() if path.is_file()}


def _text(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.exists() else ""
