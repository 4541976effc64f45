"""What our own CA revoked is refused by a real Exim, whoever serves it; and staples are served."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.authority import OwnCa, made
from tests.console import Console
from tests.lab.exim import receiver
from tests.lab.lab import Lab, Mx
from tests.lab.senders import Protected
from trustctl.export import cdb

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-revocation")]
FOO = "foo.test"
MX, LOST = "mx.foo.test", "lost.foo.test"


class Scene:
    """Two hosts of ours, ``good`` and ``lost``, and what is exported about them."""

    def __init__(self, lab: Lab, ca: OwnCa) -> None:
        self.lab, self.ca = lab, ca
        ca.init("--permit", FOO)
        self.chains = dict(zip((MX, LOST), ca.issue(MX, LOST), strict=True))
        ca.trust_for("foo")
        self.hosts: dict[str, Mx] = {}
        for name, chain in self.chains.items():
            leaf, above = made(chain)
            self.hosts[name] = lab.mx(f"own-{name}", leaf, *above)

    def export(self) -> Path:
        """What is exported now."""
        self.ca.console("export", "--to", str(self.ca.console.target), "--format", "exim", "--yes")
        return self.ca.console.target

    def sends(self, sender: Protected, host: str) -> bool:
        """Whether mail to foo.test is delivered, where DNS names this host of ours."""
        self.lab.route(FOO, self.hosts[host], host)
        outcome = sender.send("bob@foo.test")
        assert outcome.waits or outcome.one.cv == "yes"
        return not outcome.waits


@pytest.fixture(scope="module")
def scene(_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One CA for all tests of this file; what is revoked, stays so."""
    with pytest.MonkeyPatch.context() as patch:
        console = Console(tmp_path_factory.mktemp("ca"))
        yield Scene(_lab, OwnCa(console, patch))


def _without_deny(exported: Path, to: Path) -> Path:
    """The same data, but that only the list tells what is revoked."""
    shutil.copytree(exported, to, symlinks=True)
    path = to / "trustctl/current/peers.cdb"
    items = {key: value.partition(b" deny=")[0] for key, value in cdb.items(path.read_bytes())}
    path.write_bytes(cdb.build(items.items()))
    return to


def test_what_was_revoked_gets_no_mail(lab: Lab, scene: Scene, tmp_path: Path) -> None:
    """One revocation and one export: the revoked host waits, the other is delivered to. By the list
    alone too; without the list the attack works."""
    blind = lab.protected("blind.test", edit={"  tls_crl = ": "  #tls_crl = "})
    lab.us.take(scene.export())
    assert scene.sends(lab.us, MX)
    assert scene.sends(lab.us, LOST)
    scene.ca("revoke", LOST, "--reason", "key-compromise", "--yes")
    lab.us.take(scene.export())
    assert scene.sends(lab.us, MX)
    assert not scene.sends(lab.us, LOST)
    listed = _without_deny(scene.export(), tmp_path / "listed")
    lab.us.take(listed)
    assert scene.sends(lab.us, MX)
    lab.route(FOO, scene.hosts[LOST], LOST)
    assert "certificate revoked" in lab.us.send("bob@foo.test").text
    blind.take(listed)
    assert scene.sends(blind, LOST)


def test_a_revocation_holds_before_its_list_is_signed(lab: Lab, scene: Scene) -> None:
    """An export by a cron job that has no passphrase: the map names what was revoked."""
    chain = scene.ca.issue("next.foo.test")[0]
    leaf, above = made(chain)
    scene.hosts["next.foo.test"] = lab.mx("own-next", leaf, *above)
    lab.us.take(scene.export())
    assert scene.sends(lab.us, "next.foo.test")
    scene.ca.absent()
    scene.ca("revoke", "next.foo.test", "--reason", "superseded", "--yes")
    lab.us.take(scene.export())
    scene.ca.present()
    lab.route(FOO, scene.hosts["next.foo.test"], "next.foo.test")
    outcome = lab.us.send("bob@foo.test")
    assert outcome.waits
    assert "denied by event-action" in outcome.text
    assert scene.sends(lab.us, MX)


def test_a_missing_list_opens_nothing(lab: Lab, scene: Scene, tmp_path: Path) -> None:
    """Where the list is gone, what needs it waits; a domain that does not need it is delivered."""
    scene.ca.console.pin(lab.bar_cert, "bar")
    damaged = tmp_path / "damaged"
    shutil.copytree(scene.export(), damaged, symlinks=True)
    (damaged / "trustctl/current/crl/main.pem").unlink()
    for step in ("file", "folder"):
        if step == "folder":
            (damaged / "trustctl/current/crl").rmdir()
        lab.us.take(damaged)
        assert not scene.sends(lab.us, MX)
        lab.route("bar.test", lab.bar)
        assert lab.us.send("bob@bar.test").one.cv == "yes"
    lab.us.take(scene.export())
    assert scene.sends(lab.us, MX)


def test_a_staple_is_served_and_seen(lab: Lab, scene: Scene, tmp_path: Path) -> None:
    """Exim staples what an export wrote; OpenSSL and GnuTLS see it verify; without it they see
    none."""
    exported = scene.export()
    staple = exported / f"trustctl/current/ocsp/main/{MX}.ocsp"
    leaf, above = made(scene.chains[MX])
    host = receiver(
        lab.network, "host-stapling", [leaf, *above],
        main="tls_ocsp_file = /etc/exim4/staple.ocsp\n",
        files={"staple.ocsp": staple.read_bytes()},
    )  # fmt: skip
    root = scene.ca.certificate("root")
    for address, there in ((host.address, True), (scene.hosts[MX].address, False)):
        told = lab.network.run(
            ["openssl", "s_client", "-connect", f"{address}:25", "-starttls", "smtp", "-status",
             "-CAfile", str(root), "-verify_return_error", "-servername", MX],
            stdin=b"QUIT\r\n",
        )  # fmt: skip
        text = told.stdout.decode()
        assert ("Cert Status: good" in text) is there, text
        assert ("OCSP response: no response sent" in text) is not there
        told = lab.network.run(
            ["gnutls-cli", "--starttls-proto=smtp", "--ocsp", "--port", "25", "--x509cafile",
             str(root), "--verify-hostname", MX, address],
            stdin=b"QUIT\r\n",
        )  # fmt: skip
        text = told.stdout.decode() + told.stderr.decode()
        assert ("OCSP status" in text or "ocsp status" in text.lower()) is there, text
