"""Who is trusted: every reason, every boundary, and what never makes anybody trusted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from trustctl.facts.records import Pin, Renewal, Revocation, Settings, Vouch
from trustctl.policy.trust import _STATES, judge, state, statements, valid_vouches

BOB = "Bob <bob@bar.test>"


def codes(one: Pin, settings: Settings = ONE, now: int = NOW) -> list[str]:
    """The reasons against the pin."""
    verdict = judge(one, settings, now)
    assert verdict.trusted == (not verdict.reasons)
    return [reason.code for reason in verdict.reasons]


def test_a_good_pin_that_somebody_vouched_for_is_trusted() -> None:
    """Nothing against it; the vouch that counts is told."""
    verdict = judge(pin(), ONE, NOW)
    assert (verdict.trusted, verdict.reasons, verdict.vouches) == (True, (), (vouch(),))
    assert state(verdict) == "trusted"


@pytest.mark.parametrize(
    ("one", "code", "word", "text"),
    [
        (pending(), "pending", "pending", "pending: nobody has vouched for it"),
        (pin(distrusts=(distrust("f"),)), "distrusted", "distrusted",
         "distrusted (fingerprint): key stolen"),
        (pin(distrusts=(distrust("k", "spki"),)), "distrusted", "distrusted",
         "distrusted (spki): key stolen"),
        (pin(retired_at=NOW - DAY), "retired", "retired", "retired 2027-01-14T08:00:00Z"),
        (pin(added_at=NOW + DAY), "not-yet-added", "future", "added 2027-01-16T08:00:00Z, later"),
        (pin(certificate=facts(not_after=NOW - DAY)), "expired", "expired",
         "expired 2027-01-14T08:00:00Z"),
        (pin(certificate=facts(not_before=NOW + DAY)), "not-yet-valid", "future",
         "valid from 2027-01-16T08:00:00Z"),
        (pin(certificate=facts(not_before=None)), "unreadable-validity", "unreadable",
         "its validity cannot be read"),
        (pin(certificate=facts(not_after=None)), "unreadable-validity", "unreadable",
         "its validity cannot be read"),
        (pin(certificate=facts(key_kind=None)), "unreadable-key", "unreadable",
         "its key cannot be read, so neither its strength"),
        (pin(certificate=facts(key_kind="rsa", key_bits=1024, curve=None)), "weak-key", "weak",
         "its RSA key has 1024 bits, 2048 are needed"),
        (pin(certificate=facts(self_signed=False, signature_hash="sha1")), "weak-signature", "weak",
         "it is signed with SHA1, which can be forged"),
        (pin("foo", vouch(expires_at=NOW)), "vouches-expired", "unvouched",
         "no vouch stands: expired"),
        (pin("foo", vouch(withdrawn_at=NOW)), "vouches-withdrawn", "unvouched",
         "no vouch stands: withdrawn"),
    ],
)  # fmt: skip
def test_each_reason(one: Pin, code: str, word: str, text: str) -> None:
    """One thing wrong is one reason, in our own words, and one word for lists."""
    verdict = judge(one, ONE, NOW)
    assert [(reason.code, reason.text) for reason in verdict.reasons] == [(code, text)]
    assert not verdict.trusted
    assert state(verdict) == word


def test_every_reason_is_told() -> None:
    """All that is wrong at once; the weightiest is the word for lists."""
    weak = facts(key_kind="dsa", self_signed=False, signature_hash="md5", not_after=NOW - 1)
    one = pending(certificate=weak, retired_at=NOW, distrusts=(distrust("x"), distrust("y")))
    assert codes(one) == [
        "distrusted", "distrusted", "retired", "expired", "weak-key", "weak-signature", "pending",
    ]  # fmt: skip
    assert state(judge(one, ONE, NOW)) == "distrusted"


@pytest.mark.parametrize(
    ("changes", "trusted_from", "until"),
    [
        ({"certificate": {"not_before": NOW}}, NOW, None),
        ({"certificate": {"not_after": NOW}}, None, NOW),
        ({"added_at": NOW}, NOW, None),
        ({"retired_at": NOW}, None, NOW - 1),
        ({"vouch": {"at": NOW}}, NOW, None),
        ({"vouch": {"expires_at": NOW}}, None, NOW - 1),
        ({"vouch": {"withdrawn_at": NOW}}, None, NOW - 1),
    ],
)
def test_boundaries(changes: dict[str, Any], trusted_from: int | None, until: int | None) -> None:
    """A certificate is valid in its first and in its last second (RFC 5280, 4.1.2.5); a vouch that
    ends at a moment, and a pin that is retired at it, count no more at that moment."""
    changes = dict(changes)
    known = facts(**changes.pop("certificate", {}))
    one = pin("foo", vouch(**changes.pop("vouch", {})), certificate=known, **changes)
    for now in (NOW - 1, NOW, NOW + 1):
        expected = (trusted_from is None or now >= trusted_from) and (until is None or now <= until)
        assert judge(one, ONE, now).trusted == expected, now


def test_distrust_has_no_beginning() -> None:
    """A distrust of today is one of yesterday's moment too: what is stolen was never ours alone."""
    one = pin(distrusts=(replace(distrust("x"), at=NOW + 10 * DAY),))
    assert codes(one) == ["distrusted"]


