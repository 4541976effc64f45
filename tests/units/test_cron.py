"""The cron example does what the timers do, and says nothing where nobody has to do anything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.units.manager import Manager

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("units")]

_ENTRY = re.compile(r"(?:\S+ ){5}root (?P<command>.+)")


def _entries(share: Path) -> tuple[list[str], list[str]]:
    """What the file sets, and its commands."""
    settings, commands = [], []
    for line in (share.parent / "cron" / "trustctl").read_text().splitlines():
        if line and not line.startswith("#"):
            found = _ENTRY.fullmatch(line)
            if found is None:
                settings.append(line)
            else:
                commands.append(found["command"])
    return settings, commands


def _as_cron(host: Manager, settings: list[str], command: str) -> tuple[int, str]:
    """The exit status, and what cron would mail: both streams, with cron's environment."""
    ran = host.run(
        "env", "-i", "HOME=/root", "LOGNAME=root", *settings, "/bin/sh", "-c", f"{command}"
    )
    return ran.returncode, (ran.stdout + ran.stderr).decode()


def test_it_is_a_file_that_cron_reads(share: Path) -> None:
    """A user in each entry, no percent sign (a newline to cron), a newline at its end."""
    text = (share.parent / "cron" / "trustctl").read_text()
    settings, commands = _entries(share)
    assert text.endswith("\n")
    assert len(commands) == 2
    assert [one.partition("=")[0] for one in settings] == ["SHELL", "PATH", "MAILTO"]
    assert not any("%" in one for one in commands)


def test_findings_are_told_by_notify_and_not_again_by_cron(host: Manager, share: Path) -> None:
    """Cron's mail every hour would be about what is known; it has errors alone."""
    settings, commands = _entries(share)
    (probe,) = (one for one in commands if " probe " in one)
    host.ok("/usr/local/sbin/trustctl", "set", "notify_command", "/usr/bin/tee /var/lib/told")
    assert _as_cron(host, settings, probe) == (1, "")
    assert '"subject": "foo.test"' in host.ok("cat", "/var/lib/told")
    host.ok("rm", "/var/lib/told")
    assert _as_cron(host, settings, probe) == (1, "")
    assert host.run("test", "-e", "/var/lib/told").returncode == 1
    settings.append("TRUSTCTL_DB=/var/lib/none.db")
    status, mailed = _as_cron(host, settings, probe)
    assert (status, "trustctl: error: " in mailed) == (6, True)


def test_an_export_with_nothing_to_do_is_silent(host: Manager, share: Path) -> None:
    """The first one warns of what ends; from then on there is nothing to mail."""
    settings, commands = _entries(share)
    (export,) = (one for one in commands if " export " in one)
    _as_cron(host, settings, export)
    assert _as_cron(host, settings, export) == (0, "")
