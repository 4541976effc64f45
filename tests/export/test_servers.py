"""Client CA files, given to the servers that they are for: peers are let in, strangers are not."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import certs
from tests.certs import Made
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
from tests.tools import require
from trustctl.facts.records import PeerTrust

_OWN = certs.self_signed("own.test", ca=False)
_SMTPD = Path(__file__).parents[2] / ".cache" / "opensmtpd" / "usr" / "sbin" / "smtpd"
_NGINX = """
daemon off; master_process off; pid {base}/pid; error_log {base}/log;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {base}/b; proxy_temp_path {base}/p; fastcgi_temp_path {base}/f;
  uwsgi_temp_path {base}/u; scgi_temp_path {base}/s;
  server {{
    listen unix:{base}/socket ssl;
    ssl_certificate {base}/own.pem; ssl_certificate_key {base}/own.pem;
    {include}
    location / {{ return 200 "let in\\n"; }}
  }}
}}
"""
_HAPROXY = """
global
    stats socket {base}/stats
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 10s
frontend peers
{lines}
    http-request return status 200 content-type text/plain lf-string "let in %[var(txn.peer)]\\n"
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A folder with a server's own certificate and key."""
    (tmp_path / "own.pem").write_bytes(_OWN.pem + _OWN.key_pem)
    (tmp_path / "own.pem").chmod(0o600)
    return tmp_path


def _exported(base: Path, name: str, *trusts: PeerTrust) -> Path:
    target = base / "target"
    shutil.rmtree(target, ignore_errors=True)
    return write(target, made(name, *trusts, directory=target))


@contextmanager
def _running(base: Path, *words: object) -> Iterator[None]:
    socket = base / "socket"
    with (base / "said").open("wb") as said:
        process = subprocess.Popen([str(one) for one in words], stdout=said, stderr=said)
    try:
        for _ in range(500):
            if socket.exists() or process.poll() is not None:
                break
            time.sleep(0.02)
        assert socket.exists(), (base / "said").read_text()
        yield
    finally:
        process.terminate()
        process.wait(30)


def _ask(base: Path, client: Made | None) -> str:
    words = ["openssl", "s_client", "-quiet", "-unix", str(base / "socket")]
    if client is not None:
        (base / "client.pem").write_bytes(client.pem + client.key_pem)
        words += ["-cert", str(base / "client.pem")]
    request = b"GET / HTTP/1.0\r\n\r\n"
    done = subprocess.run(words, input=request, capture_output=True, check=False, timeout=60)
    return done.stdout.decode()


def _nginx(base: Path, current: Path) -> Path:
    (base / "nginx.conf").write_text(
        _NGINX.format(base=base, include=f"include {current}/nginx.conf;")
    )
    return base / "nginx.conf"


def test_nginx_lets_peers_in(base: Path) -> None:
    """By a real handshake with a client certificate; neither a stranger nor somebody without."""
    require("/usr/sbin/nginx")
    conf = _nginx(base, _exported(base, "nginx", *peers()))
    with _running(base, "/usr/sbin/nginx", "-c", conf, "-p", base, "-e", base / "log"):
        for one in (FOO, BAR):
            assert "let in" in _ask(base, one)
        for other in (STRANGER, None):
            assert "let in" not in _ask(base, other)


def test_nginx_reads_hostile_certificates(base: Path) -> None:
    """And does not start where nobody is trusted."""
    require("/usr/sbin/nginx")
    for trusts, code in ((hostile_peers() + odd_peers(), 0), ([], 1)):
        conf = _nginx(base, _exported(base, "nginx", *trusts))
        done = run("/usr/sbin/nginx", "-t", "-c", conf, "-p", base, "-e", base / "log")
        assert done.returncode == code, done


def _haproxy(base: Path, current: Path) -> Path:
    snippet = (current / "haproxy.txt").read_text()
    lines = snippet.partition("# frontend peers\n")[2].replace("\n#", "\n").removeprefix("#")
    lines = lines.replace(":443 ssl", f"unix@{base}/socket ssl")
    lines = lines.replace("/etc/haproxy/own.pem", str(base / "own.pem"))
    (base / "haproxy.cfg").write_text(_HAPROXY.format(base=base, lines=lines.rstrip()))
    return base / "haproxy.cfg"


def test_haproxy_lets_peers_in_and_knows_which(base: Path) -> None:
    """With the lines that the snippet has: by chain, and by pin."""
    require("/usr/sbin/haproxy")
    current = _exported(base, "haproxy", *peers())
    with _running(base, "/usr/sbin/haproxy", "-f", _haproxy(base, current)):
        assert "let in foo" in _ask(base, FOO)
        assert "let in bar" in _ask(base, BAR)
        for other in (STRANGER, None):
            assert "let in" not in _ask(base, other)


def test_haproxy_reads_hostile_certificates(base: Path) -> None:
    """And does not start where nobody is trusted."""
    require("/usr/sbin/haproxy")
    for trusts, code in ((hostile_peers() + odd_peers(), 0), ([], 1)):
        conf = _haproxy(base, _exported(base, "haproxy", *trusts))
        done = run("/usr/sbin/haproxy", "-c", "-f", conf)
        assert done.returncode == code, done


def test_dovecot_reads_what_is_to_be_included(base: Path) -> None:
    """The file's content is what it asks clients for; a missing one is an error."""
    require("doveconf")
    current = _exported(base, "dovecot", *peers(), *hostile_peers())
    conf = base / "dovecot.conf"
    conf.write_text(f"!include {current}/dovecot.conf\n")
    words = ("doveconf", "-x", "-c", conf, "-h")
    done = run(*words, "ssl_ca")
    assert done.returncode == 0, done
    assert FOO.pem.decode().strip() in done.stdout
    assert run(*words, "ssl_verify_client_cert").stdout.strip() == "yes"
    (current / "client-ca.pem").unlink()
    assert run(*words, "ssl_ca").returncode != 0


def test_opensmtpd_reads_what_is_to_be_included(base: Path) -> None:
    """``smtpd -n`` takes the configuration, and refuses it without the files."""
    program = next((one for one in ("/usr/sbin/smtpd", str(_SMTPD)) if Path(one).exists()), None)
    if program is None:
        if os.environ.get("TRUSTCTL_REQUIRE_ALL") == "1":
            pytest.fail("OpenSMTPD is not there: tests/run fetches it")
        pytest.skip("OpenSMTPD is not there")
    current = _exported(base, "opensmtpd", *peers(), *hostile_peers(), *odd_peers())
    conf = base / "smtpd.conf"
    conf.write_text(
        f'include "{current}/smtpd.conf"\n'
        f'pki own cert "{base}/own.pem"\npki own key "{base}/own.pem"\n'
        "listen on 127.0.0.1 port 2525 tls-require verify pki own ca peers\n"
        'action "in" mbox\nmatch from any for domain <peers_domains> action "in"\n'
    )
    done = run(program, "-n", "-f", conf)
    assert done.returncode == 0, done
    assert "configuration OK" in done.stdout + done.stderr
    (current / "client-ca.pem").unlink()
    assert run(program, "-n", "-f", conf).returncode != 0
