"""An Exim built with OpenSSL: what the library takes that nobody pinned, and what holds it.

It runs wherever ``tests/lab/openssl-exim`` built one. All of the lab and the proofs run on it by
``tests/lab/openssl-exim tests/lab tests/prove``.
"""

from __future__ import annotations

import pytest

from tests import certs
from tests.certs import Made
from tests.lab.lab import Lab
from tests.lab.senders import Protected, peer, trusted
from tests.lab.test_callouts import asking
from trustctl.export.exim import compile_peer
from trustctl.facts.pem import pem

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-openssl")]
FOO, MX = "foo.test", "mx.foo.test"
UNASKED = {"{!TRUSTCTL_ISSUED}": "{!eq{${extract{authority}{$address_data}}}{yes}}"}
KEPT = {"set acl_c_trustctl_path = no": "set acl_c_trustctl_kept = no"}


@pytest.fixture(scope="module")
def authority() -> Made:
    """Foo's own CA."""
    return certs.authority("Foo CA")


def knowing(lab: Lab, name: str, *store: bytes, edit: dict[str, str] | None = None) -> Protected:
    """A protected sender on a machine whose store of public authorities holds this."""
    sender = lab.protected(name, edit=edit)
    in_store(sender, *store)
    return sender


def in_store(sender: Protected, *store: bytes) -> None:
    """Let these be the public authorities of a sender's machine."""
    folder = sender.etc.with_name("store")
    if not folder.exists():
        folder.mkdir()
        sender.ok("mount", "--bind", str(folder), "/etc/ssl/certs")
    (folder / "ca-certificates.crt").write_bytes(b"".join(store))


@pytest.mark.parametrize("chain", ["public", "below", "itself", "marked"])
def test_a_public_authority_does_not_vouch_for_a_peer_that_has_its_own(
    openssl: Lab, authority: Made, chain: str
) -> None:
    """OpenSSL adds the system's store to the set: a public CA's certificate for the right name, one
    of an intermediate's, one that stands in the store itself, one below what is marked for servers
    there. Each is taken where the path is not asked for, and refused by ours."""
    public = certs.authority("Public CA")
    inter = certs.issue(public, (), ca=True, subject="Public inter")
    unknown = certs.issue(certs.authority("Nobody"), (), ca=True, subject="Marked inter")
    own = certs.self_signed(MX)
    presented = {
        "public": [certs.issue(public, MX), public],
        "below": [certs.issue(inter, MX), inter],
        "itself": [own],
        "marked": [certs.issue(unknown, MX), unknown],
    }[chain]
    marked = pem(unknown.der + bytes.fromhex("300c300a06082b06010505070301"), "TRUSTED CERTIFICATE")
    store = (public.pem, own.pem, marked)
    host = openssl.mx(f"vouched-{chain}", *presented)
    good = openssl.mx("foo-s-own", certs.issue(authority, MX))
    for name, edit, taken in (("unasked", UNASKED, True), ("asked", None, False)):
        sender = knowing(openssl, f"{name}.test", *store, edit=edit)
        sender.trust(peer(FOO, trusted(authority, "authority", may_sign=True)))
        openssl.route(FOO, host, MX)
        before = len(host.taken())
        assert bool(sender.send("bob@foo.test").delivered) == taken
        assert (len(host.taken()) > before) == taken
        openssl.route(FOO, good, MX)
        assert sender.send("bob@foo.test").one.cv == "yes"
        host.clear()


def test_what_one_host_showed_does_not_count_for_the_next(openssl: Lab, authority: Made) -> None:
    """The first host of the domain shows the peer's authority and a certificate that has ended, the
    second one a public CA's: within one delivery. Were it not forgotten between the two, the mail
    would go to the second."""
    public = certs.authority("Public CA")
    old = certs.issue(authority, "mx1.foo.test", days=5, not_before=1_600_000_000)
    ended = openssl.mx("shows-ended", old, authority)
    impostor = openssl.mx("shows-public", certs.issue(public, "mx2.foo.test"), public)
    hosts = [("mx1.foo.test", ended.address), ("mx2.foo.test", impostor.address)]
    for name, edit, taken in (("kept", KEPT, True), ("forgotten", None, False)):
        sender = knowing(openssl, f"{name}.test", public.pem, edit=edit)
        sender.trust(peer(FOO, trusted(authority, "authority", may_sign=True)))
        openssl.network.mail_for(FOO, *hosts)
        outcome = sender.send("bob@foo.test")
        assert "certificate has expired" in outcome.text
        assert bool(outcome.delivered) == taken
        assert bool(impostor.taken()) == taken
        impostor.clear()