@pytest.mark.parametrize("fault", [{"peer": "bar"}, {"fingerprint": "0" * 64}])
def test_a_vouch_for_something_else_counts_for_nothing(fault: dict[str, str]) -> None:
    """For another peer, or for another certificate of this one."""
    assert judge(pin("foo", vouch(**fault)), ONE, NOW).trusted is False
    assert valid_vouches(pin("foo", vouch(**fault), vouch()), NOW) == (vouch(),)


@pytest.mark.parametrize(
    ("vouchers", "count"),
    [
        (["Ann <ann@bar.test>"], 1),
        (["Ann <ann@bar.test>", "Ann <ann@bar.test>"], 1),
        (["Ann <ann@bar.test>", "ANN <Ann@Bar.Test>"], 1),
        (["Ann <ann@bar.test>", "ann@bar.test"], 1),
        (["Ann <ann@bar.test>", "Somebody Else <ann@bar.test>"], 1),
        (["Ann  Example", "ann example", " Ann Example "], 1),
        (["Ann <ann@bar.test>", BOB], 2),
        (["Ann", "Bob"], 2),
    ],
)
def test_one_person_is_one_however_spelt(vouchers: list[str], count: int) -> None:
    """Where two have to vouch, two spellings of one are one."""
    one = pin("foo", *(vouch(who, id=number) for number, who in enumerate(vouchers)))
    assert codes(one, TWO) == ([] if count > 1 else ["too-few-vouches"])
    assert codes(one, ONE) == []
    if count == 1:
        assert judge(one, TWO, NOW).reasons[0].text == "1 of the 2 people needed vouch for it"


def test_how_many_have_to_vouch() -> None:
    """The setting is a minimum of distinct people; nothing makes it none."""
    one = pin("foo", vouch(), vouch(BOB))
    for required, enough in ((1, True), (2, True), (3, False)):
        assert judge(one, Settings(required), NOW).trusted is enough
    for required in (0, -1):
        assert codes(pending(), Settings(required)) == ["pending"]
        assert codes(pin(), Settings(required)) == []


def test_one_of_two_lapses() -> None:
    """Too few then, not none."""
    one = pin("foo", vouch(), vouch(BOB, expires_at=NOW + DAY))
    assert codes(one, TWO) == []
    assert codes(one, TWO, NOW + DAY) == ["too-few-vouches"]
    assert codes(one, ONE, NOW + DAY) == []


def test_several_trusted_pins_are_how_a_rollover_works() -> None:
    """Each pin is judged by itself: the old one and the next are both trusted for a while."""
    old = pin(certificate=facts("old", not_after=NOW + DAY))
    new = pin(certificate=facts("new", not_before=NOW - DAY))
    both = peer("foo", old, new).pins
    for now, trusted in ((NOW - 2 * DAY, 1), (NOW, 2), (NOW + 2 * DAY, 1)):
        assert sum(judge(one, ONE, now).trusted for one in both) == trusted


def test_a_vouch_for_the_old_certificate_is_none_for_the_new() -> None:
    """Nobody's word is carried over to a certificate that they never compared."""
    assert codes(pin("foo", vouch(), certificate=facts("next"))) != []


