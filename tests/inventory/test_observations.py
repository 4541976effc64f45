"""What was seen is kept once, bounded, with nothing of it trusted or exported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from tests import certs
from tests.certs import Made
from tests.inventory.store import NOW, Store, addition, strong
from tests.sightings import ABSENT, MATCHES, PUBLIC, seen
from trustctl.errors import ConflictError
from trustctl.facts.wire import Observation
from trustctl.inventory import distrusts, glance, notices, observations, recorder, snapshot
from trustctl.inventory.affected import affected
from trustctl.inventory.observations import Recorded, Seen

DAY = certs.DAY


@pytest.fixture
def foo(store: Store, pool: tuple[Made, ...]) -> Store:
    """foo has a pin, bar has another."""
    store.add(addition("foo", pool[0], "foo.test", mx_hosts=("mx.foo.test",)),
              addition("bar", pool[1], "bar.test"))  # fmt: skip
    return store


def record(store: Store, *sightings: Seen, now: int = NOW) -> Recorded:
    """Keep these, in a transaction of its own."""
    with store.writing(now=now) as tx:
        return observations.record(tx, sightings)


def of(store: Store, peer: str) -> list[Observation]:
    """What was seen of a peer."""
    return store.ask(lambda c: observations.of_peer(c, peer))


def test_the_same_again_updates_a_row(foo: Store, pool: tuple[Made, ...]) -> None:
    """First seen stays, last seen moves on; no entry is made, and everything fits."""
    first = record(foo, seen(pool[0], at=NOW, peer="foo", domain="foo.test"))
    entries = len(foo.journal())
    again = record(
        foo, seen(pool[0], at=NOW + DAY, peer="foo", domain="other.test", tls="TLSv1.2",
                  detail="slow"), now=NOW + DAY,
    )  # fmt: skip
    assert (first.new, first.again, again.new, again.again) == (1, 0, 0, 1)
    assert first.ids == again.ids == [1]
    (one,) = of(foo, "foo")
    assert (one.first_seen, one.last_seen, one.times) == (NOW, NOW + DAY, 2)
    assert (one.tls, one.detail, one.domain) == ("TLSv1.2", "slow", "foo.test")
    assert len(foo.journal()) == entries
    assert foo.journal()[-1].action == "observe"
    assert foo.verify() == []


def test_a_clock_that_was_set_back_does_not_take_back_what_was_seen(
    foo: Store, pool: tuple[Made, ...]
) -> None:
    """Last seen never moves back, neither in one call nor in the next."""
    record(foo, seen(pool[0], at=NOW, peer="foo"), seen(pool[0], at=NOW - 50, peer="foo"))
    record(foo, seen(pool[0], at=NOW - 100, peer="foo"))
    (one,) = of(foo, "foo")
    assert (one.first_seen, one.last_seen, one.times) == (NOW, NOW, 3)


def test_twice_in_one_call_is_one_row(foo: Store, pool: tuple[Made, ...]) -> None:
    """The second is of the row that the first made."""
    done = record(foo, *(seen(pool[0], at=NOW + n, peer="foo") for n in range(3)))
    assert (done.new, done.again, done.ids) == (1, 2, [1, 1, 1])
    assert of(foo, "foo")[0].times == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "mx2.foo.test"}, {"address": "192.0.2.2"}, {"port": 465}, {"protocol": "lmtp"},
        {"peer": "bar"}, {"peer": None},
    ],
    ids=str,
)  # fmt: skip
def test_another_place_or_peer_is_another_row(
    changes: dict[str, Any], foo: Store, pool: tuple[Made, ...]
) -> None:
    """Two peers behind one provider's host each have their own first time."""
    made = {"peer": "foo", "at": NOW, **changes}
    done = record(foo, seen(pool[0], at=NOW, peer="foo"), seen(pool[0], **made))
    assert done.new == 2
    assert foo.verify() == []


def test_what_failed_is_kept_beside_what_was_presented(foo: Store, pool: tuple[Made, ...]) -> None:
    """One row for each way to fail; the newest of a place is what it did last."""
    record(foo, seen(pool[0], at=NOW, peer="foo"),
           seen(None, at=NOW + 1, peer="foo", outcome="timeout", detail="none in 30 s"),
           seen(None, at=NOW + 2, peer="foo", outcome="not-offered"))  # fmt: skip
    assert [one.outcome for one in of(foo, "foo")] == ["presented", "timeout", "not-offered"]
    (last,) = foo.ask(observations.latest)
    assert (last.outcome, last.fingerprint) == ("not-offered", None)
    record(foo, seen(pool[0], at=NOW + 3, peer="foo"))
    (last,) = foo.ask(observations.latest)
    assert last.fingerprint == pool[0].fingerprint


