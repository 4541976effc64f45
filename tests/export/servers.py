"""The servers that client-CA files are for, each with a client that is let in or is not."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import certs
from tests.certs import Made

OWN = certs.self_signed("own.test", ca=False)
"""The server's own certificate."""
Ask = Callable[..., str]
"""What the server says to a client's certificate (or None), and the PEM of those above it."""

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
_DOVECOT = """
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/log
listen = 127.0.0.1
protocols = imap
ssl = required
ssl_cert = <{base}/own.pem
ssl_key = <{base}/own.pem
passdb {{
  driver = static
  args = nopassword
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}}
!include {current}/dovecot.conf
"""


def nginx_conf(base: Path, current: Path) -> Path:
    """A configuration that includes what was exported."""
    _prepare(base)
    conf = base / "nginx.conf"
    conf.write_text(_NGINX.format(base=base, include=f"include {current}/nginx.conf;"))
    return conf


@contextmanager
def nginx(base: Path, current: Path) -> Iterator[Ask]:
    """An nginx that has it; "let in" is what it says to those whom it lets in."""
    conf = nginx_conf(base, current)
    with _running(base, "/usr/sbin/nginx", "-c", conf, "-p", base, "-e", base / "log"):
        yield _http(base)


def haproxy_conf(base: Path, current: Path, *, by_pin: bool = True) -> Path:
    """A configuration of the lines that were exported; ``by_pin``: with those of the map."""
    _prepare(base)
    snippet = (current / "haproxy.txt").read_text()
    lines = snippet.partition("# frontend peers\n")[2].replace("\n#", "\n").removeprefix("#")
    lines = lines.replace(":443 ssl", f"unix@{base}/socket ssl")
    lines = lines.replace("/etc/haproxy/own.pem", str(base / "own.pem"))
    if not by_pin:
        lines = lines.splitlines()[0]
    conf = base / "haproxy.cfg"
    conf.write_text(_HAPROXY.format(base=base, lines=lines.rstrip()))
    return conf


@contextmanager
def haproxy(base: Path, current: Path, *, by_pin: bool = True) -> Iterator[Ask]:
    """A HAProxy that has it; "let in" and the peer is what it says to those whom it lets in."""
    with _running(base, "/usr/sbin/haproxy", "-f", haproxy_conf(base, current, by_pin=by_pin)):
        yield _http(base)


@contextmanager
def dovecot(base: Path, current: Path) -> Iterator[Ask]:
    """A Dovecot that has it, in a network of its own; "Login:" is what it logs of those whom it
    lets in."""
    _prepare(base)
    for one in ("run", "state"):
        (base / one).mkdir()
    conf = base / "dovecot.conf"
    conf.write_text(_DOVECOT.format(base=base, current=current))
    log = base / "log"
    up = 'ip link set lo up && exec "$@"'
    words = ("unshare", "--net", "sh", "-c", up, "sh", "/usr/sbin/dovecot", "-F", "-c", str(conf))
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    inside = ("nsenter", "--target", str(process.pid), "--net", "--")

    def ask(client: Made | None, *chain: bytes) -> str:
        before = len(log.read_text())
        _ask(base, ("-connect", "127.0.0.1:993"), client, chain, b"a LOGIN u x\r\nb LOGOUT\r\n",
             before=inside)  # fmt: skip
        for _ in range(500):  # it writes of a connection when that has ended
            said = log.read_text()[before:]
            if "imap-login:" in said:
                return said
            time.sleep(0.02)
        raise AssertionError("it logged nothing")

    try:
        for _ in range(500):
            if log.exists() and "starting up" in log.read_text():
                break
            assert process.poll() is None, log.read_text() if log.exists() else words
            time.sleep(0.02)
        yield ask
    finally:
        process.terminate()
        process.wait(30)


def _prepare(base: Path) -> None:
    (base / "own.pem").write_bytes(OWN.pem + OWN.key_pem)
    (base / "own.pem").chmod(0o600)


def _http(base: Path) -> Ask:
    def ask(client: Made | None, *chain: bytes) -> str:
        to = ("-unix", str(base / "socket"))
        return _ask(base, to, client, chain, b"GET / HTTP/1.0\r\n\r\n")

    return ask


def _ask(
    base: Path,
    to: tuple[str, ...],
    client: Made | None,
    chain: tuple[bytes, ...],
    said: bytes,
    *,
    before: tuple[str, ...] = (),
) -> str:
    words = [*before, "openssl", "s_client", "-quiet", *to]
    if client is not None:
        (base / "client.pem").write_bytes(client.pem + client.key_pem)
        words += ["-cert", str(base / "client.pem")]
    if chain:
        (base / "chain.pem").write_bytes(b"".join(chain))
        words += ["-cert_chain", str(base / "chain.pem")]
    done = subprocess.run(words, input=said, capture_output=True, check=False, timeout=60)
    return done.stdout.decode()


@contextmanager
def _running(base: Path, *words: object) -> Iterator[None]:
    socket = base / "socket"
    socket.unlink(missing_ok=True)
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
