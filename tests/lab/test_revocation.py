"""What our own CA revoked is refused by a real Exim, whoever serves it; and staples are served."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from tests.authority import PASSPHRASE, OwnCa, first, made
from tests.console import Console
from tests.lab.exim import Exim, receiver
from tests.lab.lab import Lab, Mx
from tests.lab.senders import ONE_BUNDLE, RECIPE_2009, Protected
from trustctl.ca import crl, keyfile
from trustctl.ca.kinds import spki_of
from trustctl.ca.signer import KeySigner
from trustctl.export import cdb
from trustctl.facts.der import subject_public_key_info
from trustctl.facts.pem import pem

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

    def lose(self) -> None:
        """Let the key of ``lost`` be in other hands."""
        if self.ca.console.any("ca", "show", LOST).code == 0:
            self.ca("revoke", LOST, "--reason", "key-compromise", "--yes")

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
    scene.lose()
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


@pytest.mark.parametrize(
    ("value", "notices"),
    [("PATH", False), ("${if exists{PATH}{PATH}}", True)],
    ids=["path", "expanded"],
)
def test_a_daemon_and_its_next_staple(lab: Lab, scene: Scene, value: str, notices: bool) -> None:
    """A plain path is read once: the next generation's staple is not noticed before a reload. What
    has to be expanded is read for each connection, and on OpenSSL the path too."""
    path = f"/etc/exim4/trustctl/current/ocsp/main/{MX}.ocsp"
    leaf, above = made(scene.chains[MX])

    def staple() -> bytes:
        return (scene.export() / f"trustctl/current/ocsp/main/{MX}.ocsp").read_bytes()

    first_one = staple()
    host = receiver(
        lab.network, f"host-noticing-{notices}", [leaf, *above],
        main=f"tls_ocsp_file = {value.replace('PATH', path)}\n",
        files={f"trustctl/generations/1/ocsp/main/{MX}.ocsp": first_one},
        links={"trustctl/current": "generations/1"},
    )  # fmt: skip
    scene.ca("ocsp", MX, "--days", "5" if notices else "6", "--out", str(scene.ca.console.folder))
    second = staple()
    assert first_one != second
    assert _end(first_one) in _served(lab, host)
    host.put(f"trustctl/generations/2/ocsp/main/{MX}.ocsp", second)
    (host.etc / "trustctl/new").symlink_to("generations/2")
    (host.etc / "trustctl/new").replace(host.etc / "trustctl/current")
    assert (_end(second) in _served(lab, host)) is (notices or lab.openssl)
    host.ok("pkill", "-HUP", "-F", "/run/exim4/exim.pid")
    for _attempt in range(50):
        if _end(second) in _served(lab, host):
            return
        time.sleep(0.1)
    raise AssertionError("not even after a reload")


def _end(staple: bytes) -> str:
    """A staple's nextUpdate as OpenSSL prints it."""
    found = ocsp.load_der_ocsp_response(staple).next_update_utc
    assert found is not None
    return found.strftime("Next Update: %b %e %H:%M:%S %Y GMT")


def _served(lab: Lab, host: Exim) -> str:
    """What a client is shown."""
    told = lab.network.run(
        ["openssl", "s_client", "-connect", f"{host.address}:25", "-starttls", "smtp", "-status"],
        stdin=b"QUIT\r\n",
    )
    return told.stdout.decode()


def _ended(scene: Scene, exported: Path) -> None:
    """Let the lists of what was exported have ended an hour ago."""
    now = int(time.time())
    keys = {}
    for path in (scene.ca.console.db.parent / "ca").iterdir():
        signer = KeySigner(keyfile.load(path, PASSPHRASE))
        keys[hashlib.sha256(spki_of(signer.public_key)).hexdigest()] = signer
    texts = []
    for which in ("root", "issuing"):
        der = x509.load_pem_x509_certificate(scene.ca.certificate(which).read_bytes()).public_bytes(
            Encoding.DER
        )
        signer = keys[hashlib.sha256(subject_public_key_info(der)).hexdigest()]
        old = crl.sign(
            der, signer, (), number=99, base=None, this_update=now - 9000, next_update=now - 3600
        )
        texts.append(pem(old, "X509 CRL"))
    (exported / "trustctl/current/crl/main.pem").write_bytes(b"".join(texts))


