"""A peer's CA that is held to names: what a real Exim takes, and what DNS could make it take else.

DNS says which host's name is looked for. So a CA that signs for any name signs for whatever host
DNS names; and so whatever else is below a root in a domain's trust set is taken for that domain's.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests import certs
from tests.authority import OwnCa, made
from tests.console import Console
from tests.lab.lab import Lab, Mx
from tests.lab.senders import Protected

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-certificates")]
MX = "mx.foo.test"


class Peers:
    """Two peers with CAs of their own, held to names by a root of ours that also has hosts."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        folder.mkdir(exist_ok=True)
        self.console = Console(folder)
        self.own = OwnCa(self.console, patch)
        self.own.init()
        self.foo, self.bar = certs.authority("Foo CA"), certs.authority("Bar CA")
        for name, ca in (("foo", self.foo), ("bar", self.bar)):
            self.console.pin(ca, name, "--role", "authority")
        self.before = self.export("before")
        self.own("cross", "foo")
        self.own("cross", "bar")
        self.after = self.export("after")
        self.host, self.above = made(self.own.issue("mx1.our.test")[0])

    def export(self, name: str) -> Path:
        """What the next export writes."""
        target = self.console.folder / name
        self.console("export", "--to", str(target), "--format", "exim", "--yes")
        return target

    def cross(self, peer: str) -> bytes:
        """The newest cross-certificate of a peer, in PEM."""
        held = self.console("show", peer, "--json").json[0]["pins"][0]["held_by"]
        for one in x509.load_pem_x509_certificates(
            (self.after / "trustctl/current/ca-certificates.crt").read_bytes()
        ):
            if hashlib.sha256(one.public_bytes(Encoding.DER)).hexdigest() == held:
                return one.public_bytes(Encoding.PEM)
        raise AssertionError(held)


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Peers:
    """Made once; each test exports for itself where it changes something."""
    with pytest.MonkeyPatch.context() as patch:
        return Peers(tmp_path_factory.mktemp("peers"), patch)


def sender(lab: Lab, name: str, exported: Path) -> Protected:
    """A sender with what an export wrote in force."""
    one = lab.protected(name)
    one.take(exported)
    return one


def takes(lab: Lab, exported: Path, host: Mx, name: str, domain: str = "foo.test") -> bool:
    """Whether mail to a domain is delivered to a host that DNS names so; else it waits."""
    lab.network.mail_for(domain, (name, host.address))
    seen = len(host.taken())
    outcome = sender(lab, "crossed.test", exported).send(f"bob@{domain}")
    if outcome.delivered:
        assert outcome.one.ip == host.address
        assert outcome.one.cv == "yes"
        return True
    assert outcome.waits
    assert len(host.taken()) == seen
    return False


@pytest.mark.parametrize("sent", ["alone", "with the CA's own"])
def test_the_peer_s_host_is_taken(lab: Lab, peers: Peers, sent: str) -> None:
    """With the CA's own certificate sent along or not, the next certificate too; a stranger's is
    not."""
    more = [peers.foo] if sent != "alone" else []
    for at in range(2):
        host = lab.mx(f"crossed-{sent[:4]}-{at}", certs.issue(peers.foo, MX), *more)
        assert takes(lab, peers.after, host, MX)
    assert not takes(lab, peers.after, lab.stranger, MX)


def test_an_intermediate_of_the_peer_s_is_followed(lab: Lab, peers: Peers) -> None:
    """One CA below is what the profile allows."""
    middle = certs.issue(peers.foo, (), ca=True, subject="Foo inter")
    host = lab.mx("crossed-inter", certs.issue(middle, MX), middle)
    assert takes(lab, peers.after, host, MX)


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("mx.evil.test", ("mx.evil.test",)),
        ("mx.evil.test", (MX, "mx.evil.test")),
        ("mx.xfoo.test", ("mx.xfoo.test",)),
        ("mx.evil.test", ()),
    ],
)
@pytest.mark.parametrize("sent", ["", "root"])
def test_a_host_elsewhere_is_refused_though_the_peer_s_ca_signed(
    lab: Lab, peers: Peers, name: str, names: tuple[str, ...], sent: str
) -> None:
    """DNS names a host of the attacker's, and the peer's CA was made to sign for it: taken with the
    peer's own root in the set, refused with the cross-certificate, whatever is sent along."""
    leaf = certs.issue(peers.foo, names, subject=name)
    host = lab.mx(f"evil-{len(names)}-{name[3:7]}-{sent}", leaf, *([peers.foo] if sent else []))
    assert takes(lab, peers.before, host, name)
    assert not takes(lab, peers.after, host, name)


