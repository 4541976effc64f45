"""Asks the real Exim what it is configured to do, and puts our configuration in force."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from trustctl.errors import NotEnforcedError, TargetError
from trustctl.facts.mta import EximSite, MtaState
from trustctl.publish import configuration

_SECONDS = 60
_PID_FILES = ("/run/exim4/exim.pid", "/var/run/exim.pid")
_OURS = ("router trustctl", "router trustctl_wait", "transport trustctl_smtp")
_FREE = re.compile(
    r"(no_)?(helo_data|interface|dkim_\w+|headers_rewrite|return_path|headers_remove|"
    r"tls_certificate|tls_privatekey|tls_dh_min_bits|message_linelength_limit|debug_print)\b"
)
"""Options that Debian's macros may set for us as they do for remote_smtp: none weakens anything."""

_NEEDED = {
    r"\bEvent\b": "events (a pin cannot be held without)",
    r"\bcdb\b": "cdb look-ups",
    r"\bdsearch\b": "dsearch look-ups",
    r"\b(GnuTLS|OpenSSL)\b": "TLS",
}


def binary() -> str | None:
    """The installed Exim; None where there is none."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return shutil.which("exim4", path=path) or shutil.which("exim", path=path)


def _run(*command: str) -> str:
    """The output of a command.

    Raises:
        NotEnforcedError: it fails, with what it said.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_SECONDS, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotEnforcedError(f"{command[0]} cannot be run: {error}") from error
    said = (done.stderr + done.stdout).decode("utf-8", "replace").strip()
    if done.returncode:
        raise NotEnforcedError(f"{' '.join(command)} failed: {said[-600:]}")
    return done.stdout.decode("utf-8", "replace")


def differences(texts: Mapping[str, str], config: str | None = None) -> list[str]:
    """How what Exim would do differs from what our texts say; empty where it does not.

    Args:
        config: a configuration file to ask about; None for the one that Exim really uses.

    Raises:
        NotEnforcedError: there is no Exim, or it refuses the configuration.
    """
    exim = binary()
    if exim is None:
        raise NotEnforcedError("there is no Exim on this machine to ask", "install exim4")
    which = () if config is None else ("-C", config)
    about = _run(exim, *which, "-bV")
    found = [
        f"this Exim has no {what}" for sign, what in _NEEDED.items() if not re.search(sign, about)
    ]
    order = [one.strip() for one in _run(exim, *which, "-bP", "router_list").split()]
    if "trustctl" not in order or "trustctl_wait" not in order:
        return [*found, "the router trustctl is not in Exim's configuration"]
    if order[0] != "trustctl":
        found.append(f"the router {order[0]} comes before ours and may deliver unverified")
    elif order[1] != "trustctl_wait":
        found.append(f"the router {order[1]} comes between trustctl and trustctl_wait")
    transports = _run(exim, *which, "-bP", "transport_list").split()
    if "trustctl_smtp" not in transports:
        return [*found, "the transport trustctl_smtp is not in Exim's configuration"]
    expected = _expected(exim, texts)
    for name in _OURS:
        told = _options(_run(exim, *which, "-bP", *name.split()))
        for option in sorted(expected[name].symmetric_difference(told)):
            key = option.split(" = ")[0]
            if not _FREE.match(option):
                sentence = f"the {name} has another {key} than trustctl wrote"
                if sentence not in found:
                    found.append(sentence)
    return found


def _options(text: str) -> set[str]:
    return {one.strip() for one in text.splitlines() if one.strip()}


def _expected(exim: str, texts: Mapping[str, str]) -> dict[str, set[str]]:
    """What Exim says of our texts alone, in a configuration that holds nothing else."""
    with tempfile.TemporaryDirectory(prefix="trustctl-") as folder:
        path = Path(folder) / "exim.conf"
        path.write_text(
            "domainlist local_domains = @\n\nbegin routers\n\n"
            f"{texts['router']}\nbegin transports\n\n{texts['transport']}\n"
        )
        path.chmod(0o600)
        return {name: _options(_run(exim, "-C", str(path), "-bP", *name.split())) for name in _OURS}


