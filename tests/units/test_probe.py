"""The probe's unit tells a person by mail from within its sandbox, and nothing of that is lost."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from tests.units.conftest import reset, stricter, tried
from tests.units.manager import Manager

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("units")]

_UNIT = "trustctl-probe.service"
_TELL = """
from trustctl import notify
from trustctl.facts.report import Report
problems = notify.tell(Report("mx.us.test", 1800000000, ()), command="", mail="backup")
raise SystemExit("; ".join(problems) or None)
"""


def test_findings_fail_the_unit_and_are_mailed_once(host: Manager, share: Path) -> None:
    """By the real command, sandbox and Exim, to a mailbox; an hour later it is known already."""
    host.ok("/usr/local/sbin/trustctl", "set", "notify_mail", "backup")
    host.install(share / _UNIT)
    ran = host.start(_UNIT)
    assert (ran.result, ran.status) == ("exit-code", 1), ran.said
    assert "foo.test" in ran.said
    host.await_log("=> backup <backup@mx.us.test> R=local_user T=mail_spool")
    mail = host.ok("cat", "/var/mail/backup")
    assert "\nSubject: trustctl on mx.us.test: " in mail
    assert "foo.test" in mail
    assert host.start(_UNIT).status == 1
    host.await_queue(0)
    assert host.ok("cat", "/var/mail/backup") == mail


def test_the_stricter_unit_still_tells_by_a_command(host: Manager, share: Path) -> None:
    """The documented drop-in: no capability, no new privilege, and nothing written elsewhere."""
    trustctl = "/usr/local/sbin/trustctl"
    host.ok(trustctl, "set", "notify_command", "/usr/bin/tee /var/lib/trustctl/told")
    # by itself it would hide an interpreter in a home
    more = [*stricter(share), "ProtectHome=tmpfs", "ExecStart="]
    host.install(share / _UNIT, *more, "ExecStart=trustctl probe foo --quiet --notify")
    ran = host.start(_UNIT)
    assert (ran.result, ran.status) == ("exit-code", 1), ran.said
    assert '"subject": "foo.test"' in host.ok("cat", "/var/lib/trustctl/told")


def _tell(host: Manager, share: Path, *more: str) -> str:
    """Send a mail from within the sandbox; the script's output."""
    host.write("/var/lib/tell.py", _TELL)
    command = f"PYTHONPATH={':'.join(sys.path)} {sys.executable} /var/lib/tell.py"
    line = f"ExecStart=/bin/sh -c {shlex.quote(command)}"
    host.install(share / _UNIT, "ExecStart=", line, *more)
    ran = host.start(_UNIT)
    assert ran.result == "success", ran
    return ran.said


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ("NoNewPrivileges=yes", "unable to set gid="),
        ("CapabilityBoundingSet=~CAP_CHOWN", "failed (Operation not permitted)"),
        ("CapabilityBoundingSet=~CAP_DAC_OVERRIDE", "-D: Permission denied"),
        ("CapabilityBoundingSet=~CAP_FOWNER", "Couldn't chmod message log"),
        ("InaccessiblePaths=/var/mail", "T=mail_spool defer"),
    ],
)
def test_less_than_the_unit_allows_leaves_the_mail_in_the_queue(
    host: Manager, share: Path, more: str, complaint: str
) -> None:
    """Each right that the sandbox leaves is one that Exim needs to deliver from within."""
    _tell(host, share, more)
    host.await_log(complaint)
    assert "backup@mx.us.test" in host.ok("/usr/sbin/exim4", "-bp")
    assert host.run("test", "-e", "/var/mail/backup").returncode == 1
    reset(host)
    _tell(host, share)
    host.await_log("Completed")
    host.await_queue(0)


def test_the_sandbox_keeps_out_what_it_does_not_need(host: Manager, share: Path) -> None:
    """Each of these works outside of it: so it is the sandbox that hinders it."""
    commands = [
        "touch /etc/exim4/escaped",
        "touch /usr/local/sbin/escaped",
        "echo 1 > /proc/sys/net/ipv4/ip_forward",
        "mount -t tmpfs none /mnt && umount /mnt",
        "unshare --mount true",
        "kill -0 1 && test -e /proc/1/root/etc",
        "touch /home/escaped",
    ]
    assert tried(host, share / _UNIT, [*commands, "touch /var/lib/trustctl/in"]) == [
        "touch /var/lib/trustctl/in"
    ]
    for one in commands:
        host.ok("sh", "-c", one)
