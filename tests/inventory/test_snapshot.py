"""Peers are read whole and in step; whoever may differ since an export is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.certs import DAY, Made, self_signed
from tests.inventory.store import ANN, BOB, LONG, NOW, Store, addition
from trustctl.facts.addition import NewProtection, NewVouch
from trustctl.facts.certificate import parse_certificate
from trustctl.facts.records import Peer
from trustctl.inventory import domains, pins, snapshot, vouches
from trustctl.inventory.additions import Additions
from trustctl.inventory.affected import affected
from trustctl.inventory.transaction import WriteTransaction


@pytest.fixture
def uneven(store: Store, pool: tuple[Made, ...]) -> Store:
    """Peers that lack this or that: the queries must not get out of step."""
    with store.writing() as tx:
        additions = Additions(tx)
        additions.protect(NewProtection("z-bare", ()))
        additions.add(addition("y-all", pool[0], "y.test", "a.test", mx_hosts=("mx.y.test",),
                               vouches=(ANN, BOB)))  # fmt: skip
        additions.protect(NewProtection("x-domain", ("x.test",)))
        additions.add(addition("w-pin", pool[1], vouches=()))
        additions.add(addition("w-pin", pool[2], vouches=(BOB,)))
        additions.protect(NewProtection("v-host", (), ("mx.v.test",)))
        additions.add(addition("u-shared", pool[0], "u.test", vouches=()))
    return store


def test_each_peer_has_what_is_its_own(uneven: Store, pool: tuple[Made, ...]) -> None:
    """No row slips to a neighbour, and a certificate of two peers has each one's vouches."""
    found = uneven.peers()
    assert {
        name: (
            peer.domains,
            peer.mx_hosts,
            [(pin.certificate.fingerprint, len(pin.vouches)) for pin in peer.pins],
        )
        for name, peer in found.items()
    } == {
        "z-bare": ((), (), []),
        "y-all": (("a.test", "y.test"), ("mx.y.test",), [(pool[0].fingerprint, 2)]),
        "x-domain": (("x.test",), (), []),
        "w-pin": ((), (), [(pool[1].fingerprint, 0), (pool[2].fingerprint, 1)]),
        "v-host": ((), ("mx.v.test",), []),
        "u-shared": (("u.test",), (), [(pool[0].fingerprint, 0)]),
    }
    assert list(found) == ["z-bare", "y-all", "x-domain", "w-pin", "v-host", "u-shared"]


def test_part_of_the_peers_is_as_in_the_whole(uneven: Store) -> None:
    """By ids or by a condition: the same records, in order."""
    every = list(uneven.peers().values())

    def some(**options: object) -> list[Peer]:
        return uneven.ask(lambda c: list(snapshot.read_peers(c, **options)))  # type: ignore[arg-type]

    for ids in ([], [1], [2, 4, 6], [6, 1], [99], list(range(1, 7))):
        assert some(ids=ids) == [every[one - 1] for one in sorted(ids) if one < 99]
    assert some(where=snapshot.owns("u.test")) == [every[5]]
    assert some(where=snapshot.owns("none.test")) == []
    assert some(where=snapshot.named(" Y-ALL ")) == [every[1]]
    assert [one for _peer, one in uneven.ask(lambda c: list(snapshot.read_peers_with_ids(c)))] == [
        1, 2, 3, 4, 5, 6,
    ]  # fmt: skip


def test_many_peers_are_merged_in_step(store: Store, pool: tuple[Made, ...]) -> None:
    """Two thousand uneven peers, more than are read at once, all with their own."""
    with store.writing() as tx:
        additions = Additions(tx, bulk=True)
        for number in range(2100):
            name = f"p{number:04}"
            if number % 3:
                additions.add(addition(name, pool[number % 5], f"{name}.test",
                                       vouches=(ANN,) if number % 2 else ()))  # fmt: skip
            else:
                additions.protect(NewProtection(name, (f"{name}.test",) if number % 2 else ()))
    by_name = store.ask(lambda c: list(snapshot.read_peers_by_name(c)))
    assert [one.name for one in by_name] == [f"p{number:04}" for number in range(2100)]
    assert by_name == list(store.peers().values())
    for number, one in enumerate(by_name):
        own = (f"{one.name}.test",) if number % 3 or number % 2 else ()
        assert one.domains == own
        assert [(pin.peer, pin.certificate.fingerprint, len(pin.vouches)) for pin in one.pins] == (
            [(one.name, pool[number % 5].fingerprint, number % 2)] if number % 3 else []
        )


def test_facts_come_back_as_they_were_read(store: Store, foo: Made) -> None:
    """A certificate's facts survive the database to the field."""
    store.add(addition("foo", foo, "foo.test"))
    facts = parse_certificate(foo.der)
    assert store.peers()["foo"].pins[0].certificate == facts
    found = store.ask(lambda c: snapshot.facts_by_fingerprint(c, [foo.fingerprint, "ab" * 32]))
    assert found == {foo.fingerprint: facts}


Step = Callable[[WriteTransaction], object]