def test_what_was_nobodys_is_the_peers_by_its_domain_or_host(
    foo: Store, pool: tuple[Made, ...]
) -> None:
    """What was seen before the peer was there tells when it appeared; another's host does not."""
    record(foo, seen(pool[2], "mx.elsewhere.test", at=NOW, domain="foo.test"),
           seen(pool[2], "mx.foo.test", at=NOW), seen(pool[2], "mx.eve.test", at=NOW),
           seen(pool[2], "mx.foo.test", at=NOW, peer="bar"))  # fmt: skip
    assert [one.endpoint.host for one in of(foo, "foo")] == ["mx.elsewhere.test", "mx.foo.test"]
    assert [one.peer for one in of(foo, "foo")] == [None, None]
    assert of(foo, "nobody") == []


def test_finding_by_certificate_and_host(foo: Store, pool: tuple[Made, ...]) -> None:
    """Where a certificate was seen; what was seen at a name or an address."""
    record(foo, seen(pool[0], at=NOW, peer="foo"),
           seen(pool[1], "mx.bar.test", at=NOW, address="192.0.2.7"))  # fmt: skip
    print_ = pool[1].fingerprint
    (one,) = foo.ask(lambda c: observations.of_certificate(c, print_))
    assert foo.ask(lambda c: observations.of_host(c, "mx.bar.test")) == [one]
    assert foo.ask(lambda c: observations.of_host(c, "192.0.2.7")) == [one]
    assert foo.ask(lambda c: observations.of_host(c, "192.0.2.8")) == []
    assert foo.ask(lambda c: observations.fingerprints(c, print_[:9])) == [print_]


def test_nothing_that_was_seen_is_pinned_trusted_or_exported(
    foo: Store, pool: tuple[Made, ...]
) -> None:
    """Neither pin nor vouch nor domain; no peer's export is touched, and the first look says so."""
    before, seq = foo.peers(), len(foo.journal())
    record(foo, seen(pool[2], at=NOW, peer="foo", domain="new.test"))
    with foo.writing() as tx:
        observations.testify(tx, 1, [PUBLIC])
    assert foo.peers() == before
    changed = foo.ask(lambda c: affected(c, after_seq=seq, since=NOW + 9, until=NOW + 9))
    assert changed == []
    assert len(foo.journal()) == seq + 2


def test_the_chain_of_a_pinned_certificate_stays(
    store: Store, issued: tuple[Made, Made, Made], pool: tuple[Made, ...]
) -> None:
    """Whoever sits on the wire adds no certificate to what is exported with a pin."""
    leaf, middle, root = issued
    store.add(addition("foo", leaf, "foo.test"), addition("bar", pool[0], chain=(middle,)))
    record(store, seen(leaf, at=NOW, peer="foo", chain=(middle, root)),
           seen(pool[0], at=NOW, peer="bar", chain=(root,)))  # fmt: skip
    prints = [leaf.fingerprint, pool[0].fingerprint]
    assert store.ask(lambda c: snapshot.chains(c, prints)) == {
        pool[0].fingerprint: (middle.fingerprint,)
    }


def test_the_chain_of_a_new_certificate_is_kept_until_somebody_says_otherwise(
    store: Store, issued: tuple[Made, Made, Made]
) -> None:
    """With it foresight sees further; what a person adds takes its place."""
    leaf, middle, root = issued
    store.add(addition("foo", strong(), "foo.test"))
    record(store, seen(leaf, at=NOW, peer="foo", chain=(middle, root)))

    def chain() -> tuple[str, ...]:
        print_ = leaf.fingerprint
        return store.ask(lambda c: snapshot.chains(c, [print_])).get(print_, ())

    assert chain() == (middle.fingerprint, root.fingerprint)
    assert store.verify() == []
    store.add(addition("foo", leaf, chain=(middle,)))
    assert chain() == (middle.fingerprint,)
    assert store.verify() == []


