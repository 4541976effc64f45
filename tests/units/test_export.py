"""The export's unit does all of its work in its sandbox, and nothing beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.certs import self_signed
from tests.units.conftest import tried
from tests.units.manager import Manager

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("units")]

_UNIT = "trustctl-export.service"
# a test's interpreter may lie in a home: the unit's own setting would hide it
_SEEN = "ProtectHome=tmpfs"
_PASSPHRASE = "correct horse battery staple\n"  # noqa: S105


def test_it_exports_and_the_running_exim_reads_it_anew(host: Manager, share: Path) -> None:
    """From behind the walls of a mount namespace Exim is found, asked and reloaded."""
    host.install(share / _UNIT, _SEEN)
    ran = host.start(_UNIT)
    assert (ran.result, ran.status) == ("success", 0), ran.said
    assert "protected now: foo.test" in ran.said
    assert "Exim reloaded (systemctl reload exim4)" in ran.said
    assert "Exim was asked: the router and the transport are there" in ran.said
    host.await_log("SIGHUP received: re-exec daemon")
    stat = host.ok("stat", "-c", "%a %U %G", "/etc/exim4/trustctl/current/peers.cdb")
    assert stat == "640 root Debian-exim\n"
    routed = host.ok("/usr/sbin/exim4", "-bP", "router", "trustctl")
    assert "domains" in routed


def test_an_exim_that_cannot_be_seen_is_not_taken_for_none(host: Manager, share: Path) -> None:
    """Without the capability to look it fails, where it once said that no daemon is running."""
    host.install(
        share / _UNIT, _SEEN,
        "CapabilityBoundingSet=", "CapabilityBoundingSet=CAP_CHOWN CAP_SETGID CAP_SETUID",
    )  # fmt: skip
    ran = host.start(_UNIT)
    assert (ran.result, ran.status) == ("exit-code", 8), ran.said
    assert "cannot be seen: permission denied" in ran.said
    assert "no Exim daemon is running" not in ran.said


def test_another_exims_files_are_not_taken_for_the_running_ones(host: Manager, share: Path) -> None:
    """Where the sandbox has an /etc/exim4 of its own, systemd's Exim would read another."""
    host.ok("cp", "-a", "/etc/exim4", "/var/lib/other-exim4")
    host.install(share / _UNIT, _SEEN, "BindPaths=/var/lib/other-exim4:/etc/exim4")
    ran = host.start(_UNIT)
    assert "systemctl reload" not in ran.said
    assert "no Exim daemon is running here" in ran.said


def test_the_sandbox_keeps_out_what_it_does_not_need(host: Manager, share: Path) -> None:
    """Each of these works outside of it: so it is the sandbox that hinders it."""
    commands = [
        "touch /etc/escaped",
        "touch /usr/local/sbin/escaped",
        "touch /var/mail/escaped",
        "echo 1 > /proc/sys/net/ipv4/ip_forward",
        "mount -t tmpfs none /mnt && umount /mnt",
        "unshare --mount true",
        "cp /bin/true /var/lib/trustctl/x && chmod u+s /var/lib/trustctl/x",
        "ip link set lo up && ip -o link | grep -q veth0",
        "cat /home/secret",
    ]
    host.run("ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
    host.write("/home/secret", "x")
    assert tried(
        host, share / _UNIT, [*commands, "touch /etc/exim4/in /var/lib/trustctl/in"], _SEEN
    ) == ["touch /etc/exim4/in /var/lib/trustctl/in"]
    for one in commands:
        host.ok("sh", "-c", one)


def test_the_passphrase_comes_from_the_credential_store(host: Manager, share: Path) -> None:
    """Without one the unit runs and says what is due; with one it signs."""
    host.write("/var/lib/passphrase", _PASSPHRASE, 0o600)
    host.ok(
        "env", "TRUSTCTL_CA_PASSPHRASE_FILE=/var/lib/passphrase", "/usr/local/sbin/trustctl",
        "ca", "init", "--permit", "us.test",
    )  # fmt: skip
    host.install(share / _UNIT, _SEEN)
    without = host.start(_UNIT)
    assert without.result == "success", without.said
    assert "passphrase" in without.said
    host.write("/etc/credstore/trustctl-ca-passphrase", _PASSPHRASE, 0o600)
    given = host.start(_UNIT)
    assert given.result == "success", given.said
    assert "passphrase" not in given.said
    assert host.ok("ls", "/etc/exim4/trustctl/current/crl") == "main.pem\n"


def test_what_needs_a_person_fails_and_changes_nothing(host: Manager, share: Path) -> None:
    """A timer does not close a protected domain by itself: exit code 9, and the map stays."""
    trustctl = "/usr/local/sbin/trustctl"
    baz = self_signed("mx.baz.test")
    host.write("/var/lib/baz.pem", baz.pem.decode())
    host.ok(
        *(trustctl, "add", "/var/lib/baz.pem", "--peer", "baz", "--domain", "baz.test"),
        *("--fingerprint", baz.fingerprint, "--vouched-by", "Ann <ann@us.test>", "--via", "phone"),
    )
    host.install(share / _UNIT, _SEEN)
    assert host.start(_UNIT).result == "success"
    before = host.ok("readlink", "/etc/exim4/trustctl/current")
    host.ok(trustctl, "retire", "baz", "--yes")
    ran = host.start(_UNIT)
    assert (ran.result, ran.status) == ("exit-code", 9), ran.said
    assert "baz.test: no trusted pin is left; its mail would wait" in ran.said
    assert host.ok("readlink", "/etc/exim4/trustctl/current") == before
