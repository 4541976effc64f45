"""Tests of trustctl.policy.presented: chains below an authority, and above a pinned certificate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.policy.inventory import (
    DAY,
    NOW,
    digest,
    distrust,
    facts,
    peer,
    pending,
    pin,
    vouch,
)
from tests.policy.presented import (
    BELOW,
    BOTH,
    CA,
    HOST,
    INTER,
    LEAF,
    NONE_PINNED,
    OWNER,
    RENEWED,
    authority,
    nothing,
    seen,
)
from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.live import Comparison
from trustctl.facts.records import Cross, Revocation


def test_what_the_peer_s_authority_signed_for_the_host_is_accepted() -> None:
    """Directly and through an intermediate, with the top sent along or not. Its twins: another key
    made the signature, the intermediate is not sent, or the authority is not trusted."""
    told = Comparison("authority", "signed by the authority of foo", 7)
    assert seen(LEAF, OWNER) == seen(LEAF, OWNER, CA) == told
    assert seen(BELOW, OWNER, INTER) == seen(BELOW, OWNER, CA, INTER) == told
    assert seen(LEAF, OWNER, signed=nothing) == Comparison("other", NONE_PINNED)
    assert seen(BELOW, OWNER).standing == "other"
    pending_ca = peer("foo", replace(authority(), vouches=()))
    assert seen(LEAF, pending_ca).standing == "unpinned"
    assert seen(LEAF, peer("foo", authority(retired_at=NOW))).standing == "unpinned"


@pytest.mark.parametrize(
    ("names", "host", "accepted"),
    [
        (("*.foo.test",), HOST, True),
        (("*.test",), HOST, False),
        (("*.foo.test",), "a.mx.foo.test", False),
        (("foo.test",), HOST, False),
        ((), HOST, False),
        (("MX.Foo.Test",), HOST, True),
        (("xn--mnchen-3ya.test",), "xn--mnchen-3ya.test", True),
        (("192.0.2.1",), "192.0.2.1", True),
        (("*.0.2.1",), "192.0.2.1", False),
        (("2001:db8::1",), "2001:db8::1", True),
    ],
)
def test_an_authority_s_certificates_have_to_name_the_host(
    names: tuple[str, ...], host: str, accepted: bool
) -> None:
    """As Exim checks them where a domain has an authority."""
    told = seen(replace(LEAF, names=names), OWNER, host=host)
    assert told.accepted is accepted
    assert accepted or told.text == f"signed by the authority of foo, for other names than {host}"


@pytest.mark.parametrize(
    ("leaf", "inter"),
    [
        ({"not_after": NOW - 1}, {}),
        ({"not_before": NOW + 1}, {}),
        ({"not_after": None}, {}),
        ({"signature_hash": "sha1"}, {}),
        ({"signature_hash": "md5"}, {}),
        ({}, {"not_after": NOW - 1}),
        ({}, {"not_before": NOW + 1}),
        ({}, {"not_before": None}),
        ({}, {"signature_hash": "md5"}),
        ({}, {"is_ca": False}),
        ({}, {"is_ca": None}),
    ],
)
def test_a_path_that_a_verifier_refuses_is_none(
    leaf: dict[str, Any], inter: dict[str, Any]
) -> None:
    """Expired, not valid yet, signed with a broken hash, or through what is no CA."""
    assert seen(BELOW, OWNER, INTER).accepted
    told = seen(replace(BELOW, **leaf), OWNER, replace(INTER, **inter))
    assert told.standing == "other"


def test_the_ends_of_validity_are_inclusive() -> None:
    """RFC 5280, 4.1.2.5: of the host's certificate and of what is above it."""
    for changed in (replace(BELOW, not_after=NOW), replace(BELOW, not_before=NOW)):
        assert seen(changed, OWNER, replace(INTER, not_after=NOW)).accepted


@pytest.mark.parametrize("refused", [BELOW.fingerprint, BELOW.spki, INTER.fingerprint, INTER.spki])
def test_no_authority_brings_back_what_is_distrusted(refused: str) -> None:
    """The host's certificate, its key, or an intermediate between it and the authority."""
    assert not seen(BELOW, OWNER, INTER, refused={refused}).accepted
    assert seen(BELOW, OWNER, INTER, refused={digest("else")}).accepted


@pytest.mark.parametrize(
    "changes", [{"distrusts": (distrust("x"),)}, {"revocation": Revocation(NOW, "superseded")}]
)
def test_no_authority_brings_back_a_refused_pin(changes: dict[str, Any]) -> None:
    """Though it signed it, as what is exported denies it. What merely lacks a vouch it carries."""
    gone = pin("foo", vouch(fingerprint=LEAF.fingerprint), certificate=LEAF, id=2, **changes)
    assert seen(LEAF, peer("foo", authority(), gone)).standing == "untrusted"
    waiting = pending(certificate=LEAF, id=2)
    assert seen(LEAF, peer("foo", authority(), waiting)).standing == "authority"


def test_a_distrusted_renewal_is_no_renewal() -> None:
    """Nor one whose key is."""
    assert seen(RENEWED, peer()).standing == "renewed"
    for refused in (RENEWED.fingerprint, RENEWED.spki):
        assert seen(RENEWED, peer(), refused={refused}).standing == "untrusted"


