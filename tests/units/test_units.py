"""The units as they are shipped: systemd takes them, and they are as shut in as is written."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.tools import require
from tests.units.conftest import documented, stricter
from tests.units.manager import Manager

_SERVICES = ("trustctl-probe.service", "trustctl-export.service")
_TIMERS = ("trustctl-probe.timer", "trustctl-export.timer")
_BARE = 9.0


def _exposure(unit: Path, *options: str) -> tuple[int, float]:
    """The exit status, and the score of a unit file."""
    require("systemd-analyze")
    ran = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", *options, str(unit)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d)", ran.stdout)
    assert found, ran.stderr
    return ran.returncode, float(found[1])


@pytest.mark.parametrize("unit", _SERVICES)
def test_a_unit_is_as_shut_in_as_is_documented(share: Path, unit: str, tmp_path: Path) -> None:
    """Its score is the one in share/doc/systemd.md; without the sandbox it is far from it."""
    found = re.search(rf"`{re.escape(unit)}` \| (\d+\.\d) ", documented(share))
    assert found, f"share/doc/systemd.md has no score of {unit}"
    written = float(found[1])
    # a later systemd may look at more
    status, score = _exposure(share / unit, f"--threshold={round(written * 10) + 5}")
    assert status == 0
    assert abs(score - written) <= 0.5
    if _version() == 252:
        assert score == written
    bare = tmp_path / unit
    bare.write_text("[Service]\nExecStart=/bin/true\n")
    status, score = _exposure(bare, f"--threshold={round(written * 10) + 5}")
    assert status != 0
    assert score > _BARE


def _version() -> int:
    told = subprocess.run(
        ["systemd-analyze", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return int(re.findall(r"\d+", told)[0])


def test_the_stricter_drop_in_is_as_strict_as_is_written(share: Path, tmp_path: Path) -> None:
    """Where nobody is told by mail."""
    found = re.search(r"shut in further, to (\d+\.\d):", documented(share))
    assert found
    unit = tmp_path / "trustctl-probe.service"
    unit.write_text("\n".join([(share / unit.name).read_text(), "[Service]", *stricter(share)]))
    _status, score = _exposure(unit)
    assert abs(score - float(found[1])) <= (0 if _version() == 252 else 0.5)


@pytest.mark.parametrize("unit", _SERVICES)
def test_each_service_has_its_timer_and_runs_by_name(share: Path, unit: str) -> None:
    """A timer that makes up for what was missed, spread over machines; one command, once."""
    service = (share / unit).read_text()
    assert re.findall(r"^Type=(.*)$", service, re.MULTILINE) == ["oneshot"]
    (command,) = re.findall(r"^ExecStart=(.*)$", service, re.MULTILINE)
    assert command.startswith("trustctl ")
    timer = (share / unit).with_suffix(".timer").read_text()
    for wanted in (
        "Persistent=yes",
        "RandomizedDelaySec=",
        "OnCalendar=",
        "WantedBy=timers.target",
    ):
        assert f"\n{wanted}" in timer


@pytest.mark.lab
@pytest.mark.xdist_group("units")
def test_they_install_as_documented_and_systemd_takes_them(
    host: Manager, share: Path, tmp_path: Path
) -> None:
    """The very `install` line of the document; and a unit with a wrong word is not taken."""
    shutil.copytree(share, tmp_path / "share" / "systemd")
    (line,) = re.findall(r"^install -m 644 .*$", documented(share), re.MULTILINE)
    host.ok("sh", "-c", f"mkdir -p /etc/systemd/system && cd {tmp_path} && {line}")
    placed = [f"/etc/systemd/system/{one}" for one in (*_SERVICES, *_TIMERS)]
    assert host.ok("stat", "-c", "%a", *placed) == "644\n" * 4
    taken = host.run("systemd-analyze", "verify", *placed)
    complaints = [
        one for one in (taken.stdout + taken.stderr).decode().splitlines() if "trustctl" in one
    ]
    assert (taken.returncode, complaints) == (0, [])
    host.ok("sed", "-i", "s/^ProtectHome=/ProtectHom=/; s/^ExecStart=/ExecStart=no-/", placed[0])
    taken = host.run("systemd-analyze", "verify", placed[0])
    said = (taken.stdout + taken.stderr).decode()
    assert "'ProtectHom'" in said
    assert "no-trustctl" in said


@pytest.mark.lab
@pytest.mark.xdist_group("units")
def test_a_timer_starts_its_service(host: Manager, share: Path) -> None:
    """systemd has it in its list, with a next time."""
    for name in (*_SERVICES, *_TIMERS):
        shutil.copy(share / name, host.units / name)
    host.ok("systemctl", "daemon-reload")
    host.ok("systemctl", "start", *_TIMERS)
    for name in _TIMERS:
        shown = host.ok("systemctl", "show", "-p", "Triggers", "-p", "ActiveState", name)
        assert f"Triggers={name.replace('.timer', '.service')}" in shown
        assert "ActiveState=active" in shown
    host.ok("systemctl", "stop", *_TIMERS)
