"""What a proof leaves of itself: nothing on the machine, nothing on its network, no process."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.prove.site import ROUTER, Site, wait_for_the_end

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("prove")]
_LISTENER = """
import socket, sys, threading
name = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
name.bind(("127.0.0.1", 53))
mail = socket.create_server(("192.0.2.1", 25))
local = socket.socket(socket.AF_UNIX)
local.bind("/run/exim4/service")
local.listen()
def calls():
    while True:
        local.accept()[0].close()
        print("call", flush=True)
threading.Thread(target=calls, daemon=True).start()
def queries():
    while True:
        name.recvfrom(4096)
        print("query", flush=True)
threading.Thread(target=queries, daemon=True).start()
print("ready", flush=True)
while True:
    mail.accept()[0].close()
    print("connection", flush=True)
"""
_TO_THE_MACHINE = """
smart:
  driver = manualroute
  domains = ! +local_domains
  transport = remote_smtp
  route_list = * 192.0.2.1
  self = send
  condition = ${{lookup dnsdb{{defer_never,a=asked.test}}{{yes}}{{yes}}}}
  address_data = ${{run{{/usr/bin/touch {mark}}}{{yes}}{{no}}}}\
    ${{readsocket{{/run/exim4/service}}{{hello}}{{2s}}{{}}{{none}}}}
  no_more
"""
_MAIL = ("-odf", "-oi", "-f", "ann@us.test", "--", "bob@foo.test")


@contextmanager
def listening(site: Site) -> Iterator[list[str]]:
    """A mail server and a name server on the machine; who came to them."""
    resolver = site.folder / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    site.box.command("mount", "--bind", str(resolver), "/etc/resolv.conf")
    site.box.command("ip", "address", "add", "192.0.2.1/32", "dev", "lo")
    inside = ["nsenter", "-m", "-n", "-t", str(site.box.pid), "--", sys.executable, "-c", _LISTENER]
    heard: list[str] = []
    with subprocess.Popen(inside, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield heard
        finally:
            process.kill()
            heard += process.stdout.read().split()
            site.box.command("ip", "address", "del", "192.0.2.1/32", "dev", "lo")
            site.box.command("umount", "/etc/resolv.conf")
            (site.box.run / "service").unlink()


def test_neither_the_network_nor_the_disk_is_reached(site: Site) -> None:
    """A configuration that sends mail to an address of the machine, asks its name server and a
    service at a socket, and writes a file does all that outside, and none of it in a proof."""
    mark = site.folder / "was-here"
    router = {ROUTER: {"": _TO_THE_MACHINE.format(mark=mark)}}
    with site.edited(router):
        with listening(site) as heard:
            proof = site.prove(code=1)
        assert proof.did("self-signed", "installed") == {"deferred"}
        assert proof.did("none") == {"not tried"}, "there is no place for a throwaway certificate"
        told = " ".join(line for one in proof.rows for line in one["log"])
        assert "R=smart T=remote_smtp defer (101): Network is unreachable" in told
        assert heard == []
        assert not mark.exists()
        with listening(site) as heard:
            site.box.command("sh", "-c", f"echo | exim4 {' '.join(_MAIL)}")
        assert set(heard) == {"query", "connection", "call"}
        assert mark.exists()
    shutil.rmtree(site.box.spool / "input")


def test_the_running_mta_is_not_touched(site: Site) -> None:
    """Its daemon runs on, its queue, its log and what it remembers are the same to the byte."""
    box = site.box
    # without queue runs: those would change something at any time
    box.command("/usr/sbin/exim4", "-bd", "-oX", "127.0.0.1.2525", "-oP", "/run/exim4/exim.pid")
    box.command("sh", "-c", f"echo | exim4 -odq {' '.join(_MAIL[1:])}")
    pid = int((box.run / "exim.pid").read_text())
    before = site.everything()
    assert len([one for one in before if one.endswith("-H")]) >= 1
    try:
        assert site.prove().failed == set()
        assert site.everything() == before
        assert Path(f"/proc/{pid}").exists()
        assert int(box.command("exim4", "-bpc").stdout) == 1
    finally:
        box.command("kill", str(pid))
        wait_for_the_end({pid})


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_an_interrupted_proof(site: Site, how: signal.Signals) -> None:
    """However it ends, everything inside ends with it, and nothing is left on the machine."""
    before = site.everything()
    assert site.interrupt(how) == (130 if how == signal.SIGINT else -how)
    assert site.everything() == before
