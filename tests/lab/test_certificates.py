"""Which certificates mail is delivered to. Each protection shows the attack working without it."""

from __future__ import annotations

import pytest

from tests import certs, odd
from tests.lab.lab import Lab
from tests.lab.senders import peer, trusted

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-certificates")]
FOO = "foo.test"
REFUSAL = "trustctl: not a certificate that is trusted for this domain"


def test_the_recipe_of_2009_delivers_to_anybody(lab: Lab) -> None:
    """Requiring TLS and naming a file of public authorities stops nobody; Exim only logs CV=no."""
    lab.recipe.bundle(lab.public_ca)
    lab.route(FOO, lab.stranger)
    assert lab.recipe.send("bob@foo.test").one.cv == "no"
    assert lab.stranger.taken() == ["bob@foo.test"]


def test_mandatory_verification_refuses_the_unknown(lab: Lab) -> None:
    """With tls_verify_hosts the same mail waits."""
    lab.bundle.bundle(lab.public_ca)
    lab.route(FOO, lab.stranger)
    outcome = lab.bundle.send("bob@foo.test")
    assert outcome.waits
    assert "(-37)" in outcome.deferred["bob@foo.test"]
    assert lab.stranger.taken() == []


def test_the_pinned_certificate_is_delivered_to(lab: Lab) -> None:
    """Mail to a protected domain goes to the pinned certificate, verified."""
    lab.us.trust(peer(FOO, trusted(lab.foo_cert)))
    lab.route(FOO, lab.foo)
    one = lab.us.send("bob@foo.test").one
    assert (one.cv, one.transport, one.ip) == ("yes", "trustctl_smtp", lab.foo.address)
    assert lab.foo.taken() == ["bob@foo.test"]


@pytest.mark.parametrize("attacker", ["stranger", "certified", "insider"])
def test_an_impostor_gets_nothing(lab: Lab, attacker: str) -> None:
    """Same name with another key, a public CA's certificate, one that another peer signed: the
    mail waits; a file of everybody's certificates delivers to the last two."""
    impostor = getattr(lab, attacker)
    lab.route(FOO, impostor)
    lab.bundle.bundle(lab.public_ca, lab.foo_cert, lab.bar_cert)
    assert bool(lab.bundle.send("bob@foo.test").delivered) == (attacker != "stranger")
    impostor.clear()
    lab.us.trust(
        peer(FOO, trusted(lab.foo_cert)), peer("bar.test", trusted(lab.bar_cert, may_sign=True))
    )
    assert lab.us.send("bob@foo.test").waits
    assert impostor.taken() == []


def test_a_file_for_each_domain_stops_another_peer(lab: Lab) -> None:
    """What another peer signed does not verify where only this peer's certificate is trusted; a
    file for each domain is the half of it, the pin the other."""
    lab.per_domain.only(FOO, lab.foo_cert)
    lab.route(FOO, lab.insider)
    assert lab.per_domain.send("bob@foo.test").waits
    lab.route(FOO, lab.foo)
    assert lab.per_domain.send("bob@foo.test").one.cv == "yes"


def test_a_protected_domain_of_the_impostor_s_own_stays_open(lab: Lab) -> None:
    """The peer whose certificate can sign still gets its own mail."""
    lab.us.trust(peer("bar.test", trusted(lab.bar_cert, may_sign=True)))
    lab.route("bar.test", lab.bar)
    assert lab.us.send("bob@bar.test").one.cv == "yes"


def test_a_peer_cannot_sign_for_its_own_domain_either(lab: Lab) -> None:
    """An exact pin is not an authority: what the pinned certificate signed is refused, and would
    be taken without the pin check."""
    lab.route("bar.test", lab.insider, "mx.foo.test")
    lab.per_domain.only("bar.test", lab.bar_cert)
    assert lab.per_domain.send("bob@bar.test").one.cv == "yes"
    lab.insider.clear()
    lab.us.trust(peer("bar.test", trusted(lab.bar_cert, may_sign=True)))
    outcome = lab.us.send("bob@bar.test")
    assert outcome.waits
    assert REFUSAL in outcome.text
    assert lab.insider.taken() == []


def test_a_pinned_certificate_may_have_any_name(lab: Lab) -> None:
    """The exact pin makes the name moot; with Exim's default name check the mail would wait."""
    other = certs.self_signed("some.other.name")
    host = lab.mx("renamed", other)
    lab.route(FOO, host)
    lab.bundle.bundle(other)
    assert lab.bundle.send("bob@foo.test").waits
    lab.us.trust(peer(FOO, trusted(other)))
    assert lab.us.send("bob@foo.test").one.cv == "yes"


def test_two_pins_are_a_rollover(lab: Lab) -> None:
    """With two pins both certificates are taken, and no third one."""
    new = certs.self_signed("mx.foo.test", subject="the next one")
    changed = lab.mx("changed", new)
    lab.us.trust(peer(FOO, trusted(lab.foo_cert), trusted(new)))
    for host in (lab.foo, changed):
        lab.route(FOO, host)
        assert lab.us.send("bob@foo.test").one.ip == host.address
    lab.route(FOO, lab.stranger)
    assert lab.us.send("bob@foo.test").waits
    lab.us.trust(peer(FOO, trusted(new)))
    lab.route(FOO, lab.foo)
    assert lab.us.send("bob@foo.test").waits


