"""Our own mail servers with pairs that ``--install exim`` placed: presented, verified, renewed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator

import pytest

from tests import certs
from tests.authority import OwnCa
from tests.console import Console
from tests.lab.exim import Exim
from tests.lab.lab import Lab
from tests.lab.senders import fingerprint

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-revocation")]
MX, BAR, FOO = "mx.bar.test", "mx1.bar.test", "mx1.foo.test"
CLIENT = (
    "REMOTE_SMTP_TLS_CERTIFICATE = /etc/exim4/exim.crt\n"
    "REMOTE_SMTP_PRIVATEKEY = /etc/exim4/exim.key\n"
)
_SERVER = (
    "MAIN_TLS_ENABLE = yes\n"
    "MAIN_TLS_VERIFY_CERTIFICATES = /etc/exim4/root.pem\n"
    "MAIN_LOG_SELECTOR = +received_recipients +tls_certificate_verified +tls_peerdn\n"
)
_DEMAND = "tls_verify_hosts = *\n"


class Servers:
    """Our CA, and mail servers of ours that it certified."""

    def __init__(self, lab: Lab, ca: OwnCa) -> None:
        self.lab, self.ca = lab, ca
        ca.init("--permit", "bar.test", "--permit", "foo.test")
        self.root = ca.certificate("root")

    def server(self, name: str, *, demands: bool) -> Exim:
        """A server with a certificate of ours. ``demands``: of clients too."""
        network, key = self.lab.network, f"{name}-{demands}"
        address = network.address()
        host = Exim(
            network,
            f"own-{key}",
            address=address,
            settings={"dc_local_interfaces": address, "dc_relay_nets": "0.0.0.0/0"},
            macros=_SERVER + CLIENT,
            files={
                "conf.d/main/99_lab": "queue_only = true\n" + "tls_verify_hosts = *\n" * demands
            },
        )
        host.put("root.pem", self.root.read_bytes())
        host.serve()
        self.trustctl(host, "issue", name, "--install", "exim")
        return host

    def trustctl(self, host: Exim, *words: str) -> None:
        """Run ``trustctl ca ...`` on a server; it has to succeed."""
        host.ok(
            "env", f"TRUSTCTL_DB={self.ca.console.db}", f"PYTHONPATH={os.pathsep.join(sys.path)}",
            f"TRUSTCTL_CA_PASSPHRASE_FILE={self.ca.secret}",
            sys.executable, "-m", "trustctl", "ca", *words,
        )  # fmt: skip

    def presented(self, host: Exim, name: str) -> str:
        """What OpenSSL says when it verifies the server."""
        told = self.lab.network.run(
            ["openssl", "s_client", "-connect", f"{host.address}:25", "-starttls", "smtp",
             "-CAfile", str(self.root), "-verify_hostname", name, "-verify_return_error"],
            stdin=b"QUIT\r\n",
        )  # fmt: skip
        return told.stdout.decode() + told.stderr.decode()


@pytest.fixture(scope="module")
def servers(_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """One CA for all tests of this file."""
    with pytest.MonkeyPatch.context() as patch:
        yield Servers(_lab, OwnCa(Console(tmp_path_factory.mktemp("ca")), patch))


@pytest.fixture(scope="module")
def two(servers: Servers) -> dict[str, Exim]:
    """Two servers of ours that take mail only from clients with certificates of ours."""
    return {name: servers.server(name, demands=True) for name in (BAR, FOO)}


def test_a_partner_with_our_root_delivers(
    lab: Lab, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Verified, also after a renewal that changed the key and told the partner nothing; who was
    given another root waits."""
    host = servers.server(MX, demands=False)
    partner = Console(tmp_path_factory.mktemp("partner"))
    root = certs.openssl("x509", "-in", str(servers.root), "-outform", "DER")
    partner(
        "add", str(servers.root), "--peer", "bar", "--domain", "bar.test", "--role", "authority",
        "--fingerprint", fingerprint(root),
    )  # fmt: skip
    partner("export", "--to", str(partner.target), "--format", "exim", "--yes")
    lab.us.take(partner.target)
    lab.network.mail_for("bar.test", (MX, host.address))
    before = ""
    for step in ("issued", "renewed"):
        if step == "renewed":
            servers.trustctl(host, "renew", MX, "--install", "exim")
        for _attempt in range(100):
            told = servers.presented(host, MX)
            if (now := told.partition("BEGIN CERTIFICATE")[2][:200]) != before:
                break
            time.sleep(0.05)  # a reload takes it a moment
        assert now not in ("", before)
        assert "Verify return code: 0 (ok)" in told
        assert lab.us.send("bob@bar.test").one.cv == "yes"
        before = now
    lab.us.trust()
    other = Console(tmp_path_factory.mktemp("other"))
    stranger = certs.authority("Another root")
    file = other.write("root.pem", stranger.pem)
    other(
        "add", file, "--peer", "bar", "--domain", "bar.test", "--role", "authority",
        "--fingerprint", stranger.fingerprint,
    )  # fmt: skip
    other("export", "--to", str(other.target), "--format", "exim", "--yes")
    lab.us.take(other.target)
    assert lab.us.send("bob@bar.test").waits


def test_client_certificates_in_both_directions(
    lab: Lab, servers: Servers, two: dict[str, Exim]
) -> None:
    """Each takes the other's mail, and sees who sends; who has no certificate gets no TLS."""
    lab.recipe.put("peers.pem", servers.root.read_bytes())
    for name, host in two.items():
        lab.network.mail_for(name.partition(".")[2], (name, host.address))
    for sender, to in ((BAR, FOO), (FOO, BAR)):
        domain = to.partition(".")[2]
        assert two[sender].send(f"bob@{domain}").delivered
        taken = [one for one in two[to].log.read_text().splitlines() if " <= " in one]
        assert "CV=yes" in taken[-1]
        assert f'CN={sender}"' in taken[-1]
        assert lab.recipe.send(f"bob@{domain}").waits


@pytest.mark.parametrize("presents", [True, False])
def test_the_protected_transport_presents_it(
    lab: Lab, servers: Servers, two: dict[str, Exim], presents: bool
) -> None:
    """trustctl's own transport takes the same two macros; without them such a server refuses it."""
    lab.network.mail_for("foo.test", (FOO, two[FOO].address))
    sender = lab.protected(f"client-{presents}.test", macros=CLIENT if presents else "")
    for name in ("exim.crt", "exim.key"):
        sender.put(name, (two[BAR].etc / name).read_bytes())
    console = servers.ca.console
    if not console.any("peer", "show", "foo").out:
        servers.ca.trust_for("foo")
    console("export", "--to", str(console.target), "--format", "exim", "--yes")
    sender.take(console.target)
    outcome = sender.send("bob@foo.test")
    assert bool(outcome.delivered) is presents
    if presents:
        assert outcome.one.cv == "yes"
