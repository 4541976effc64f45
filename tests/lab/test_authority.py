"""The role `authority`: a peer's own CA, good for this peer's domains and the hosts it names."""

from __future__ import annotations

import pytest

from tests import certs
from tests.certs import Made
from tests.lab.lab import Lab
from tests.lab.senders import peer, trusted

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-certificates")]
FOO, BAR, MX = "foo.test", "bar.test", "mx.foo.test"


@pytest.fixture(scope="module")
def authority() -> Made:
    """Foo's own CA."""
    return certs.authority("Foo CA")


@pytest.fixture(scope="module")
def leaf(authority: Made) -> Made:
    """What it issued to foo's host."""
    return certs.issue(authority, MX)


@pytest.mark.parametrize("sent", ["leaf", "leaf+root"])
def test_a_certificate_of_the_peer_s_authority_is_taken(
    lab: Lab, authority: Made, leaf: Made, sent: str
) -> None:
    """For the host that it names, with or without the authority's own beside it; also the next one,
    which nobody has ever seen."""
    lab.us.trust(peer(FOO, trusted(authority, "authority", may_sign=True)))
    for name, one in (("authority", leaf), ("renewed", certs.issue(authority, MX))):
        chain = [one, authority] if "root" in sent else [one]
        lab.route(FOO, lab.mx(f"{name}-{sent}", *chain), MX)
        assert lab.us.send("bob@foo.test").one.cv == "yes"


def test_an_intermediate_of_the_authority_is_followed(lab: Lab, authority: Made) -> None:
    """An authority may delegate; it is its own domain's business."""
    inter = certs.issue(authority, (), ca=True, subject="Foo inter")
    lab.us.trust(peer(FOO, trusted(authority, "authority", may_sign=True)))
    lab.route(FOO, lab.mx("delegated", certs.issue(inter, MX), inter), MX)
    assert lab.us.send("bob@foo.test").one.cv == "yes"


def test_it_is_good_for_its_own_domain_alone(lab: Lab, authority: Made) -> None:
    """The authority signs for another peer's host: taken from a common file, refused by ours."""
    host = lab.mx("overreaching", certs.issue(authority, "mx.bar.test"), authority)
    lab.route(BAR, host)
    lab.bundle.bundle(authority, lab.bar_cert)
    assert lab.bundle.send("bob@bar.test").one.cv == "yes"
    seen = len(host.taken())
    lab.us.trust(
        peer(FOO, trusted(authority, "authority", may_sign=True)),
        peer(BAR, trusted(lab.bar_cert)),
    )
    assert lab.us.send("bob@bar.test").waits
    assert len(host.taken()) == seen


def test_the_host_s_name_is_checked(lab: Lab, authority: Made) -> None:
    """Its certificate for another host is refused, and would be taken with the name check off."""
    host = lab.mx("elsewhere", certs.issue(authority, "www.foo.test"), authority)
    off = {"{off}{:}{*}": "{off}{:}{:}"}
    for sender, takes in ((lab.protected("nameless", edit=off), True), (lab.us, False)):
        sender.trust(peer(FOO, trusted(authority, "authority", may_sign=True)))
        lab.route(FOO, host, MX)
        assert bool(sender.send("bob@foo.test").delivered) == takes


@pytest.mark.parametrize("denied", ["leaf", "intermediate"])
def test_what_is_distrusted_is_refused_though_the_authority_vouches(
    lab: Lab, authority: Made, denied: str
) -> None:
    """By fingerprint, wherever in the chain it stands; other certificates of the authority's are
    still taken."""
    inter = certs.issue(authority, (), ca=True, subject="Foo inter")
    leaf = certs.issue(inter, MX)
    host = lab.mx(f"distrusted-{denied}", leaf, inter)
    lab.route(FOO, host, MX)
    one = peer(FOO, trusted(authority, "authority", may_sign=True))
    lab.us.trust(one)
    assert lab.us.send("bob@foo.test").one.cv == "yes"
    bad = leaf if denied == "leaf" else inter
    lab.us.trust(one, distrusted=sorted([bad.fingerprint, lab.bar_cert.fingerprint]))
    assert lab.us.send("bob@foo.test").waits
    lab.route(FOO, lab.mx("still-good", certs.issue(authority, MX)), MX)
    assert lab.us.send("bob@foo.test").one.cv == "yes"


def test_another_authority_of_the_same_name_is_refused(lab: Lab, authority: Made) -> None:
    """Same name, another key; the impostor even sends the real authority's certificate along."""
    impostor = certs.authority("Foo CA")
    forged = certs.issue(impostor, MX)
    lab.us.trust(peer(FOO, trusted(authority, "authority", may_sign=True)))
    for name, chain in (("forged", [forged, impostor]), ("forged-real", [forged, authority])):
        host = lab.odd_mx(name, [one.pem for one in chain], forged)
        lab.route(FOO, host, MX)
        assert lab.us.send("bob@foo.test").waits
        assert host.taken() == []


def test_an_expired_certificate_of_the_authority_is_refused(lab: Lab, authority: Made) -> None:
    """An authority's word ends when it says so."""
    old = certs.issue(authority, MX, days=5, not_before=1_600_000_000)
    lab.us.trust(peer(FOO, trusted(authority, "authority", may_sign=True)))
    lab.route(FOO, lab.mx("authority-expired", old, authority), MX)
    assert lab.us.send("bob@foo.test").waits


def test_a_pinned_host_beside_the_authority(lab: Lab, authority: Made, leaf: Made) -> None:
    """Both are taken: what the authority issued, and the certificate that was pinned itself; a
    stranger is not."""
    lab.us.trust(peer(FOO, trusted(authority, "authority", may_sign=True), trusted(lab.foo_cert)))
    lab.route(FOO, lab.foo, MX)
    assert lab.us.send("bob@foo.test").one.ip == lab.foo.address
    host = lab.mx("authority-beside", leaf)
    lab.route(FOO, host, MX)
    assert lab.us.send("bob@foo.test").one.ip == host.address
    lab.route(FOO, lab.stranger, MX)
    assert lab.us.send("bob@foo.test").waits


def test_a_pinned_host_that_can_sign_is_no_second_authority(lab: Lab, authority: Made) -> None:
    """What the pinned certificate signed is refused. (It is not in the set at all: the authority
    has to issue the host a certificate that cannot sign.)"""
    signs = certs.self_signed(MX, ca=True)
    lab.us.trust(
        peer(
            FOO,
            trusted(authority, "authority", may_sign=True),
            trusted(signs, may_sign=True),
        )
    )
    host = lab.mx("second-authority", certs.issue(signs, MX), signs)
    lab.route(FOO, host, MX)
    assert lab.us.send("bob@foo.test").waits
    assert host.taken() == []
