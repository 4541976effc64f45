"""Client CA files, given to the servers that they are for: peers are let in, strangers are not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.export.servers import OWN, dovecot, haproxy, haproxy_conf, nginx, nginx_conf
from tests.export.stores import (
    BAR,
    FOO,
    STRANGER,
    hostile_peers,
    made,
    odd_peers,
    peers,
    run,
    write,
)
from tests.tools import require, require_root
from tests.trusts import trust
from trustctl.facts.records import PeerTrust

_SMTPD = Path(__file__).parents[2] / ".cache" / "opensmtpd" / "usr" / "sbin" / "smtpd"
_NOBODY = ((), (trust("gone"),))
"""No peer at all, and one for whom nobody is trusted."""


def _exported(base: Path, name: str, *trusts: PeerTrust) -> Path:
    target = base / "target"
    return write(target, made(name, *trusts, directory=target))


def test_nginx_lets_peers_in(tmp_path: Path) -> None:
    """By a real handshake with a client certificate; neither a stranger nor somebody without."""
    require("/usr/sbin/nginx")
    with nginx(tmp_path, _exported(tmp_path, "nginx", *peers())) as ask:
        for one in (FOO, BAR):
            assert "let in" in ask(one)
        for other in (STRANGER, None):
            assert "let in" not in ask(other)


def test_nginx_reads_hostile_certificates(tmp_path: Path) -> None:
    """They are in its file; none of them can say anything."""
    require("/usr/sbin/nginx")
    conf = nginx_conf(tmp_path, _exported(tmp_path, "nginx", *hostile_peers(), *odd_peers()))
    done = run("/usr/sbin/nginx", "-t", "-c", conf, "-p", tmp_path, "-e", tmp_path / "log")
    assert done.returncode == 0, done


@pytest.mark.parametrize("trusts", _NOBODY, ids=("no peer", "no pin"))
def test_nginx_runs_and_lets_nobody_in_where_nobody_is_trusted(
    tmp_path: Path, trusts: tuple[PeerTrust, ...]
) -> None:
    """With an empty file it would not start, and a reload would leave the old state in force."""
    require("/usr/sbin/nginx")
    current = _exported(tmp_path, "nginx", *trusts)
    with nginx(tmp_path, current) as ask:
        for one in (FOO, None):
            assert "let in" not in ask(one)
    (current / "client-ca.pem").write_bytes(b"")
    conf = nginx_conf(tmp_path, current)
    assert run(
        "/usr/sbin/nginx", "-t", "-c", conf, "-p", tmp_path, "-e", tmp_path / "log"
    ).returncode


def test_haproxy_lets_peers_in_and_knows_which(tmp_path: Path) -> None:
    """With the lines that the snippet has: by chain, and by pin."""
    require("/usr/sbin/haproxy")
    with haproxy(tmp_path, _exported(tmp_path, "haproxy", *peers())) as ask:
        assert "let in foo" in ask(FOO)
        assert "let in bar" in ask(BAR)
        for other in (STRANGER, None):
            assert "let in" not in ask(other)


def test_haproxy_reads_hostile_certificates(tmp_path: Path) -> None:
    """They are in its file and its map; none of them can say anything."""
    require("/usr/sbin/haproxy")
    current = _exported(tmp_path, "haproxy", *hostile_peers(), *odd_peers())
    done = run("/usr/sbin/haproxy", "-c", "-f", haproxy_conf(tmp_path, current))
    assert done.returncode == 0, done


def test_haproxy_runs_and_lets_nobody_in_where_nobody_is_trusted(tmp_path: Path) -> None:
    """By chain already; with an empty file it would not start."""
    require("/usr/sbin/haproxy")
    current = _exported(tmp_path, "haproxy")
    with haproxy(tmp_path, current, by_pin=False) as ask:
        for one in (FOO, None):
            assert "let in" not in ask(one)
    (current / "client-ca.pem").write_bytes(b"")
    conf = haproxy_conf(tmp_path, current)
    assert run("/usr/sbin/haproxy", "-c", "-f", conf).returncode


def test_dovecot_lets_peers_in(tmp_path: Path) -> None:
    """By a login over TLS with a client certificate; neither a stranger nor somebody without."""
    require_root()
    require("/usr/sbin/dovecot")
    current = _exported(tmp_path, "dovecot", *peers(), *hostile_peers(), *odd_peers())
    with dovecot(tmp_path, current) as ask:
        for one in (FOO, BAR):
            assert "Login: user=<u>" in ask(one)
        for other in (STRANGER, None):
            assert "Login: user" not in ask(other)


def test_dovecot_runs_and_lets_nobody_in_where_nobody_is_trusted(tmp_path: Path) -> None:
    """Its file has a certificate that nobody can have."""
    require_root()
    require("/usr/sbin/dovecot")
    with dovecot(tmp_path, _exported(tmp_path, "dovecot")) as ask:
        for one in (FOO, None):
            assert "Login: user" not in ask(one)


def test_dovecot_reads_what_is_to_be_included(tmp_path: Path) -> None:
    """The file's content is what it asks clients for; a missing one is an error."""
    require("doveconf")
    current = _exported(tmp_path, "dovecot", *peers(), *hostile_peers())
    conf = tmp_path / "dovecot.conf"
    conf.write_text(f"!include {current}/dovecot.conf\n")
    words = ("doveconf", "-x", "-c", conf, "-h")
    done = run(*words, "ssl_ca")
    assert done.returncode == 0, done
    assert FOO.pem.decode().strip() in done.stdout
    assert run(*words, "ssl_verify_client_cert").stdout.strip() == "yes"
    (current / "client-ca.pem").unlink()
    assert run(*words, "ssl_ca").returncode != 0


@pytest.mark.parametrize(
    "trusts",
    [(*peers(), *hostile_peers(), *odd_peers()), *_NOBODY],
    ids=("peers", "no peer", "no pin"),
)
def test_opensmtpd_reads_what_is_to_be_included(
    tmp_path: Path, trusts: tuple[PeerTrust, ...]
) -> None:
    """``smtpd -n`` takes the configuration, also where nobody is trusted, and refuses it without
    the files. There is no handshake: Debian 12's smtpd completes none (share/doc/formats.md)."""
    program = next((one for one in ("/usr/sbin/smtpd", str(_SMTPD)) if Path(one).exists()), None)
    if program is None:
        if os.environ.get("TRUSTCTL_REQUIRE_ALL") == "1":
            pytest.fail("OpenSMTPD is not there: tests/run fetches it")
        pytest.skip("OpenSMTPD is not there")
    current = _exported(tmp_path, "opensmtpd", *trusts)
    (tmp_path / "own.pem").write_bytes(OWN.pem + OWN.key_pem)
    (tmp_path / "own.pem").chmod(0o600)
    conf = tmp_path / "smtpd.conf"
    conf.write_text(
        f'include "{current}/smtpd.conf"\n'
        f'pki own cert "{tmp_path}/own.pem"\npki own key "{tmp_path}/own.pem"\n'
        "listen on 127.0.0.1 port 2525 tls-require verify pki own ca peers\n"
        'action "in" mbox\nmatch from any for domain <peers_domains> action "in"\n'
    )
    done = run(program, "-n", "-f", conf)
    assert done.returncode == 0, done
    assert "configuration OK" in done.stdout + done.stderr
    (current / "client-ca.pem").unlink()
    assert run(program, "-n", "-f", conf).returncode != 0
