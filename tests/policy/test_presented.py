"""Tests of trustctl.policy.presented: nothing is called accepted that Exim would refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.policy.inventory import (
    DAY,
    NOW,
    ONE,
    TWO,
    digest,
    distrust,
    facts,
    peer,
    pending,
    pin,
    vouch,
)
from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.fingerprint import short
from trustctl.facts.live import ACCEPTED, Comparison
from trustctl.facts.records import Cross, Peer, Pin, Revocation, Settings
from trustctl.policy.presented import compare

HOST = "mx.foo.test"
NONE_PINNED = "none of the certificates pinned for foo"
CA = facts("ca", is_ca=True, subject="CN=CA", issuer="CN=CA", names=())
INTER = facts("inter", is_ca=True, subject="CN=I", issuer="CN=CA", self_signed=False, names=())
LEAF = facts("leaf", issuer="CN=CA", self_signed=False, names=(HOST,))
BELOW = replace(LEAF, issuer="CN=I")
STRANGER = facts("stranger", names=(HOST,))
RENEWED = facts("renewed", spki=facts().spki)


def everything(_one: CertificateFacts, _issuer: CertificateFacts) -> bool:
    """Every signature is good."""
    return True


def nothing(_one: CertificateFacts, _issuer: CertificateFacts) -> bool:
    """No signature is."""
    return False


def seen(
    leaf: CertificateFacts,
    owner: Peer | None,
    *chain: CertificateFacts,
    host: str = HOST,
    settings: Settings = ONE,
    now: int = NOW,
    **changes: Any,
) -> Comparison:
    """What this chain comes to at the peer's host."""
    given = {"signed": everything, **changes}
    return compare(leaf, chain, host, owner, settings, now, **given)


def authority(certificate: CertificateFacts = CA, **changes: Any) -> Pin:
    """The peer's own CA, trusted."""
    said = vouch(fingerprint=certificate.fingerprint)
    return pin("foo", said, certificate=certificate, role="authority", **{"id": 7, **changes})


OWNER = peer("foo", authority())
BOTH = peer("foo", authority(), pin())


def test_exactly_the_pinned_certificate_is_accepted() -> None:
    """At whatever host: the exact pin binds, names do not matter. Its twin: one byte differs."""
    for host in (HOST, "mx.isp.test", "192.0.2.1"):
        assert seen(facts(), peer(), host=host) == Comparison("pinned", "pinned for foo", 1)
    other = facts(fingerprint=digest("another"), spki=digest("another key"))
    assert seen(other, peer()) == Comparison("other", NONE_PINNED)


def test_the_announced_next_one_is_told_apart() -> None:
    """It is accepted as well: both are exported."""
    both = peer("foo", pin(), pin(certificate=facts("next"), id=2))
    assert seen(facts(), both, announced={2}).standing == "pinned"
    told = Comparison("next", "the announced next certificate of foo", 2)
    assert seen(facts("next"), both, announced={2}) == told
    unsaid = peer("foo", pin(), pending(certificate=facts("next"), id=2))
    assert seen(facts("next"), unsaid, announced={2}).standing == "pending"


def test_without_a_trusted_pin_there_is_nothing_to_compare_with() -> None:
    """No peer, no pin, or none that is trusted."""
    told = "no pin of foo is trusted: nothing to compare with"
    assert seen(STRANGER, None).standing == "unpinned"
    for owner in (replace(peer(), pins=()), peer("foo", pending())):
        assert seen(STRANGER, owner) == Comparison("unpinned", told)


@pytest.mark.parametrize(
    ("one", "standing", "says"),
    [
        (pending(), "pending", "pending for foo: nobody has vouched for it"),
        (pending(certificate=facts(key_kind="dsa")), "untrusted", "DSA"),
        (pin(distrusts=(distrust("x"),)), "untrusted", "key stolen"),
        (pin(distrusts=(distrust("x", "spki"),)), "untrusted", "key stolen"),
        (pin(revocation=Revocation(NOW, "superseded")), "untrusted", "revoked"),
        (pin(certificate=facts(not_after=NOW - 1)), "untrusted", "expired"),
        (pin(certificate=facts(not_before=NOW + 1)), "untrusted", "valid from"),
        (pin("foo", vouch(withdrawn_at=NOW)), "untrusted", "withdrawn"),
        (pin("foo", vouch(expires_at=NOW)), "untrusted", "no vouch stands: expired"),
        (pin(retired_at=NOW), "other", "a certificate that was retired for foo"),
    ],
)
def test_a_pin_that_is_not_trusted_is_not_accepted(one: Pin, standing: str, says: str) -> None:
    """And why; whatever else the peer has pinned, other certificates of the same key too."""
    twin = pin(certificate=facts("twin", spki=facts().spki), id=2)
    for owner in (peer("foo", one), peer("foo", pin(certificate=facts("good"), id=2), one, twin)):
        told = seen(one.certificate, owner)
        assert told.standing == standing
        assert says in told.text
        assert told.pin == 1
        assert not told.accepted


