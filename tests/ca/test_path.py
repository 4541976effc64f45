"""Tests of trustctl.ca.path: from an authority to its root."""

from __future__ import annotations

from cryptography import x509

from tests.ca.own import Own, own, template
from tests.certs import Made
from trustctl.ca.draft import draft
from trustctl.ca.finish import finish
from trustctl.ca.path import path
from trustctl.ca.signer import KeySigner


def cross(of: Made, by: Made) -> x509.Certificate:
    """The certificate in which ``by`` signs ``of``'s name and key."""
    wanted = template("root-cross", of.key, cross_of=of.der)  # type: ignore[arg-type]
    made = draft(wanted, by.certificate, "ecdsa-p256")
    return x509.load_der_x509_certificate(finish(made, KeySigner(by.key)))  # type: ignore[arg-type]


def test_from_the_issuing_ca_to_the_root(ours: Own) -> None:
    """The root is last, whatever else lies about and in whatever order."""
    other = own()
    lying = [ours.issuing.certificate, other.root.certificate, ours.root.certificate]
    for order in (lying, lying[::-1]):
        assert path(ours.issuing.certificate, order) == ours.above
    assert path(ours.root.certificate, lying) == (ours.root.certificate,)


def test_a_root_before_a_bridge(ours: Own) -> None:
    """Of two certificates with a root's name and key the one that signed itself is the end; only
    where it is not there the bridge to the other root is taken."""
    old = own().root
    bridge = cross(ours.root, old)
    everything = [bridge, old.certificate, ours.root.certificate]
    assert path(ours.issuing.certificate, everything) == ours.above
    found = path(ours.issuing.certificate, [bridge, old.certificate])
    assert found == (ours.issuing.certificate, bridge, old.certificate)


def test_two_roots_that_signed_each_other(ours: Own) -> None:
    """No circle is walked twice."""
    old = own().root
    both = [cross(ours.root, old), cross(old, ours.root)]
    found = path(ours.issuing.certificate, both)
    assert len(set(found)) == len(found)


def test_a_name_alone_is_no_issuer(ours: Own) -> None:
    """A root of the same name that did not sign is none, and the path ends before it."""
    name = ours.root.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0]
    key = own().root.key
    wanted = template("root", key, subject=str(name.value))  # type: ignore[arg-type]
    made = draft(wanted, None, "ecdsa-p256")
    false = x509.load_der_x509_certificate(
        finish(made, KeySigner(key))  # type: ignore[arg-type]
    )
    assert false.subject == ours.root.certificate.subject
    assert path(ours.issuing.certificate, [false]) == (ours.issuing.certificate,)
