"""One systemd for all of these tests, with an Exim and an inventory that protects foo.test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certs import Made, self_signed
from tests.units.manager import Manager

_TOOLS = ("systemctl", "systemd-analyze", "exim4", "update-exim4.conf", "unshare", "nsenter", "ip")
_SETTINGS = {
    "dc_eximconfig_configtype": "internet",
    "dc_other_hostnames": "mx.us.test",
    "dc_local_interfaces": "127.0.0.1",
    "dc_use_split_config": "true",
    "dc_minimaldns": "false",
    "dc_localdelivery": "mail_spool",
    "CFILEMODE": "644",
}


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
def host(_booted: Manager, foo: Made) -> Manager:
    """A mail server: Exim runs, foo.test is protected, nothing was exported yet."""
    host = _booted
    settings = "".join(f"{name}='{value}'\n" for name, value in _SETTINGS.items())
    host.write("/etc/exim4/update-exim4.conf.conf", settings)
    host.write("/etc/mailname", "mx.us.test\n")
    host.write("/etc/aliases", "")
    host.write("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 mx.us.test\n")
    host.write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    host.ok("sh", "-c", "rm -rf /etc/exim4/trustctl* /var/mail/* /var/spool/exim4/input/*")
    host.ok("sh", "-c", ": > /var/log/exim4/mainlog; chown Debian-exim /var/log/exim4/mainlog")
    host.ok("update-exim4.conf")
    host.ok("systemctl", "start", "exim4.service")
    host.write("/var/lib/foo.pem", foo.pem.decode())
    host.ok(
        *("/usr/local/sbin/trustctl", "add", "/var/lib/foo.pem", "--peer", "foo"),
        *("--domain", "foo.test", "--fingerprint", foo.fingerprint),
        *("--vouched-by", "Ann <ann@us.test>", "--via", "phone"),
    )
    return host


@pytest.fixture(scope="session")
def share() -> Path:
    """The unit files as they are shipped."""
    from trustctl.resources import resource

    return resource("share") / "systemd"