def test_beside_an_authority_a_pinned_host_has_to_have_its_name() -> None:
    """And may not sign: what may is left out of the export."""
    assert seen(facts(), BOTH).standing == "pinned"
    assert "its names are not mx.isp.test" in seen(facts(), BOTH, host="mx.isp.test").text
    for is_ca in (True, None):
        one = facts(is_ca=is_ca)
        told = seen(one, peer("foo", authority(), pin(certificate=one)))
        assert (told.standing, told.pin) == ("other", 1)
        assert "not exported" in told.text
        assert seen(one, peer("foo", pin(certificate=one))).standing == "pinned"


def test_the_authority_carries_a_pinned_host_that_may_sign() -> None:
    """It is taken for what the authority signed."""
    one = replace(LEAF, is_ca=True)
    owner = peer(
        "foo", authority(), pin("foo", vouch(fingerprint=one.fingerprint), certificate=one)
    )
    assert seen(one, owner).standing == "authority"
    assert seen(one, owner, signed=nothing).standing == "other"


def test_one_of_two_authorities_is_enough() -> None:
    """In whatever order they are pinned; of two ways the first that is presented is taken."""
    second = authority(facts("second", is_ca=True, subject="CN=Second", issuer="CN=Second"), id=8)
    twice = replace(INTER, issuer="CN=Second", fingerprint=digest("twice"))
    ended = replace(INTER, not_after=NOW - 1)
    for pins in ((authority(), second), (second, authority())):
        told = seen(BELOW, peer("foo", *pins), twice, ended)
        assert (told.standing, told.pin) == ("authority", 8)
        assert seen(BELOW, peer("foo", *pins), ended, twice).standing == "other"


def test_the_authority_s_own_certificate_is_no_host_s() -> None:
    """Presented by a host it is not what was pinned it for."""
    told = seen(CA, OWNER)
    assert (told.standing, told.text) == (
        "untrusted",
        "pinned for foo, not trusted: not in the role host",
    )


@pytest.mark.parametrize(
    ("names", "accepted"),
    [
        ((HOST,), True),
        ((HOST, "*.foo.test", "foo.test"), True),
        ((HOST, "mx.bar.test"), False),
        ((HOST, "mx.xfoo.test"), False),
        ((HOST, "192.0.2.1"), False),
    ],
)
def test_an_authority_that_is_held_to_names_signs_for_those_alone(
    names: tuple[str, ...], accepted: bool
) -> None:
    """All of the names have to be within (share/doc/cross.md)."""
    held = Cross(
        digest("cross"), digest("root"), digest("root key"), NOW + DAY, ("foo.test",), (),
        NOW - DAY, NOW + DAY,
    )  # fmt: skip
    leaf = replace(LEAF, names=names)
    assert seen(leaf, peer("foo", authority(cross=held))).accepted is accepted
    assert seen(leaf, OWNER).accepted


def test_a_long_chain_is_not_walked() -> None:
    """GnuTLS takes 16 certificates; a hundred of one name would be 10,000 signatures to check."""
    many = [replace(INTER, fingerprint=digest(str(at)), issuer="CN=I") for at in range(100)]
    checked: list[CertificateFacts] = []

    def counting(one: CertificateFacts, _issuer: CertificateFacts) -> bool:
        checked.append(one)
        return True

    assert seen(BELOW, OWNER, *many, INTER, signed=counting).standing == "other"
    assert len(checked) <= 15 * 16
    others = [replace(one, subject="CN=X") for one in many]
    assert seen(BELOW, OWNER, *others[:14], INTER).accepted
    assert seen(BELOW, OWNER, *others[:15], INTER).standing == "other"


PINNED_BELOW = peer("foo", pin(certificate=BELOW))


def test_what_is_presented_above_a_pin_has_to_be_exported() -> None:
    """GnuTLS finds no path through an intermediate certificate that is not in the trust set; a
    certificate alone, or below a self-signed one, is its own anchor."""
    assert seen(BELOW, PINNED_BELOW).standing == "pinned"
    told = seen(BELOW, PINNED_BELOW, INTER)
    assert (told.standing, told.pin) == ("untrusted", 1)
    assert "leads to nothing exported" in told.text
    for carried in ([INTER], [CA], [INTER, CA]):
        assert seen(BELOW, PINNED_BELOW, INTER, carried=carried).standing == "pinned"
        assert seen(BELOW, PINNED_BELOW, INTER, CA, carried=carried).standing == "pinned"
    top = peer("foo", pin(certificate=LEAF))
    assert seen(LEAF, top, CA).standing == "pinned"


def test_what_is_exported_above_a_pin_has_to_hold() -> None:
    """An issuer that has ended carries nothing; another's carries nothing either."""
    for carried in (replace(INTER, not_after=NOW - 1), facts("x", subject="CN=X", is_ca=True)):
        assert seen(BELOW, PINNED_BELOW, INTER, carried=[carried]).standing == "untrusted"
    unrelated = facts("y", subject="CN=Y", self_signed=False)
    assert seen(BELOW, PINNED_BELOW, unrelated).standing == "pinned"
