"""A renewal with the same key: whose vouches count for it, and what is no renewal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.certs import DAY, Made, PrivateKey, new_key, self_signed
from tests.inventory.store import ANN, BOB, LONG, NOW, Store, addition, evidence
from trustctl.errors import ConflictError
from trustctl.facts.addition import NewVouch
from trustctl.inventory import distrusts, pins, renewals, settings, vouches
from trustctl.inventory.affected import affected


@pytest.fixture(scope="module")
def key() -> PrivateKey:
    """The peer's key."""
    return new_key("p256")


def made(key: PrivateKey, name: str = "mx.foo.test", *, since: int = NOW - DAY, days: float = LONG,
         ca: bool = False) -> Made:  # fmt: skip
    """A certificate with this key."""
    return self_signed(name, key=key, not_before=since, days=days, ca=ca)


@pytest.fixture(scope="module")
def line(key: PrivateKey) -> tuple[Made, Made, Made]:
    """Three certificates of one key, one after the other."""
    first, second, third = (made(key) for _ in range(3))
    return first, second, third


@pytest.fixture
def foo(store: Store, line: tuple[Made, ...]) -> Store:
    """foo, for whose first certificate Ann vouches; bar has another."""
    bar = self_signed("mx.bar.test", not_before=NOW - DAY, days=LONG)
    store.add(addition("foo", line[0], "foo.test"), addition("bar", bar))
    return store


def accept(store: Store, new: Made, old: Made, *, peer: str = "foo", now: int = NOW) -> int:
    """Accept a renewal, in a transaction of its own."""
    with store.writing(now=now) as tx:
        return renewals.accept(tx, peer, evidence(new), old.fingerprint)


def trusted(store: Store, now: int = NOW) -> set[str]:
    """The fingerprints that are trusted for foo."""
    return {one[2] for one in store.trusted(now) if one[0] == "foo"}


def test_a_renewal_is_trusted_by_its_predecessors_vouches(
    foo: Store, line: tuple[Made, Made, Made]
) -> None:
    """It has none of its own, and the journal tells why it is there; its peer is exported anew."""
    first, second, _third = line
    seq = len(foo.journal())
    assert accept(foo, second, first) == 3
    assert trusted(foo) == {first.fingerprint, second.fingerprint}
    pin = foo.peers()["foo"].pins[1]
    assert pin.vouches == ()
    assert pin.renewal is not None
    assert (pin.renewal.predecessor, pin.renewal.at) == (first.fingerprint, NOW)
    assert [one.voucher for one in pin.renewal.vouches] == [ANN.voucher]
    entry = foo.journal()[-1]
    assert (entry.action, entry.subject) == ("renew", second.fingerprint)
    assert first.fingerprint in entry.details
    assert "it has the key of its predecessor" in entry.details
    assert foo.ask(lambda c: affected(c, after_seq=seq, since=NOW + 9, until=NOW + 9)) == [1]
    assert foo.verify() == []


def test_without_the_record_the_same_certificate_is_pending(
    foo: Store, line: tuple[Made, Made, Made]
) -> None:
    """The same key alone makes nobody trusted."""
    foo.add(addition("foo", line[1], vouches=()))
    assert trusted(foo) == {line[0].fingerprint}


def test_a_pending_pin_becomes_a_renewal(foo: Store, line: tuple[Made, Made, Made]) -> None:
    """What was seen before the setting was changed; the same again is no change."""
    foo.add(addition("foo", line[1], vouches=()))
    assert accept(foo, line[1], line[0]) == 3
    entries = foo.journal()
    assert accept(foo, line[1], line[0]) == 3
    assert foo.journal() == entries
    assert trusted(foo) == {line[0].fingerprint, line[1].fingerprint}
    # by time alone: what is exported for a moment before differs from one after
    found = foo.ask(lambda c: affected(c, after_seq=len(entries), since=NOW - 9, until=NOW))
    assert 1 in found


