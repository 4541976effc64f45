"""Servers that others wrote are seen as well as our own."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests import certs
from tests.tools import require
from tests.wire.hosts import seen
from trustctl.facts.wire import Endpoint, Sighting


def _file(tmp_path: Path, name: str, content: bytes) -> str:
    (tmp_path / name).write_bytes(content)
    return str(tmp_path / name)


@pytest.mark.parametrize("server", ["gnutls-serv", "openssl"])
@pytest.mark.parametrize("kind", ["p256", "rsa2048", "ed25519"])
def test_real_servers_are_seen(server: str, kind: certs.KeyKind, tmp_path: Path) -> None:
    """GnuTLS's and OpenSSL's own, with an intermediate."""
    require(server)
    root = certs.authority("Root", key=kind)
    middle = certs.issue(root, (), ca=True, subject="Middle", key=kind)
    leaf = certs.issue(middle, key=kind)
    key = _file(tmp_path, "key.pem", leaf.key_pem)
    chain = _file(tmp_path, "chain.pem", leaf.pem + middle.pem)
    port = _free_port()
    command = {
        "gnutls-serv": ["gnutls-serv", "--quiet", "--echo", f"--port={port}",
                        f"--x509keyfile={key}", f"--x509certfile={chain}"],
        "openssl": ["openssl", "s_server", "-quiet", "-accept", f"127.0.0.1:{port}",
                    "-key", key, "-cert", chain, "-cert_chain", chain],
    }[server]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as running:  # fmt: skip
        try:
            sighting = _when_up(Endpoint("mx.foo.test", "127.0.0.1", port, "none"))
        finally:
            running.kill()
    assert (sighting.outcome, sighting.tls) == ("presented", "TLSv1.3")
    assert sighting.chain[0] == leaf.der
    assert middle.der in sighting.chain


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _when_up(place: Endpoint) -> Sighting:
    """What is seen there, once it listens."""
    for _ in range(200):
        sighting = seen(place)
        if sighting.outcome != "unreachable":
            return sighting
        time.sleep(0.05)
    pytest.fail("it does not listen")
