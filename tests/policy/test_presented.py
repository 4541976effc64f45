"""Tests of trustctl.policy.presented: nothing is called accepted that Exim would refuse."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.policy.inventory import (
    DAY,
    NOW,
    TWO,
    digest,
    distrust,
    facts,
    peer,
    pending,
    pin,
    vouch,
)
from tests.policy.presented import (
    HOST,
    NONE_PINNED,
    RENEWED,
    STRANGER,
    authority,
    nothing,
    seen,
)
from trustctl.facts.fingerprint import short
from trustctl.facts.live import ACCEPTED, Comparison
from trustctl.facts.records import Pin, Revocation


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