def test_a_line_of_renewals_rests_on_its_first(foo: Store, line: tuple[Made, Made, Made]) -> None:
    """Years of them, the first ones retired; when the one vouch is withdrawn, none is left."""
    accept(foo, line[1], line[0])
    accept(foo, line[2], line[1])
    for one in line[:2]:
        foo.change(lambda tx, of=one: pins.retire(tx, foo.pin(of.fingerprint), "old"))  # type: ignore[misc]
    assert trusted(foo) == {line[2].fingerprint}
    ref = foo.pin(line[0].fingerprint, active=False)
    seq = len(foo.journal())
    foo.change(lambda tx: vouches.withdraw(tx, ref, None, "misheard"), now=NOW + 5)
    assert trusted(foo, NOW + 5) == set()
    assert trusted(foo, NOW + 4) == {line[2].fingerprint}
    assert foo.ask(lambda c: affected(c, after_seq=seq, since=NOW + 9, until=NOW + 9)) == [1]
    assert foo.verify() == []


def test_vouches_that_end_end_for_the_renewal_too(
    store: Store, line: tuple[Made, Made, Made]
) -> None:
    """With the predecessor's vouch, its renewal ends, and that is foreseen as a moment."""
    expiring = NewVouch("Ann", "phone", "", NOW + 500)
    store.add(addition("foo", line[0], "foo.test", vouches=(expiring,)))
    accept(store, line[1], line[0])
    assert trusted(store, NOW + 499) == {line[0].fingerprint, line[1].fingerprint}
    assert trusted(store, NOW + 500) == set()
    seq = len(store.journal())
    assert store.ask(lambda c: affected(c, after_seq=seq, since=NOW + 490, until=NOW + 510)) == [1]


@pytest.mark.parametrize("which", [0, 1])
def test_a_distrusted_certificate_gives_its_renewals_nothing(
    which: int, foo: Store, line: tuple[Made, Made, Made]
) -> None:
    """Nor does what is before it."""
    accept(foo, line[1], line[0])
    accept(foo, line[2], line[1])
    print_ = line[which].fingerprint
    seq = len(foo.journal())
    foo.change(lambda tx: distrusts.add(tx, "fingerprint", print_, "stolen"))
    expected = set() if which == 0 else {line[0].fingerprint}
    assert trusted(foo) == expected
    assert foo.ask(lambda c: affected(c, after_seq=seq, since=NOW + 9, until=NOW + 9)) == [1]


def test_a_distrusted_key_is_everybodys(foo: Store, line: tuple[Made, Made, Made]) -> None:
    """The whole line is gone, and nothing of that key is accepted again."""
    accept(foo, line[1], line[0])
    foo.change(lambda tx: distrusts.add(tx, "spki", line[0].spki, "stolen"))
    assert trusted(foo) == set()
    with pytest.raises(ConflictError):
        accept(foo, line[2], line[1])


def test_people_are_counted_over_the_whole_line(
    store: Store, line: tuple[Made, Made, Made]
) -> None:
    """With two needed: two for the first, or one for each of two."""
    store.add(addition("foo", line[0], "foo.test"))
    accept(store, line[1], line[0])
    store.change(lambda tx: settings.change(tx, "vouches_required", "2"))
    assert trusted(store) == set()
    store.add(addition("foo", line[1], vouches=(ANN,)))
    assert trusted(store) == set()
    store.add(addition("foo", line[1], vouches=(BOB,)))
    assert trusted(store) == {line[1].fingerprint}


def test_the_vouches_of_another_peer_do_not_count(
    foo: Store, line: tuple[Made, Made, Made]
) -> None:
    """A certificate that two peers pin is renewed for the one whose people vouched."""
    foo.add(addition("eve", line[0], "eve.test", vouches=()))
    with pytest.raises(ConflictError, match="nobody's vouch stands"):
        accept(foo, line[1], line[0], peer="eve")
    accept(foo, line[1], line[0])
    assert {one[0] for one in foo.trusted() if one[2] == line[1].fingerprint} == {"foo"}


def _other_key(_key: PrivateKey, line: tuple[Made, ...]) -> tuple[Made, Made]:
    return made(new_key("p256")), line[0]


_Case = Callable[[PrivateKey, tuple[Made, ...]], tuple[Made, Made]]
_REFUSED: list[tuple[str, _Case]] = [
    ("it has another key", _other_key),
    ("it came before it", lambda _key, line: (line[0], line[0])),
    ("no active pin", lambda _key, line: (line[1], line[2])),
    ("it is not valid now", lambda key, line: (made(key, since=NOW - 9 * DAY, days=8), line[0])),
    ("it is not valid now", lambda key, line: (made(key, since=NOW + DAY), line[0])),
    ("it may sign others", lambda key, line: (made(key, ca=True), line[0])),
]