def _pin(tx: WriteTransaction, name: str) -> pins.PinRef:
    (found,) = pins.find(tx.connection, name)
    return found


@pytest.fixture
def three(store: Store, pool: tuple[Made, ...]) -> Store:
    """Three peers with a domain each."""
    store.add(*(addition(f"p{n}", pool[n], f"p{n}.test") for n in range(1, 4)), now=NOW - 1000)
    return store


_STEPS: dict[str, Step] = {
    "a host is no part of an export": lambda tx: Additions(tx).protect(
        NewProtection("p2", (), ("mx.p2.test",))
    ),
    "domain": lambda tx: Additions(tx).protect(NewProtection("p2", ("b.test",))),
    "unprotect": lambda tx: domains.unprotect(tx, "p2.test"),
    "vouch": lambda tx: Additions(tx).vouch("p2", 2, _pin(tx, "p2").fingerprint, BOB),
    "withdraw": lambda tx: vouches.withdraw(tx, _pin(tx, "p2"), None, "misheard"),
    "retire": lambda tx: pins.retire(tx, _pin(tx, "p2"), "lost"),
}


@pytest.mark.parametrize("step", _STEPS.values(), ids=_STEPS)
def test_changed_peer_is_affected_and_no_other(step: Step, three: Store) -> None:
    """Whatever changes for one peer after an export marks that peer alone."""
    seq = len(three.journal())
    three.change(step)
    found = three.ask(lambda c: affected(c, after_seq=seq, since=NOW, until=NOW))
    assert found == ([] if step is next(iter(_STEPS.values())) else [2])
    assert len(three.journal()) == seq + 1
    after = seq + 1
    assert three.ask(lambda c: affected(c, after_seq=after, since=NOW, until=NOW)) == []


def test_new_chain_affects_every_peer_that_pins_the_certificate(
    store: Store, issued: tuple[Made, Made, Made], pool: tuple[Made, ...]
) -> None:
    """The chain is the certificate's, so it is in both peers' trust sets."""
    leaf, middle, _root = issued
    store.add(
        addition("p1", leaf, "a.test"), addition("p2", leaf, "b.test"),
        addition("p3", pool[0], "c.test"),
    )  # fmt: skip
    seq = len(store.journal())
    store.add(addition("p2", leaf, chain=(middle,)))
    found = store.ask(lambda c: affected(c, after_seq=seq, since=NOW, until=NOW))
    assert found == [1, 2]
    assert store.verify() == []


def test_peers_are_affected_by_time_alone(store: Store, pool: tuple[Made, ...]) -> None:
    """A validity that begins or ends, a vouch that lapses: between the moments, not outside."""
    begins = self_signed("mx.a.test", days=LONG, not_before=NOW + 100)
    ends = self_signed("mx.b.test", days=1, not_before=NOW + 200 - DAY)
    store.add(
        addition("begins", begins, "a.test"),
        addition("ends", ends, "b.test"),
        addition("lapses", pool[0], "c.test", vouches=(NewVouch("Ann", "phone", "", NOW + 300),)),
        addition("stays", pool[1], "d.test"),
    )

    def between(since: int, until: int) -> list[int]:
        return store.ask(lambda c: affected(c, after_seq=99, since=since, until=until))

    assert between(NOW + 1, NOW + 50) == []
    assert between(NOW + 50, NOW + 150) == [1]
    assert between(NOW + 150, NOW + 250) == [2]
    assert between(NOW + 250, NOW + 350) == [3]
    assert between(NOW + 50, NOW + 350) == [1, 2, 3]


@pytest.mark.parametrize("seconds", range(-2, 3))
def test_every_change_of_trust_between_two_moments_is_among_the_affected(
    seconds: int, store: Store, pool: tuple[Made, ...]
) -> None:
    """An export for a moment that has passed knows entries that were to come: they still count.

    Retired at ``NOW``, exported for the day before (the pin is trusted then), exported for today:
    with the journal alone nothing has changed since, and the retired pin would stay in force.
    """
    store.add(addition("added", pool[0], "a.test"), now=NOW)
    store.add(addition("retired", pool[1], "b.test"), now=NOW - 1000)
    store.add(addition("withdrawn", pool[2], "c.test"), now=NOW - 1000)
    store.add(addition("vouched", pool[3], "d.test", vouches=()), now=NOW - 1000)
    store.add(addition("same", pool[4], "e.test"), now=NOW - 1000)
    with store.writing() as tx:
        pins.retire(tx, _pin(tx, "retired"), "lost")
        vouches.withdraw(tx, _pin(tx, "withdrawn"), None, "misheard")
        Additions(tx).vouch("vouched", 4, _pin(tx, "vouched").fingerprint, ANN)
    since = NOW - 500
    until = NOW + seconds
    seq = len(store.journal())
    found = store.ask(lambda c: affected(c, after_seq=seq, since=since, until=until))
    names = list(store.peers())
    changed = {one[0] for one in store.trusted(since) ^ store.trusted(until)}
    assert changed == ({"added", "retired", "withdrawn", "vouched"} if until >= NOW else set())
    assert {names[one - 1] for one in found} == changed