def test_what_is_too_large_is_not_kept(foo: Store, pool: tuple[Made, ...]) -> None:
    """A certificate of 64 KiB, a chain of eleven, or one of 64 KiB together."""
    large = certs.self_signed([f"host{n}.{'x' * 40}.test" for n in range(1200)])
    assert len(large.der) > recorder.LARGEST_BYTES
    done = record(foo, seen(large, at=NOW, peer="foo"))
    assert (done.new, done.again, done.ids) == (0, 0, [0])
    assert "bytes was not kept" in done.dropped[0]
    for number, above in ((2, (large,)), (3, pool[4:5] * 11)):
        record(foo, seen(pool[number], at=NOW, peer="foo", chain=above))
        prints = [pool[number].fingerprint]
        assert foo.ask(lambda c, of=prints: snapshot.chains(c, of)) == {}  # type: ignore[misc]
    assert foo.verify() == []


def test_a_host_that_changes_its_certificate_all_the_time_is_bounded(
    foo: Store, pool: tuple[Made, ...]
) -> None:
    """A hundred are kept and the next is not; failures and pinned ones go on being told."""
    key = certs.new_key("p256")
    many = [certs.self_signed("mx.foo.test", key=key) for _ in range(103)]
    done = record(foo, *(seen(one, at=NOW, peer="foo") for one in many[:98]))
    assert (done.new, done.dropped) == (98, ())
    done = record(foo, *(seen(one, at=NOW, peer="foo") for one in many[97:]))
    assert (done.new, done.again, done.ids[3:]) == (2, 1, [0, 0, 0])
    short = " ".join(many[100].fingerprint[at : at + 4].upper() for at in (0, 4, 8, 12))
    said = f"mx.foo.test port 25: 100 different certificates are kept already; {short} was not"
    assert done.dropped[0] == said
    # at another address it is the same host
    assert not record(foo, seen(many[100], at=NOW, peer="foo", address="192.0.2.2")).new
    later = [seen(many[0], at=NOW + 9, peer="foo"), seen(None, at=NOW + 9, peer="foo"),
             seen(pool[0], at=NOW + 9, peer="foo")]  # fmt: skip
    assert record(foo, *later).ids == [1, 101, 102]
    # another host, port or peer has room of its own
    others = [seen(many[100], "mx2.foo.test", at=NOW, peer="foo"),
              seen(many[100], at=NOW, peer="foo", port=465),
              seen(many[100], at=NOW, peer="bar")]  # fmt: skip
    assert record(foo, *others).new == 3
    assert foo.verify() == []


@pytest.mark.parametrize(("bound", "hosts"), [(200, 1), (2000, 12)])
def test_a_name_that_leads_everywhere_is_bounded(bound: int, hosts: int, foo: Store) -> None:
    """DNS may give new addresses, or new names, each time: rows are counted over many calls."""
    rows = [
        seen(None, f"mx{n % hosts}.foo.test", at=NOW, peer="foo", address=f"192.0.2.{n // hosts}")
        for n in range(bound + 12)
    ]
    done = record(foo, *rows[: bound - 4])
    assert done.new == bound - 4
    done = record(foo, *rows[bound - 4 :])
    assert (done.new, len(done.dropped)) == (4, 12)
    assert len(of(foo, "foo")) == bound
    # what is known goes on, and what a known place does
    assert record(foo, *rows).again == bound
    closed = seen(
        None, "mx0.foo.test", at=NOW, peer="foo", address="192.0.2.0", outcome="closed"
    )  # fmt: skip
    assert record(foo, closed).new == 1


@pytest.mark.parametrize(
    "host", ["mx foo", "MX.foo.test", "", "mx.foo.test\n", "x" * 254, "m\u00fc"]
)
def test_a_host_that_is_none_is_not_kept(host: str, foo: Store) -> None:
    """It takes nothing else with it."""
    done = record(foo, seen(None, host, at=NOW, peer="foo"), seen(None, at=NOW, peer="foo"))
    assert done.ids == [0, 1]
    assert "no host's name" in done.dropped[0]


def test_text_of_a_host_is_made_harmless_and_cut(foo: Store) -> None:
    """A megabyte of escapes becomes a line."""
    record(
        foo, seen(None, at=NOW, peer="foo", detail="\x1b[2J\n\u202e" * 100_000, tls="T\x00" * 99)
    )
    (one,) = of(foo, "foo")
    assert len(one.detail) <= 300
    assert one.detail.isprintable()
    assert one.tls is not None
    assert one.tls.isprintable()


