"""When a replaced pin may be retired unasked: proven, everywhere, for long enough; else never."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.inventory import DAY, NOW, ONE, TWO, distrust, facts, peer, pin
from tests.policy.rolling import FOO, NEXT, OLD, announced, changed_over, saw, unvouched
from trustctl.facts.records import Peer, Pin
from trustctl.facts.wire import Announcement, Observation
from trustctl.policy.rollover import retirable, rollouts
from trustctl.policy.trust import judge


def retired(
    *seen: Observation, of: Peer = FOO, said: Announcement | None = None, now: int = NOW
) -> list[int]:
    """The ids of the pins that may be retired."""
    found = retirable(of, [said or announced()], seen, ONE, now)
    return [one.id for one, _why in found]


def test_after_the_days_the_replaced_pin_is_retired() -> None:
    """The reason names the next one, its date, where it was seen and since when."""
    ((one, why),) = retirable(FOO, [announced()], changed_over(15), ONE, NOW)
    assert one == OLD
    assert why == (
        f"replaced by {_short()} (announced for 2026-12-16), which alone was seen at 1 host since "
        "2026-12-31: auto-retire after 14 days"
    )


def _short() -> str:
    print_ = NEXT.certificate.fingerprint.upper()
    return " ".join(print_[at : at + 4] for at in (0, 4, 8, 12))


@pytest.mark.parametrize(("days", "ago", "due"), [(14, 13.9, False), (14, 14, True), (0, 0.1, True),
                                                  (1, 0.5, False), (365, 80, False)])  # fmt: skip
def test_not_before_the_days_are_over(days: int, ago: float, due: bool) -> None:
    """Counted from when the next one alone was seen."""
    assert retired(*changed_over(ago), said=announced(days)) == ([1] if due else [])


def test_without_the_option_a_person_does_it() -> None:
    """However long it is seen."""
    assert retired(*changed_over(80), said=announced(None)) == []


def test_every_host_has_to_present_it() -> None:
    """The days count from the last one that changed over; another address is another place."""
    first = changed_over(30)
    assert retired(*first, *changed_over(15, "mx2.foo.test")) == [1]
    assert retired(*first, *changed_over(13, "mx2.foo.test")) == []
    assert retired(*first, saw("foo", "mx2.foo.test", number=9)) == []
    assert retired(*first, saw("foo", address="192.0.2.2", number=9)) == []


def test_a_host_that_goes_back_begins_anew() -> None:
    """Old, next, old, next: since the last old one."""
    seen = [saw("next", first=30), saw("foo", first=90, last=13)]
    assert retired(*seen) == []
    assert retired(*seen, now=NOW + 1 * DAY) == [1]
    # and while it presents the old one last, never
    assert retired(saw("next", first=30, last=1), saw("foo", first=90), now=NOW) == []


@pytest.mark.parametrize("what", ["eve", "foo"])
def test_another_certificate_at_any_host_holds_it_up(what: str) -> None:
    """Somebody between, or a host that was forgotten: a person looks."""
    other = saw(what, "mx2.foo.test", first=3, number=9)
    assert retired(*changed_over(30), other) == []
    # also for as many days after it is gone
    gone = saw(what, first=9, last=8, number=9)
    assert retired(*changed_over(30), gone) == []
    assert retired(*changed_over(30), replace(gone, last_seen=NOW - 14 * DAY)) == [1]


def test_unreachable_hosts_prove_nothing() -> None:
    """All of them: nothing. One of several: what it presented last counts."""
    down = [*changed_over(30), saw(None, first=20, number=9)]
    down[1] = replace(down[1], last_seen=NOW - 20 * DAY)
    assert retired(*down) == []
    assert retired(*down, *changed_over(30, "mx2.foo.test")) == [1]
    dark = [saw("foo", first=90, last=31), saw(None, first=30, number=9)]
    assert retired(*dark, *changed_over(30, "mx2.foo.test")) == []
    never = saw(None, "mx3.foo.test", number=9)
    assert retired(*changed_over(30), never) == [1]
    assert retired(never) == []
    assert retired() == []


@pytest.mark.parametrize(
    "outcome", ["no-host", "forbidden", "closed", "not-offered", "injected", "tls-failed"]
)
def test_no_failure_is_taken_for_the_next_one(outcome: str) -> None:
    """Whoever cuts the wire retires nothing."""
    failed = saw(None, first=30, outcome=outcome, number=9)  # type: ignore[arg-type]
    assert retired(saw("foo", first=90, last=30), failed) == []


def test_what_was_seen_long_ago_retires_nothing() -> None:
    """Probes that stopped prove nothing of today."""
    seen = [replace(one, last_seen=one.last_seen - 3 * DAY) for one in changed_over(30)]
    assert retired(*seen) == []


def test_a_place_that_is_no_more_holds_nothing_up() -> None:
    """An address that DNS left a month ago; but the old one, presented there, is counted."""
    gone = saw("foo", address="192.0.2.9", first=90, last=31, number=9)
    assert retired(*changed_over(35), gone) == [1]
    assert retired(*changed_over(35), gone, said=announced(32)) == []
    assert retired(*changed_over(35), replace(gone, last_seen=NOW - 29 * DAY)) == []


def test_a_host_with_a_pin_of_its_own_is_not_concerned() -> None:
    """One host of two rolls over; the other presents its own trusted pin as ever."""
    other = replace(pin("foo", certificate=facts("other")), id=3)
    both = replace(FOO, pins=(OLD, NEXT, other))
    seen = [*changed_over(30), saw("other", "mx2.foo.test", number=9)]
    assert retired(*seen, of=both) == [1]
    # were that one not trusted, it would be somebody else's
    doubtful = replace(FOO, pins=(OLD, NEXT, unvouched(other)))
    assert retired(*seen, of=doubtful) == []


@pytest.mark.parametrize(
    "bad",
    [
        unvouched(NEXT),
        replace(NEXT, distrusts=(distrust(NEXT.certificate.fingerprint),)),
        replace(NEXT, retired_at=NOW - 1),
        replace(NEXT, certificate=replace(NEXT.certificate, not_after=NOW - 1)),
        replace(NEXT, certificate=replace(NEXT.certificate, not_before=NOW + 1)),
    ],
    ids=["pending", "distrusted", "retired", "expired", "not yet valid"],
)
def test_a_next_one_that_is_not_trusted_retires_nothing(bad: Pin) -> None:
    """Else the last trusted pin would be gone, and mail would wait."""
    assert retired(*changed_over(30), of=replace(FOO, pins=(OLD, bad))) == []


def test_with_too_few_vouches_it_retires_nothing() -> None:
    """The setting counts."""
    assert retirable(FOO, [announced()], changed_over(30), TWO, NOW) == []


def test_what_is_retired_already_is_not_again() -> None:
    """Nor is another peer's pin, whatever an announcement names."""
    gone = replace(FOO, pins=(replace(OLD, retired_at=NOW - DAY), NEXT))
    assert retired(*changed_over(30), of=gone) == []
    assert retired(*changed_over(30), said=announced(replaces=(77,))) == []
    assert retired(*changed_over(30), of=peer("bar")) == []