def test_a_list_that_has_ended(lab: Lab, scene: Scene, tmp_path: Path) -> None:
    """Exim on GnuTLS goes on with it, and on OpenSSL does not: so an audit warns in time."""
    exported = _without_deny(scene.export(), tmp_path / "ended")
    _ended(scene, exported)
    lab.us.take(exported)
    assert scene.sends(lab.us, MX) is (not lab.openssl)
    told = lab.network.run(
        ["openssl", "verify", "-crl_check_all", "-CAfile", str(scene.ca.certificate("root")),
         "-untrusted", str(scene.ca.certificate("issuing")),
         "-CRLfile", str(exported / "trustctl/current/crl/main.pem"),
         str(first(scene.chains[MX]))]
    )  # fmt: skip
    assert b"CRL has expired" in told.stderr
    assert told.returncode != 0


@pytest.mark.parametrize("host", [MX, LOST, "unstapled"])
def test_a_client_that_wants_a_staple(lab: Lab, scene: Scene, host: str) -> None:
    """Exim with hosts_require_ocsp delivers where the staple says good, and waits where it says
    revoked or is not there."""
    scene.lose()
    sender = lab.naive("staple.test", f"{ONE_BUNDLE}  hosts_require_ocsp = *\n")
    sender.put("peers.pem", scene.ca.certificate("root").read_bytes())
    if host == "unstapled":
        lab.route(FOO, scene.hosts[MX], MX)
    else:
        staple = scene.export() / f"trustctl/current/ocsp/main/{host}.ocsp"
        leaf, above = made(scene.chains[host])
        told = receiver(
            lab.network, f"host-with-staple-{host}", [leaf, *above],
            main="tls_ocsp_file = /etc/exim4/staple.ocsp\n",
            files={"staple.ocsp": staple.read_bytes()},
        )  # fmt: skip
        lab.network.mail_for(FOO, (host, told.address))
    assert bool(sender.send("bob@foo.test").delivered) is (host == MX)


@pytest.mark.parametrize("listed", [True, False])
def test_a_server_that_reads_the_list(lab: Lab, scene: Scene, listed: bool) -> None:
    """Exim with tls_crl refuses a client whose certificate was revoked, and takes another."""
    main = "tls_verify_hosts = *\n" + "tls_crl = /etc/exim4/crl.pem\n" * listed
    scene.lose()
    macros = "MAIN_TLS_VERIFY_CERTIFICATES = /etc/exim4/root.pem\n"
    server = receiver(
        lab.network, f"host-asking-{listed}", [lab.foo_cert], main=main, macros=macros,
        files={
            "root.pem": scene.ca.certificate("root").read_bytes(),
            "crl.pem": (scene.export() / "trustctl/current/crl/main.pem").read_bytes(),
        },
    )  # fmt: skip
    lab.network.mail_for("free.test", ("mx.free.test", server.address))
    for name, takes in ((MX, True), (LOST, not listed)):
        chain = scene.chains[name]
        client = lab.naive(
            f"client-{name}",
            RECIPE_2009 + "  tls_certificate = /etc/exim4/own.pem\n"
            "  tls_privatekey = /etc/exim4/own.key\n",
        )
        client.put("own.pem", chain.read_bytes())
        client.put("own.key", chain.with_suffix(".key").read_bytes())
        client.put("peers.pem", lab.foo_cert.pem)
        assert bool(client.send("bob@free.test").delivered) is takes, name


def test_what_is_below_a_revoked_issuing_ca_gets_no_mail(
    lab: Lab, scene: Scene, tmp_path: Path
) -> None:
    """The root's list holds for the issuing CA; the last test of this file, as nothing is left."""
    lab.us.take(scene.export())
    assert scene.sends(lab.us, MX)
    scene.ca("revoke", "main/issuing-1", "--reason", "ca-compromise", "--yes")
    exported = _without_deny(scene.export(), tmp_path / "listed")
    lab.us.take(exported)
    lab.route(FOO, scene.hosts[MX], MX)
    assert "certificate revoked" in lab.us.send("bob@foo.test").text