def test_an_address_beside_the_host_s_name_is_refused(lab: Lab, peers: Peers) -> None:
    """All addresses are excluded: a peer whose hosts have them cannot be held."""
    host = lab.mx("addressed", certs.issue(peers.foo, (MX, "203.0.113.9")))
    assert takes(lab, peers.before, host, MX)
    assert not takes(lab, peers.after, host, MX)


def with_root(peers: Peers) -> Path:
    """What the export would be if our root stood in the set beside the cross-certificate."""
    copy = peers.console.folder / "with-root"
    if not copy.exists():
        shutil.copytree(peers.after, copy, symlinks=True)
        root = peers.own.certificate("root").read_bytes()
        for one in (copy / "trustctl/sets").iterdir():
            one.write_bytes(root + one.read_bytes())
    return copy


@pytest.mark.parametrize("attacker", ["another peer", "our own host"])
def test_what_else_our_root_signed_is_not_the_peer_s(lab: Lab, peers: Peers, attacker: str) -> None:
    """DNS names another peer's host, or one of our own, whose chain leads to our root: with the
    root in the set it is taken for foo's, which is why it is not there. On OpenSSL it is, in a set
    of its own, and the path has to lead through foo's cross-certificate."""
    if attacker == "another peer":
        name = "mx.bar.test"
        host = lab.mx("lateral-bar", certs.issue(peers.bar, name), peers.cross("bar"))
        assert takes(lab, peers.after, host, name, "bar.test"), "it is bar's own"
    else:
        name = "mx1.our.test"
        host = lab.mx("lateral-our", peers.host, *peers.above)
    assert takes(lab, with_root(peers), host, name) == (not lab.openssl)
    assert not takes(lab, peers.after, host, name)


@pytest.mark.parametrize("sent", ["cross", "cross-root", "own"])
def test_another_peer_signs_for_the_peer_s_host(lab: Lab, peers: Peers, sent: str) -> None:
    """Its own constraints forbid it, and it is not in the set either."""
    leaf = certs.issue(peers.bar, MX)
    root = peers.own.certificate("root").read_bytes()
    above = {"cross": [peers.cross("bar")], "cross-root": [peers.cross("bar"), root],
             "own": [peers.bar.pem]}[sent]  # fmt: skip
    host = lab.mx(f"lateral-foo-{sent}", leaf, *above)
    for exported in (peers.after, with_root(peers)):
        assert not takes(lab, exported, host, MX)


def test_a_peer_is_not_taken_for_us(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who pins our root for our own domain, in our inventory, refuses what peers' CAs sign, though
    the chain leads there; without the map's deny it is taken. Our own host is."""
    peers = Peers(tmp_path / "pinning", monkeypatch)
    peers.own.trust_for("our")
    exported = peers.export("ours")
    ours = lab.mx("ours", peers.host, *peers.above)
    assert takes(lab, exported, ours, "mx1.our.test", "our.test")
    host = lab.mx("not-ours", certs.issue(peers.foo, MX), peers.cross("foo"))
    assert not takes(lab, exported, host, MX, "our.test")
    one = sender(lab, "crossed.test", exported)
    value = peers_map(exported)["our.test"]
    # these entries lie beside no list of what was revoked; nothing was
    kept = [part for part in value.split() if not part.startswith(("deny=", "crl="))]
    assert "deny=" in value
    one.entries([("our.test", " ".join(kept))])
    lab.network.mail_for("our.test", (MX, host.address))
    assert one.send("bob@our.test").delivered


def peers_map(exported: Path) -> dict[str, str]:
    """Domain -> value in the map of an export."""
    text = (exported / "trustctl/current/peers.map").read_text()
    return {line.split("\t")[0]: line.split("\t")[2] for line in text.splitlines()}


def test_a_revoked_one_takes_the_ca_with_it(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CA is not let off: mail waits, until it is held anew."""
    peers = Peers(tmp_path / "revoking", monkeypatch)
    host = lab.mx("revoked-cross", certs.issue(peers.foo, MX))
    assert takes(lab, peers.after, host, MX)
    peers.own("revoke", "foo", "--reason", "superseded", "--yes")
    assert not takes(lab, peers.export("revoked"), host, MX)
    peers.own("cross", "foo")
    assert takes(lab, peers.export("again"), host, MX)
