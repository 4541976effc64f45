"""Throwaway certificates: like the pinned one in all but the key."""

from __future__ import annotations

import time

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from tests import certs, odd
from tests.trusts import HOSTILE, hostile
from trustctl.facts.certificate import parse_certificate
from trustctl.prove.throwaway import authority, issuer_of, leaf, like

NOW = int(time.time())


@pytest.mark.parametrize("kind", ["p256", "p384", "ed25519", "ed448", "rsa2048"])
@pytest.mark.parametrize("ca", [None, False, True])
def test_it_is_like_the_pinned_one(kind: certs.KeyKind, ca: bool | None) -> None:
    """Subject, names, serial, dates, key kind and CA mark are the same, the key is another."""
    model = certs.self_signed(("mx.foo.test", "foo.test"), key=kind, ca=ca)
    facts = parse_certificate(model.der)
    made = parse_certificate(like(model.der, facts, NOW).der)
    for one in (
        "subject", "issuer", "serial", "names", "not_before", "not_after", "is_ca", "self_signed",
        "key_kind", "key_bits", "curve", "signature_hash", "version",
    ):  # fmt: skip
        assert getattr(made, one) == getattr(facts, one), one
    assert made.spki != facts.spki
    assert made.fingerprint != facts.fingerprint


def test_one_that_a_ca_issued_has_an_issuer_of_that_name() -> None:
    """A throwaway one, whose signature it has."""
    ca = certs.authority("Some CA")
    model = certs.issue(ca, "mx.foo.test")
    issuer = issuer_of(model.der, NOW)
    made = like(model.der, parse_certificate(model.der), NOW, issuer=issuer)
    assert made.certificate.issuer == ca.certificate.subject
    made.certificate.verify_directly_issued_by(issuer.certificate)
    with pytest.raises(InvalidSignature):
        made.certificate.verify_directly_issued_by(ca.certificate)


def test_an_expired_one_has_expired_with_the_same_key() -> None:
    """Whenever the pinned one ends."""
    model = certs.self_signed("mx.foo.test", days=3650)
    facts = parse_certificate(model.der)
    made = like(model.der, facts, NOW)
    ended = like(model.der, facts, NOW, key=made.key, expired=True)
    assert parse_certificate(ended.der).not_after == NOW - 86400
    assert parse_certificate(ended.der).spki == parse_certificate(made.der).spki


@pytest.mark.parametrize("kind", ["ml-dsa-65", "dsa2048", "rsa1024"])
def test_a_key_that_cannot_be_played_is_replaced_by_one_that_can(kind: certs.KeyKind) -> None:
    """The names stay."""
    model = certs.self_signed("mx.foo.test", key=kind)
    made = parse_certificate(like(model.der, parse_certificate(model.der), NOW).der)
    assert made.names == ("mx.foo.test",)
    assert (made.key_kind, made.key_bits) in (("ec", 256), ("rsa", 2048))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_hurt_nobody(text: str) -> None:
    """Whatever is in the pinned certificate, one comes out of it that can be read."""
    model = hostile(text)
    made = like(model.der, parse_certificate(model.der), NOW)
    x509.load_der_x509_certificate(made.der)


def test_an_unreadable_certificate_is_played_by_its_names() -> None:
    """A broken validity, which no parser takes."""
    never = certs.tlv(0x30, certs.tlv(0x17, b"some day"), certs.tlv(0x17, b"later"))
    model = odd.altered(certs.self_signed("mx.odd.test"), validity=never)
    made = parse_certificate(like(model.der, parse_certificate(model.der), NOW).der)
    assert made.names == ("mx.odd.test",)
    assert (made.not_after or 0) > NOW


def test_a_leaf_and_an_authority_are_what_they_say() -> None:
    """And nobody has their keys but this process."""
    ca = authority("Throwaway", NOW)
    made = leaf(("mx.foo.test",), NOW, issuer=ca)
    made.certificate.verify_directly_issued_by(ca.certificate)
    assert parse_certificate(ca.der).is_ca
    assert parse_certificate(made.der).is_ca is False
    assert leaf(("mx.foo.test",), NOW).key_pem != leaf(("mx.foo.test",), NOW).key_pem