def renewed(*vouches: Vouch, **changes: Any) -> Pin:
    """A pin that nobody vouched for, with the key of one that these people vouched for."""
    line = Renewal(facts().fingerprint, NOW - DAY, vouches or (vouch(),))
    new = pending("foo", certificate=facts("next", spki=facts().spki), id=2)
    return replace(new, renewal=replace(line, **changes))


def test_the_vouches_for_what_it_renews_count() -> None:
    """As long as they stand, and from when the renewal was recorded; the verdict names them."""
    verdict = judge(renewed(), ONE, NOW)
    assert (verdict.trusted, verdict.vouches) == (True, (vouch(),))
    assert codes(renewed(), ONE, NOW - DAY - 1) == ["vouches-expired"]
    assert codes(renewed(vouch(expires_at=NOW))) == ["vouches-expired"]
    assert codes(renewed(vouch(withdrawn_at=NOW))) == ["vouches-withdrawn"]
    assert codes(renewed(), TWO) == ["too-few-vouches"]
    assert codes(renewed(vouch(), vouch(BOB)), TWO) == []
    assert codes(replace(renewed(), vouches=(vouch(BOB, fingerprint=facts("next").fingerprint),)),
                 TWO) == []  # fmt: skip


def test_a_vouch_beside_the_renewals_own_line_does_not_count() -> None:
    """For another certificate, or of another peer: whatever a renewal carries."""
    assert codes(renewed(vouch(fingerprint=digest("other")))) != []
    assert codes(renewed(vouch(peer="bar"))) != []


@pytest.mark.parametrize(
    ("refused", "what"),
    [({"distrusts": (distrust(facts().fingerprint),)}, "distrusted"),
     ({"revocation": Revocation(NOW - DAY, "superseded")}, "revoked")],
    ids=["distrusted", "revoked"],
)  # fmt: skip
def test_what_is_refused_gives_its_renewals_nothing(refused: dict[str, Any], what: str) -> None:
    """Nor does what comes before it in the line; a vouch of its own makes it trusted still."""
    one = renewed(**refused)
    (reason,) = judge(one, ONE, NOW).reasons
    assert reason.code == "renews-refused"
    assert reason.text.endswith(f"which is {what}")
    assert state(judge(one, ONE, NOW)) == "unvouched"
    line = replace(one.renewal or Renewal("", 0), vouches=(), predecessor=digest("middle"),
                   renewal=Renewal(facts().fingerprint, NOW - DAY, (vouch(),)))  # fmt: skip
    assert codes(replace(one, renewal=line)) == ["renews-refused"]
    assert codes(replace(one, renewal=replace(line, distrusts=(), revocation=None))) == []
    own = vouch(BOB, fingerprint=facts("next").fingerprint)
    assert codes(replace(one, vouches=(own,))) == []


def test_a_renewal_is_judged_as_any_pin() -> None:
    """Expired, weak, distrusted: the line gives it vouches and nothing else."""
    old = replace(renewed(), certificate=facts("next", not_after=NOW - 1))
    assert codes(old) == ["expired"]
    assert codes(replace(renewed(), certificate=facts("next", signature_hash="sha1",
                                                      self_signed=False))) != []  # fmt: skip
    assert codes(replace(renewed(), distrusts=(distrust("k", "spki"),))) == ["distrusted"]
    assert statements(renewed()) == (vouch(),)


def test_every_state_has_a_word() -> None:
    """No reason is without one: a list never fails on a pin that is not trusted."""
    assert {code for code, _word in _STATES} == {
        "distrusted", "retired", "not-yet-added", "expired", "not-yet-valid", "weak-key",
        "weak-signature", "unreadable-validity", "unreadable-key", "pending", "vouches-expired",
        "vouches-withdrawn", "too-few-vouches", "revoked", "cross-distrusted", "cross-revoked",
        "cross-expired", "cross-not-yet-valid", "renews-refused",
    }  # fmt: skip


MOMENTS = st.integers(NOW - 3, NOW + 3)
VOUCHES = st.builds(
    vouch,
    st.sampled_from(["Ann <ann@bar.test>", "ann@bar.test", BOB, "Cat", "Dan"]),
    at=MOMENTS,
    expires_at=st.none() | MOMENTS,
    withdrawn_at=st.none() | MOMENTS,
)
CERTIFICATES = st.builds(
    facts,
    not_before=st.none() | MOMENTS,
    not_after=st.none() | MOMENTS,
    self_signed=st.booleans(),
    key_kind=st.sampled_from([None, "rsa", "ec", "dsa", "ed25519", "gost"]),
    key_bits=st.sampled_from([None, 1024, 2048]),
    curve=st.sampled_from([None, "secp256r1", "secp192r1"]),
    signature_hash=st.sampled_from([None, "sha256", "sha1"]),
    spki=st.sampled_from([None, digest("key")]),
)
GOOD = st.just(facts())