def test_a_clock_that_ran_ahead_retires_nothing_early() -> None:
    """What was seen in a time to come counts from then."""
    ahead = [replace(one, first_seen=NOW + 5 * DAY, last_seen=NOW + 5 * DAY)
             for one in changed_over(30)]  # fmt: skip
    assert retired(*ahead) == []


def test_a_line_of_announcements_goes_step_by_step() -> None:
    """A to B to C: with C everywhere B goes; A, which C does not replace, is left to a person."""
    third = replace(pin("foo", certificate=facts("third")), id=3)
    both = replace(FOO, pins=(OLD, NEXT, third))
    seen = [saw("foo", first=90, last=60), saw("next", first=60, last=30, number=2),
            saw("third", first=30, number=3)]  # fmt: skip
    said = [announced(), announced(pin=3, replaces=(2,))]
    assert [one.id for one, _why in retirable(both, said, seen, ONE, NOW)] == [2]


def test_where_the_hosts_stand_is_told() -> None:
    """Which present the next one, which another, which the old one."""
    seen = [*changed_over(30), saw("foo", "mx2.foo.test", number=3),
            saw("eve", "mx3.foo.test", number=4)]  # fmt: skip
    (one,) = rollouts(FOO, [announced()], seen, ONE, NOW)
    assert [place.host for place in one.live] == ["mx.foo.test"]
    assert [place.host for place in one.others] == ["mx2.foo.test", "mx3.foo.test"]
    assert [place.host for place in one.old] == ["mx2.foo.test"]
    assert (one.since, one.trusted, one.replaced) == (None, True, (OLD,))
    assert list(rollouts(FOO, [], seen, ONE, NOW)) == []


_SEEN = st.lists(
    st.builds(
        lambda what, host, first, length, number: saw(
            what, f"mx{host}.foo.test", first=first, last=max(first - length, 0), number=number
        ),
        st.sampled_from(["foo", "next", "eve", None]),
        st.integers(1, 2),
        st.integers(0, 60),
        st.integers(0, 60),
        st.integers(1, 99),
    ),
    max_size=8,
)


@given(_SEEN, st.integers(0, 20))
def test_whatever_is_presented_a_trusted_pin_is_left_and_the_next_one_was_seen(
    seen: list[Observation], days: int
) -> None:
    """Nothing that hosts present retires the only pin, or one that was seen within the days."""
    found = retirable(FOO, [announced(days)], seen, ONE, NOW)
    left = [one for one in FOO.pins if one not in [each for each, _why in found]]
    assert any(judge(one, ONE, NOW).trusted for one in left)
    if found:
        newest = max(one.last_seen for one in seen if one.fingerprint == facts("next").fingerprint)
        assert newest >= NOW - 2 * DAY
        old = [one for one in seen if one.fingerprint == facts().fingerprint]
        assert all(one.last_seen <= NOW - days * DAY for one in old)