def test_an_expired_pin_is_refused(lab: Lab) -> None:
    """Even were it exported, Exim holds an expired certificate for invalid."""
    old = certs.self_signed("mx.foo.test", days=5, not_before=1_600_000_000)
    lab.route(FOO, lab.mx("expired", old))
    lab.us.trust(peer(FOO, trusted(old)))
    assert lab.us.send("bob@foo.test").waits


def test_a_domain_without_a_trusted_certificate_waits(lab: Lab) -> None:
    """A protected domain whose last pin is gone never goes back to unverified delivery."""
    lab.us.trust(peer(FOO))
    lab.route(FOO, lab.foo)
    outcome = lab.us.send("bob@foo.test")
    assert outcome.waits
    assert "no certificate is trusted for this protected domain" in outcome.text
    assert lab.stock.send("bob@foo.test").one.cv == "no"


def test_a_domain_that_nobody_pinned_is_delivered_as_before(lab: Lab) -> None:
    """Router, transport and outcome are those of Debian's Exim."""
    lab.us.trust(peer(FOO, trusted(lab.foo_cert)))
    lab.route("free.test", lab.stranger)
    ours, theirs = lab.us.send("bob@free.test").one, lab.stock.send("bob@free.test").one
    assert (ours.transport, ours.cv, ours.ip) == (theirs.transport, theirs.cv, theirs.ip)
    assert ours.transport == "remote_smtp"


@pytest.mark.parametrize("sent", ["leaf", "leaf+root", "leaf+inter", "leaf+inter+root"])
def test_a_leaf_that_a_ca_issued_finds_a_path(lab: Lab, sent: str) -> None:
    """However much of its chain the peer sends; with the leaf alone in the file only what ends at
    it, or at a self-signed issuer of its own. OpenSSL ends no path at a leaf."""
    root = certs.authority("Some root")
    inter = certs.issue(root, (), ca=True, subject="Some intermediate")
    leaf = certs.issue(inter if "inter" in sent else root, "mx.foo.test")
    chain = {"leaf": leaf, "inter": inter, "root": root}
    sends = [chain[one] for one in sent.split("+")]
    lab.route(FOO, lab.mx(f"chain-{sent}", *sends))
    lab.bundle.bundle(leaf)
    found = sent in ("leaf", "leaf+root") and not lab.openssl
    assert bool(lab.bundle.send("bob@foo.test").delivered) == found
    lab.us.trust(peer(FOO, trusted(leaf, issuers=sends[1:])))
    outcome = lab.us.send("bob@foo.test")
    if lab.openssl and sent == "leaf":
        assert outcome.waits, "an audit says so: exim-no-path"
    else:
        assert outcome.one.cv == "yes"


def test_another_leaf_of_the_same_issuer_is_refused(lab: Lab) -> None:
    """The issuers in a set help to find a path and are trusted for nothing; without the pin check
    they would be."""
    issuers = [lab.public_ca]
    mine = certs.issue(lab.public_ca, "mx.foo.test")
    host = lab.mx("issued", mine, lab.public_ca)
    open_ = lab.protected("unpinned", edit={f"{{{REFUSAL}}}": "{}"})
    for sender, takes in ((open_, True), (lab.us, False)):
        sender.trust(peer(FOO, trusted(mine, issuers=issuers)))
        lab.route(FOO, host)
        assert sender.send("bob@foo.test").one.cv == "yes"
        lab.route(FOO, lab.certified)
        assert bool(sender.send("bob@foo.test").delivered) == takes
    assert len(lab.certified.taken()) == 1


@pytest.mark.parametrize("junk", ["twice", "years", "version"])
def test_a_chain_that_gnutls_cannot_read_does_not_pass_by_the_pin(lab: Lab, junk: str) -> None:
    """Exim asks about no certificate at all once one cannot be imported; verification then has to
    refuse, and does, though the impostor's own issuer is in the set."""
    mine = certs.issue(lab.public_ca, "mx.foo.test")
    impostor = certs.issue(lab.public_ca, "mx.foo.test")
    plain = certs.self_signed("junk", ca=False)
    constraint = odd.extension("2.5.29.19", certs.tlv(0x30))
    time = certs.tlv(0x17, b"999999999999Z")
    unreadable = {
        "twice": odd.altered(plain, extensions=[constraint, constraint]),
        "years": odd.altered(plain, validity=certs.tlv(0x30, time, time)),
        "version": odd.altered(plain, version=b""),
    }[junk]
    host = lab.odd_mx(f"junk-{junk}", [impostor.pem, unreadable.pem], impostor)
    lab.us.trust(peer(FOO, trusted(mine, issuers=[lab.public_ca])))
    lab.route(FOO, host)
    outcome = lab.us.send("bob@foo.test")
    assert outcome.waits
    # OpenSSL does not look at what is of no use for a path
    assert ("denied by event-action" in outcome.text) == lab.openssl
    assert host.taken() == []
    # the very same host without the junk is refused by the pin check
    clean = lab.odd_mx(f"clean-{junk}", [impostor.pem], impostor)
    lab.route(FOO, clean)
    assert "denied by event-action: depth=0" in lab.us.send("bob@foo.test").text
