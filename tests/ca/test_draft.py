"""Tests of trustctl.ca.draft: what a certificate holds before anybody signs it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from cryptography import x509

from tests.ca.own import DOMAIN, NOW, Own, template
from trustctl.ca.draft import authority_name, draft, new_serial
from trustctl.ca.kinds import generate, spki_of
from trustctl.ca.profile import KEY_USAGES, load, names
from trustctl.facts.der import signed_parts
from trustctl.facts.issuance import KEY_KINDS, KeyKind


def test_serials() -> None:
    """Positive, sixteen octets, 126 of their bits random, never one twice (RFC 5280, 4.1.2.2)."""
    found = [new_serial() for _ in range(1000)]
    assert len(set(found)) == 1000
    assert {one.bit_length() for one in found} == {127}
    ever, always = 0, (1 << 127) - 1
    for one in found:
        ever, always = ever | one, always & one
    assert ever == (1 << 127) - 1
    assert always == 1 << 126


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_the_sample_is_the_draft(kind: KeyKind) -> None:
    """What lint looks at holds the very TBS bytes that are to be signed, under their hash."""
    wanted = template("root", generate(kind))
    made = draft(wanted, None, kind)
    assert signed_parts(made.sample)[:2] == (made.tbs, made.algorithm)
    assert made.tbs_sha256 == hashlib.sha256(made.tbs).hexdigest()
    assert made.spki == hashlib.sha256(wanted.public_key).hexdigest()


def test_the_same_template_is_the_same_draft(ours: Own) -> None:
    """Drafting chooses nothing: so an answer can be compared with what was asked for."""
    wanted = template()
    assert ours.draft(wanted).tbs == ours.draft(wanted).tbs
    assert ours.draft(template()).tbs != ours.draft(wanted).tbs


@pytest.mark.parametrize("name", names())
def test_a_profile_is_what_the_certificate_says(ours: Own, name: str) -> None:
    """Basic constraints, key usages and lifetime are the profile's, no more and no less."""
    profile = load(name)
    found = x509.load_der_x509_certificate(ours.draft(template(name)).sample)
    basic = found.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (basic.value.ca, basic.value.path_length) == (
        profile.ca, profile.path_length if profile.ca else None,
    )  # fmt: skip
    assert basic.critical
    usage = found.extensions.get_extension_for_class(x509.KeyUsage)
    assert {one for one in KEY_USAGES if getattr(usage.value, one)} == set(profile.key_usage)
    assert usage.critical
    try:
        extended = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert len(list(extended)) == len(profile.extended_key_usage)
    except x509.ExtensionNotFound:
        assert profile.extended_key_usage == ()
    assert found.not_valid_before_utc == datetime.fromtimestamp(NOW - 3600, UTC)


def test_constraints_are_critical_and_leave_no_gap(ours: Own) -> None:
    """A CA that is held to domains is held by a critical extension, and may sign for no address
    either."""
    found = ours.issuing.certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert found.critical
    assert [one.value for one in found.value.permitted_subtrees or ()] == [DOMAIN]
    assert [str(one.value) for one in found.value.excluded_subtrees or ()] == ["0.0.0.0/0", "::/0"]


def test_a_name_that_is_too_long(ours: Own) -> None:
    """No common name is cut: the subject is empty, and the names are critical (RFC 5280,
    4.2.1.6)."""
    name = ".".join(["a" * 30, "b" * 30, DOMAIN])
    found = x509.load_der_x509_certificate(ours.draft(template(subject=name, hosts=(name,))).sample)
    assert not list(found.subject)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.critical
    short = x509.load_der_x509_certificate(ours.draft(template()).sample)
    assert not short.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


def test_two_authorities_never_have_one_name() -> None:
    """Some digits of the key are in it, whatever the hierarchy is called."""
    keys = [spki_of(generate("ed25519").public_key()) for _ in range(2)]
    one, other = (authority_name("root", "x" * 63, 1, key) for key in keys)
    assert one != other
    assert len(one) <= 64