def test_an_unknown_peer_is_an_error(foo: Store) -> None:
    """Nothing of the call is kept."""
    entries = foo.journal()
    with pytest.raises(ConflictError, match="there is no peer eve"):
        record(foo, seen(None, at=NOW, peer="foo"), seen(None, at=NOW, peer="eve"))
    assert foo.journal() == entries


def test_testimonies_are_kept_with_their_first_time(foo: Store, pool: tuple[Made, ...]) -> None:
    """The same again moves the last time, another verdict or detail is an entry."""
    (number,) = record(foo, seen(pool[0], at=NOW, peer="foo")).ids
    told = [(NOW, [ABSENT, PUBLIC]), (NOW + DAY, [ABSENT]), (NOW + 2 * DAY, [MATCHES]),
            (NOW + DAY, [MATCHES])]  # fmt: skip
    entries = []
    for now, testimonies in told:
        with foo.writing(now=now) as tx:
            observations.testify(tx, number, testimonies)
        entries.append(sum(one.action == "testimony" for one in foo.journal()))
    assert entries == [2, 2, 3, 3]
    (one,) = of(foo, "foo")
    dane, public = one.testimonies
    assert (dane.testimony, dane.first_at, dane.last_at) == (MATCHES, NOW + 2 * DAY, NOW + 2 * DAY)
    assert (public.testimony, public.first_at, public.last_at) == (PUBLIC, NOW, NOW)
    assert foo.verify() == []


def test_of_what_was_not_kept_no_testimony_is(foo: Store) -> None:
    """Nor an entry."""
    entries = foo.journal()
    with foo.writing() as tx:
        observations.testify(tx, 0, [PUBLIC])
        observations.testify(tx, 1, [])
    assert foo.journal() == entries


@contextmanager
def counted(tx: Any) -> Iterator[list[int]]:
    """How many statements are run on a transaction's connection."""
    count = [0]

    def more(*_args: object) -> None:
        count[0] += 1

    event.listen(tx.connection.engine, "before_cursor_execute", more)
    try:
        yield count
    finally:
        event.remove(tx.connection.engine, "before_cursor_execute", more)


def test_thousands_of_sightings_take_few_statements(foo: Store, pool: tuple[Made, ...]) -> None:
    """A probe of many hosts is kept at once: statements go by the hundred, not one a host."""
    one = seen(pool[0], at=NOW, peer="foo")
    hosts = [
        replace(one, sighting=replace(one.sighting, endpoint=place), peer=peer)
        for n in range(3000)
        for place in [replace(one.sighting.endpoint, host=f"mx{n}.foo.test")]
        for peer in ["foo" if n < 999 else None]
    ]
    for expected in ("new", "again"):
        with foo.writing() as tx, counted(tx) as count:
            done = observations.record(tx, hosts)
        assert getattr(done, expected) == 3000
        assert count[0] < 60
    assert foo.verify() == []


def test_a_first_look_at_an_export_sees_nothing_in_what_was_seen(
    foo: Store, pool: tuple[Made, ...]
) -> None:
    """What happened is told by entries that alter exports: a probe alone makes no export work."""
    happened = glance._HAPPENED  # the very statement that the first look runs
    for words in ("observe", "testimony", "announce"):
        assert f"'{words}'" in happened
    seq = len(foo.journal())
    record(foo, seen(pool[2], at=NOW, peer="foo"))
    at = {"seq": seq, "since": NOW + 5, "until": NOW + 6}
    with foo.raw() as raw:
        assert raw.execute(happened, at).fetchone() == (0,)
    with foo.writing() as tx:
        distrusts.add(tx, "fingerprint", pool[3].fingerprint, "stolen")
    with foo.raw() as raw:
        assert raw.execute(happened, at).fetchone() == (1,)


def test_notices_are_kept_by_name(foo: Store) -> None:
    """What was last told, and when; no entry, for nothing rests on it."""
    entries = foo.journal()
    assert foo.ask(lambda c: notices.last(c, "probe --all")) is None
    for digest, now in (("ab" * 32, NOW), ("cd" * 32, NOW + DAY)):
        foo.change(lambda tx, one=digest: notices.keep(tx, "probe --all", one), now=now)  # type: ignore[misc]
        assert foo.ask(lambda c: notices.last(c, "probe --all")) == (digest, now)
    assert foo.ask(lambda c: notices.last(c, "probe foo")) is None
    assert foo.journal() == entries
    assert foo.verify() == []
