"""One systemd for all of these tests, with an Exim and an inventory that protects foo.test."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certs import Made, self_signed
from tests.units.manager import Manager

_TOOLS = (
    "systemctl",
    "systemd-analyze",
    "exim4",
    "update-exim4.conf",
    "unshare",
    "nsenter",
    "setpriv",
    "ip",
)
_SETTINGS = {
    "dc_eximconfig_configtype": "internet",
    "dc_other_hostnames": "mx.us.test",
    "dc_local_interfaces": "127.0.0.1",
    "dc_use_split_config": "true",
    "dc_minimaldns": "false",
    "dc_localdelivery": "mail_spool",
    "CFILEMODE": "644",
}
_KEEP = """
set -e
mkdir /var/kept
cp -a /etc/exim4 /var/kept/exim4
cp -a /var/lib/exim4 /var/kept/generated
cp -a /var/lib/trustctl /var/kept/trustctl
"""
_RESET = """
set -e
for one in /sys/fs/cgroup/system.slice/trustctl-*/cgroup.kill; do
  if [ -e "$one" ]; then echo 1 > "$one"; fi
done
rm -rf /etc/exim4/* /etc/credstore /var/lib/trustctl /var/lib/told /var/mail/*
cp -a /var/kept/exim4/. /etc/exim4
cp -a /var/kept/generated/. /var/lib/exim4
cp -a /var/kept/trustctl /var/lib/trustctl
cd /var/spool/exim4
rm -rf input/* msglog/* db/*
: > /var/log/exim4/mainlog
"""


def refuse(why: str) -> None:
    """Skip on a user's machine; fail in CI."""
    if os.environ.get("TRUSTCTL_REQUIRE_ALL") == "1":
        pytest.fail(why)
    pytest.skip(why)


def lacking() -> list[str]:
    """The programs that are not installed."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return [one for one in _TOOLS if shutil.which(one, path=path) is None]


@pytest.fixture(scope="session")
def _booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    if os.geteuid() != 0 or lacking():
        refuse(f"a systemd of its own needs root, and {', '.join(lacking()) or 'nothing more'}")
    base = tmp_path_factory.mktemp("systemd")
    try:
        manager = Manager(base)
    except AssertionError as error:
        refuse(str(error))
    with manager:
        yield manager


@pytest.fixture(scope="session")
def foo() -> Made:
    """The certificate of foo.test's host."""
    return self_signed("mx.foo.test")


@pytest.fixture(scope="session")
def _prepared(_booted: Manager, foo: Made) -> Manager:
    host = _booted
    settings = "".join(f"{name}='{value}'\n" for name, value in _SETTINGS.items())
    host.write("/etc/exim4/update-exim4.conf.conf", settings)
    host.write("/etc/mailname", "mx.us.test\n")
    host.write("/etc/aliases", "")
    host.write("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 mx.us.test\n")
    host.write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    host.ok("update-exim4.conf")
    host.ok("systemctl", "start", "exim4.service")
    host.write("/var/lib/foo.pem", foo.pem.decode())
    host.ok(
        *("/usr/local/sbin/trustctl", "add", "/var/lib/foo.pem", "--peer", "foo"),
        *("--domain", "foo.test", "--fingerprint", foo.fingerprint),
        *("--vouched-by", "Ann <ann@us.test>", "--via", "phone"),
    )
    host.ok("sh", "-c", _KEEP)
    return host


@pytest.fixture
def host(_prepared: Manager) -> Manager:
    """A mail server: Exim runs, foo.test is protected, nothing was exported or mailed yet."""
    reset(_prepared)
    return _prepared


def reset(host: Manager) -> None:
    """Make the mail server what it was, and end what an earlier unit left behind."""
    host.ok("sh", "-c", _RESET)


@pytest.fixture(scope="session")
def share() -> Path:
    """The unit files as they are shipped."""
    from trustctl.resources import resource

    return resource("share") / "systemd"


def documented(share: Path) -> str:
    """What share/doc/systemd.md says."""
    return (share.parent / "doc" / "systemd.md").read_text()


def stricter(share: Path) -> list[str]:
    """The documented drop-in for a probe that sends no mail: the lines of its section."""
    found = re.search(
        r"shut in further.*?```ini\n\[Service\]\n(.*?)\n```", documented(share), re.DOTALL
    )
    assert found
    return found[1].splitlines()


def tried(host: Manager, unit: Path, commands: list[str], *more: str) -> list[str]:
    """Those of the commands that work within the sandbox of a unit."""
    lines = [f"if ( {one} ) >/dev/null 2>&1; then echo '{one}'; fi" for one in commands]
    host.write("/var/lib/try", "\n".join(lines) + "\n")
    host.install(unit, *more, "ExecStart=", "ExecStart=/bin/sh /var/lib/try")
    ran = host.start(unit.name)
    assert ran.result == "success", ran
    return ran.said.splitlines()