def apply(found: EximSite, texts: Mapping[str, str], *, group: int | None) -> list[str]:
    """Put our configuration in force: write, try, generate, ask Exim, reload.

    Returns:
        Remarks of our own words.

    Raises:
        NotEnforcedError: Exim refuses it, or would do something else; all is as it was then.
    """
    if found.obstacle is not None:
        configuration.write(configuration.planned(found, texts), group=group)
        raise not_effective(found)
    if not found.live:
        raise NotEnforcedError(
            f"{found.directory} is not the folder that the installed Exim reads",
            "export to /etc/exim4, or leave --reload out",
        )
    if binary() is None or shutil.which("update-exim4.conf") is None:
        raise NotEnforcedError("Debian's Exim is not installed here", "apt install exim4")
    before = configuration.write(configuration.planned(found, texts), group=group)
    try:
        _try(found, texts)
        _run("update-exim4.conf")
        _demand(differences(texts))
        return _reload()
    except (NotEnforcedError, TargetError, KeyboardInterrupt):
        configuration.write(before, group=group)
        if before:
            _run("update-exim4.conf")
            _reload()
        raise


def _try(found: EximSite, texts: Mapping[str, str]) -> None:
    with tempfile.TemporaryDirectory(prefix="trustctl-") as folder:
        trial = str(Path(folder) / "exim.conf")
        _run("update-exim4.conf", "-d", found.directory, "-o", trial)
        _demand(differences(texts, trial))


def _demand(found: list[str]) -> None:
    if found:
        raise NotEnforcedError(
            "Exim would not do what was exported; its configuration was put back:\n"
            + "\n".join(f"  {one}" for one in found),
            "mend that in Exim's configuration, then export again",
        )


def not_effective(found: EximSite) -> NotEnforcedError:
    """The error that says why our configuration is not in force here, and where it goes."""
    return NotEnforcedError(
        f"the data is written, but NOT IN FORCE: {found.obstacle}",
        f"see {found.directory}/trustctl/snippets/README for what to put where",
    )


def _reload() -> list[str]:
    """Tell a running daemon to read its configuration again."""
    for name in _PID_FILES:
        try:
            pid = int(Path(name).read_text())
            running = os.path.basename(os.readlink(f"/proc/{pid}/exe")).startswith("exim")
        except (OSError, ValueError):
            continue
        if running:
            try:
                os.kill(pid, signal.SIGHUP)
            except OSError as error:
                raise NotEnforcedError(
                    f"Exim (pid {pid}) cannot be told to reload: {error.strerror}",
                    "systemctl reload exim4",
                ) from error
            return [f"Exim reloaded (pid {pid})"]
    return ["no Exim daemon is running here; it will read the new configuration when it starts"]


def withdraw(found: EximSite, *, reload: bool, group: int | None) -> bool:
    """Take our texts out of Exim's configuration; False where there were none."""
    before = configuration.write(configuration.planned(found, None), group=group)
    if reload and before and found.live and shutil.which("update-exim4.conf"):
        _run("update-exim4.conf")
        _reload()
    return bool(before)


def state(found: EximSite, texts: Mapping[str, str]) -> MtaState:
    """What the installed Exim really does, for an audit."""
    if not found.live:
        return MtaState(found.directory, False, why="it is not the folder the installed Exim reads")
    by_hand = configuration.edited(found)
    problems = [f"{one} was edited by hand" for one in by_hand]
    try:
        problems += differences(texts)
    except NotEnforcedError as error:
        if binary() is None:
            return MtaState(found.directory, False, why=error.message)
        problems.append("Exim cannot be asked: " + error.message.splitlines()[0])
    if problems and found.obstacle is not None:
        problems.append(found.obstacle)
    return MtaState(found.directory, True, tuple(problems))