def test_two_people_are_two() -> None:
    """Settings count."""
    assert seen(facts(), peer(), settings=TWO).standing == "untrusted"


# the peer's own CA


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
    """In whatever order: the way through the other one has ended."""
    old = replace(INTER, subject="CN=CA", fingerprint=digest("old"), not_after=NOW - 1)
    second = authority(facts("second", is_ca=True, subject="CN=Second", issuer="CN=Second"), id=8)
    leaf = replace(LEAF, issuer="CN=I")
    twice = replace(INTER, issuer="CN=Second", fingerprint=digest("twice"))
    ended = replace(INTER, not_after=old.not_after)
    for pins in ((authority(), second), (second, authority())):
        told = seen(leaf, peer("foo", *pins), ended, twice)
        assert (told.standing, told.pin) == ("authority", 8)


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
    assert seen(BELOW, OWNER, *many[:14], INTER).accepted


# renewals


def test_a_new_certificate_with_a_pinned_key_is_a_renewal() -> None:
    """It is not accepted: Exim pins certificates. Its twin: another key."""
    print_ = facts().fingerprint
    text = f"a new certificate with the key of {short(print_)} of foo"
    assert seen(RENEWED, peer()) == Comparison("renewed", text, 1, print_)
    assert "renewed" not in ACCEPTED
    assert seen(replace(RENEWED, spki=digest("x")), peer()).standing == "other"


@pytest.mark.parametrize(
    ("old", "standing"),
    [
        ({"not_after": NOW - 1}, "renewed"),
        ({"not_after": NOW - 30 * DAY}, "renewed"),
        ({"not_after": NOW - 30 * DAY - 1}, "unpinned"),
        ({"not_before": NOW + 1}, "unpinned"),
        ({"not_after": None}, "unpinned"),
        ({"key_kind": "dsa"}, "unpinned"),
        ({"not_after": NOW - 1, "key_kind": "dsa"}, "unpinned"),
    ],
)
def test_what_can_be_renewed(old: dict[str, Any], standing: str) -> None:
    """What is trusted, or was until lately; never a weak key, nor one that cannot be read."""
    assert seen(RENEWED, peer("foo", pin(certificate=facts(**old)))).standing == standing


def test_two_keys_that_cannot_be_read_are_not_one() -> None:
    """Nothing renews by what is not known."""
    unread = pin(certificate=facts(spki=None))
    good = pin(certificate=facts("good"))
    assert seen(replace(RENEWED, spki=None), peer("foo", unread, good)).standing == "other"


@pytest.mark.parametrize(
    "known",
    [
        pending(),
        pin("foo", vouch(withdrawn_at=NOW)),
        pin("foo", vouch(expires_at=NOW), certificate=facts(not_after=NOW - 1)),
        pin(distrusts=(distrust("x"),)),
        pin(revocation=Revocation(NOW, "superseded")),
        pin(retired_at=NOW),
        authority(facts()),
    ],
)
def test_what_nobody_stands_for_is_not_renewed(known: Pin) -> None:
    """Nor an authority: its key in a host's hands is no renewal."""
    told = seen(RENEWED, peer("foo", known), signed=nothing)
    assert told.standing in ("unpinned", "other")


@pytest.mark.parametrize(
    "changes", [{"not_after": NOW - 1}, {"not_before": NOW + 1}, {"not_after": None}]
)
def test_a_renewal_is_valid_now(changes: dict[str, Any]) -> None:
    """An older certificate of that key renews nothing."""
    assert seen(replace(RENEWED, **changes), peer()).standing == "other"


def test_a_retired_certificate_is_no_renewal_of_its_successor() -> None:
    """Though they have one key: it was retired on purpose."""
    gone = pin(certificate=RENEWED, id=2, retired_at=NOW - DAY)
    told = seen(RENEWED, peer("foo", pin(), gone))
    assert told == Comparison("other", "a certificate that was retired for foo", 2)