@pytest.mark.parametrize(("said", "case"), _REFUSED)
def test_what_is_no_renewal_is_refused(
    said: str, case: _Case, foo: Store, key: PrivateKey, line: tuple[Made, Made, Made]
) -> None:
    """Another key, itself, of what is not pinned, not valid, or a CA where none was."""
    entries = foo.journal()
    new, old = case(key, line)
    with pytest.raises(ConflictError, match=said):
        accept(foo, new, old)
    assert foo.journal() == entries


def test_a_predecessor_that_nobody_vouches_for_any_more_renews_nothing(
    foo: Store, line: tuple[Made, Made, Made]
) -> None:
    """Withdrawn, pending, distrusted or retired: whoever has an old key gets nothing by it."""
    ref = foo.pin(line[0].fingerprint)
    foo.change(lambda tx: vouches.withdraw(tx, ref, None, "misheard"))
    foo.add(addition("foo", line[1], vouches=()))
    for old in line[:2]:
        with pytest.raises(ConflictError, match="nobody's vouch stands"):
            accept(foo, line[2], old)
    foo.change(lambda tx: pins.retire(tx, ref, "over"))
    with pytest.raises(ConflictError, match="no active pin"):
        accept(foo, line[2], line[0])


def test_a_key_that_expired_long_ago_renews_nothing(store: Store, key: PrivateKey) -> None:
    """A month after its end a certificate can still be renewed; later a person has to look."""
    old = made(key, since=NOW - 100 * DAY, days=100)
    store.add(addition("foo", old, "foo.test"), now=NOW - 50 * DAY)
    late, too_late = NOW + 29 * DAY, NOW + 31 * DAY
    with pytest.raises(ConflictError, match="expired long ago"):
        accept(store, made(key), old, now=too_late)
    new = made(key)
    accept(store, new, old, now=late)
    assert trusted(store, late) == {new.fingerprint}


def test_what_was_retired_is_not_pinned_again_by_its_key(
    foo: Store, line: tuple[Made, Made, Made]
) -> None:
    """Somebody decided against it."""
    accept(foo, line[1], line[0])
    foo.change(lambda tx: pins.retire(tx, foo.pin(line[1].fingerprint), "no"))
    with pytest.raises(ConflictError, match="it was retired"):
        accept(foo, line[1], line[0])


def test_an_authority_is_not_renewed_by_its_key(store: Store, key: PrivateKey) -> None:
    """What signs for a whole peer is for people to decide."""
    old, new = made(key, ca=True), made(key, ca=True)
    store.add(addition("foo", old, "foo.test", role="authority"))
    with pytest.raises(ConflictError, match="no active pin of a host"):
        accept(store, new, old)


def test_a_host_that_makes_certificates_all_day_is_bounded(
    foo: Store, key: PrivateKey, line: tuple[Made, Made, Made]
) -> None:
    """Ten that are valid at once; what has expired makes room."""
    short = [made(key, days=9) for _ in range(renewals.AT_MOST)]
    for one in short:
        accept(foo, one, line[0])
    with pytest.raises(ConflictError, match="10 certificates are pinned by their key alone"):
        accept(foo, line[1], line[0])
    accept(foo, line[1], line[0], now=NOW + 10 * DAY)
    assert foo.verify() == []


def test_a_peer_that_is_not_there_is_an_error(foo: Store, line: tuple[Made, Made, Made]) -> None:
    """Said as such."""
    with pytest.raises(ConflictError, match="there is no peer eve"):
        accept(foo, line[1], line[0], peer="eve")


def test_a_dump_does_not_carry_trust_by_a_key(
    foo: Store, line: tuple[Made, Made, Made], tmp_path: Path
) -> None:
    """Nobody vouched for the renewal: where it is imported it is pending."""
    accept(foo, line[1], line[0])
    other = foo.imported_into(tmp_path)
    assert trusted(other) == {line[0].fingerprint}