@st.composite
def pins(draw: st.DrawFn) -> Pin:
    """A pin with anything about it."""
    return pin(
        vouches=tuple(draw(st.lists(VOUCHES, max_size=4))),
        certificate=draw(GOOD | CERTIFICATES),
        added_at=draw(st.just(NOW - DAY) | MOMENTS),
        retired_at=draw(st.none() | MOMENTS),
        distrusts=tuple(draw(st.just([]) | st.lists(st.just(distrust("x")), max_size=2))),
    )


REQUIRED = st.integers(-1, 3).map(Settings)


@given(pins(), REQUIRED, MOMENTS)
def test_distrust_always_wins(one: Pin, settings: Settings, now: int) -> None:
    """Whoever vouches, and whenever."""
    verdict = judge(replace(one, distrusts=(distrust("x"),)), settings, now)
    assert not verdict.trusted
    assert state(verdict) == "distrusted"


@given(pins(), REQUIRED, MOMENTS)
def test_trusted_is_exactly_no_reason(one: Pin, settings: Settings, now: int) -> None:
    """And it means that all of the conditions hold, each looked at by itself."""
    verdict = judge(one, settings, now)
    known = one.certificate
    people = {one.voucher[:3].lower() for one in verdict.vouches}
    holds = (
        not one.distrusts
        and (one.retired_at is None or one.retired_at > now)
        and one.added_at <= now
        and known.not_before is not None
        and known.not_after is not None
        and known.not_before <= now <= known.not_after
        and known.spki is not None
        and _strong(known)
        and (known.self_signed or known.signature_hash != "sha1")
        and len(people) >= max(settings.vouches_required, 1)
    )
    assert verdict.trusted == (not verdict.reasons) == holds


def _strong(known: CertificateFacts) -> bool:
    match known.key_kind:
        case "rsa":
            return known.key_bits == 2048
        case "ec":
            return known.curve == "secp256r1"
        case kind:
            return kind == "ed25519"


@given(pins(), REQUIRED, MOMENTS, st.integers(0, 5))
def test_one_more_fault_never_makes_a_pin_trusted(
    one: Pin, settings: Settings, now: int, fault: int
) -> None:
    """Each thing that speaks against a pin only ever takes trust away."""
    known = one.certificate
    worse = [
        replace(one, distrusts=(*one.distrusts, distrust("y"))),
        replace(one, retired_at=now),
        replace(one, vouches=one.vouches[:-1]),
        replace(one, certificate=replace(known, not_after=now - 1)),
        replace(one, certificate=replace(known, spki=None)),
        replace(one, vouches=tuple(replace(each, withdrawn_at=now) for each in one.vouches)),
    ][fault]
    assert judge(one, settings, now).trusted or not judge(worse, settings, now).trusted


@given(pins(), REQUIRED, MOMENTS, VOUCHES)
def test_one_more_vouch_never_takes_trust_away(
    one: Pin, settings: Settings, now: int, more: Vouch
) -> None:
    """And one more person who is needed never gives it."""
    if judge(one, settings, now).trusted:
        assert judge(replace(one, vouches=(*one.vouches, more)), settings, now).trusted
    stricter = Settings(settings.vouches_required + 1)
    assert judge(one, settings, now).trusted or not judge(one, stricter, now).trusted


@given(pins(), REQUIRED, MOMENTS)
def test_only_what_was_said_by_then_counts(one: Pin, settings: Settings, now: int) -> None:
    """What lies in the future, a vouch or a withdrawal, changes nothing about a moment."""
    later = vouch("Eve <eve@bar.test>", at=now + 1)
    known = tuple(
        replace(each, withdrawn_at=None) if (each.withdrawn_at or 0) > now else each
        for each in one.vouches
    )
    told = judge(replace(one, vouches=(*known, later)), settings, now)
    assert told.reasons == judge(one, settings, now).reasons