def test_a_callout_asks_for_the_path_too(openssl: Lab, authority: Made) -> None:
    """In one session foo's host, which shows the peer's authority, is asked about an address, and
    then bar's, which shows a public CA's: foo's path is not bar's. An SMTP session keeps what was
    noted; the next connection forgets it."""
    public = certs.authority("Public CA")
    impostor = openssl.mx("asked-public", certs.issue(public, "mx.bar.test"), public)
    good = openssl.mx("foo-s-own", certs.issue(authority, MX))
    refusal = "denied by event-action: depth=0 cert=/CN=mx.bar.test"
    openssl.route(FOO, good, MX)
    openssl.route("bar.test", impostor)
    for edit, refused in ((KEPT, False), (None, True)):
        sender = asking(openssl, "callout", edit)
        in_store(sender, public.pem)
        sender.trust(
            peer(FOO, trusted(authority, "authority", may_sign=True)),
            peer("bar.test", trusted(certs.authority("Bar CA"), "authority", may_sign=True)),
        )
        asked = sender.submit("bob@foo.test", "eve@bar.test", options=("-odq",))
        assert (refusal in asked.text) == refused


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_a_pinned_intermediate_needs_what_is_above_it(
    openssl: Lab, authority: Made, known: bool
) -> None:
    """OpenSSL goes on to a root. Where the root is known it helps to find the path and is trusted
    for nothing; where it is not the mail waits, and an audit says so (``exim-no-path``)."""
    inter = certs.issue(authority, (), ca=True, subject="Foo inter")
    issuers = [authority] if known else []
    one = peer(FOO, trusted(inter, "authority", may_sign=True, issuers=issuers))
    openssl.us.trust(one)
    openssl.route(FOO, openssl.mx("below-inter", certs.issue(inter, MX), inter), MX)
    assert bool(openssl.us.send("bob@foo.test").delivered) == known
    beside = openssl.mx("beside-inter", certs.issue(authority, MX), authority)
    openssl.route(FOO, beside, MX)
    assert openssl.us.send("bob@foo.test").waits
    assert beside.taken() == []


def test_a_pinned_host_of_another_ca_beside_the_authority(openssl: Lab, authority: Made) -> None:
    """Its issuer, which is known, helps to find the path; what else that signed is refused."""
    other = certs.authority("Other CA")
    pinned = certs.issue(other, MX)
    openssl.us.trust(
        peer(
            FOO,
            trusted(authority, "authority", may_sign=True),
            trusted(pinned, issuers=[other]),
        )
    )
    openssl.route(FOO, openssl.mx("beside-pinned", pinned, other), MX)
    assert openssl.us.send("bob@foo.test").one.cv == "yes"
    openssl.route(FOO, openssl.mx("beside-other", certs.issue(other, MX), other), MX)
    assert openssl.us.send("bob@foo.test").waits


def test_a_pinned_leaf_below_an_intermediate_whose_root_nobody_has(openssl: Lab) -> None:
    """Hosts send no root; the intermediate is marked so that the path may end there. Another leaf
    of it is refused by the pin."""
    inter = certs.issue(certs.authority("Far root"), (), ca=True, subject="Far inter")
    leaf = certs.issue(inter, MX)
    openssl.us.trust(peer(FOO, trusted(leaf, issuers=[inter])))
    openssl.route(FOO, openssl.mx("far", leaf, inter), MX)
    assert openssl.us.send("bob@foo.test").one.cv == "yes"
    openssl.route(FOO, openssl.mx("far-other", certs.issue(inter, MX), inter), MX)
    assert openssl.us.send("bob@foo.test").waits


def test_pins_of_one_name_take_turns(openssl: Lab) -> None:
    """OpenSSL tells them apart by key identifiers, which neither exim-gencert nor certtool writes
    in full, and finds one of them. So each host is tried once for each: both of two hosts, with
    whichever certificate, and no stranger."""
    pins = [certs.self_signed(MX) for _each in range(3)]
    hosts = [openssl.mx(f"turn-{at}", one) for at, one in enumerate(pins)]
    one = peer(FOO, *(trusted(each) for each in pins))
    openssl.us.trust(one)
    value = compile_peer(one).entries[0][1]
    assert value.count(":") == 2 * 2, "three turns, and three pins"
    untold = " ".join(each for each in value.split() if not each.startswith("turns="))
    for entry, takes in ((untold, [False, False, True]), (value, [True] * 3)):
        openssl.us.entries([(FOO, entry)])
        found = []
        for host in hosts:
            openssl.route(FOO, host, MX)
            found.append(bool(openssl.us.send("bob@foo.test").delivered))
        assert sorted(found) == takes
    stranger = openssl.stranger
    for first, second in ((stranger, hosts[0]), (stranger, hosts[1]), (stranger, hosts[2])):
        openssl.network.mail_for(
            FOO, ("mx1.foo.test", first.address), ("mx2.foo.test", second.address)
        )
        assert openssl.us.send("bob@foo.test").one.ip == second.address
    openssl.route(FOO, stranger, MX)
    assert openssl.us.send("bob@foo.test").waits
    assert stranger.taken() == []
    # a domain without MX
    openssl.network.dns({FOO: {"A": [hosts[0].address]}})
    assert openssl.us.send("bob@foo.test").one.ip == hosts[0].address
    openssl.network.dns({FOO: {"A": [hosts[1].address]}})
    assert openssl.us.send("bob@foo.test").one.ip == hosts[1].address


def test_what_is_missing_or_broken_defers(openssl: Lab) -> None:
    """An OpenSSL build crashes over a list that is no file, and freezes the mail: what is named
    in its place is one without any. The same mail goes once the list is there."""
    openssl.us.trust(peer(FOO, trusted(openssl.foo_cert)))
    openssl.route(FOO, openssl.foo, MX)
    ((name, _content),) = [(one.name, one) for one in (openssl.us.data / "sets").iterdir()
                           if one.read_bytes() == openssl.foo_cert.pem]  # fmt: skip
    pins = f"pins={openssl.foo_cert.fingerprint.upper()} names=off"
    openssl.us.entries([(FOO, f"set={name} crl=gone.pem {pins}")])
    outcome = openssl.us.send("bob@foo.test")
    assert outcome.waits
    assert "SIGSEGV" not in outcome.text
    openssl.us.entries([(FOO, f"set={name} {pins}")])
    assert openssl.us.send("bob@foo.test").one.cv == "yes"
