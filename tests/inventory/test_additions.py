"""Additions: recorded once, all or nothing, and never against what others own or distrust."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from tests.certs import Made
from tests.inventory.store import ANN, BOB, NOW, Store, addition, strong
from trustctl.errors import ConflictError, TrustctlError
from trustctl.facts.addition import NewProtection, NewVouch
from trustctl.inventory import distrusts, pins, vouches
from trustctl.inventory.additions import Additions
from trustctl.inventory.snapshot import chains, ders
from trustctl.inventory.transaction import WriteTransaction

Issued = tuple[Made, Made, Made]


def test_first_addition_makes_everything(store: Store, issued: Issued) -> None:
    """Peer, domains, hosts, certificate, chain, pin and vouch, each with its entry, in one go."""
    leaf, middle, root = issued
    (added,) = store.add(
        addition("foo", leaf, "foo.test", "b.test", chain=(middle, root), mx_hosts=("mx.foo.test",))
    )
    assert added.new_peer
    assert added.new_pin
    assert added.changed
    assert (added.new_domains, added.new_vouches, added.shared_with) == (
        ("foo.test", "b.test"), 1, (),
    )  # fmt: skip
    (peer,) = store.peers().values()
    assert (peer.name, peer.domains, peer.mx_hosts) == (
        "foo", ("b.test", "foo.test"), ("mx.foo.test",),
    )  # fmt: skip
    (pin,) = peer.pins
    assert (pin.certificate.fingerprint, pin.role, pin.added_by) == (
        leaf.fingerprint, "host", "root",
    )  # fmt: skip
    assert [(one.voucher, one.channel) for one in pin.vouches] == [("Ann <ann@bar.test>", "phone")]
    assert [one.action for one in store.journal()] == [
        "peer.add", "domain.protect", "domain.protect", "mx.add", "pin.add", "chain.set",
        "vouch.add",
    ]  # fmt: skip


@pytest.mark.parametrize("bulk", [False, True])
def test_same_addition_again_changes_nothing(store: Store, issued: Issued, bulk: bool) -> None:
    """Added twice, by two commands or in one transaction, everything is there once."""
    leaf, middle, root = issued
    one = addition("foo", leaf, "foo.test", chain=(middle, root), mx_hosts=("mx.foo.test",))
    store.add(one)
    entries = store.journal()
    with store.writing() as tx:
        additions = Additions(tx, bulk=bulk)
        again = [additions.add(one) for _time in range(3)]
    assert [one.changed for one in again] == [False] * 3
    assert store.journal() == entries
    assert store.verify() == []


@pytest.mark.parametrize("bulk", [False, True])
def test_two_additions_in_one_transaction_are_as_two_commands(
    store: Store, issued: Issued, bulk: bool
) -> None:
    """What the first made, the second finds: rows held back are not forgotten."""
    leaf, middle, root = issued
    with store.writing() as tx:
        additions = Additions(tx, bulk=bulk)
        additions.add(addition("foo", leaf, "foo.test", chain=(middle,)))
        second = additions.add(addition("foo", leaf, "foo.test", "b.test", chain=(middle, root)))
        third = additions.add(addition("bar", leaf, "bar.test", vouches=(BOB,)))
    assert (second.new_peer, second.new_pin, second.new_domains) == (False, False, ("b.test",))
    assert third.shared_with == ("foo",)
    assert len(store.trusted()) == 2
    assert store.verify() == []


def test_second_certificate_is_a_second_pin(store: Store, pool: tuple[Made, ...]) -> None:
    """Rollover: two pins of one peer stand beside each other."""
    store.add(addition("foo", pool[0], "foo.test"), addition("foo", pool[1]))
    assert {one[2] for one in store.trusted()} == {pool[0].fingerprint, pool[1].fingerprint}
    assert store.verify() == []


def test_addition_without_a_vouch_is_pending(store: Store, foo: Made) -> None:
    """Nobody vouched: kept and listed, trusted by nobody; a vouch makes the difference."""
    made = strong()
    store.add(addition("foo", made, "foo.test", vouches=()))
    assert store.trusted() == set()
    ref = store.pin("foo")
    with store.writing() as tx:
        assert Additions(tx).vouch("foo", ref.peer_id, ref.fingerprint, ANN)
    assert len(store.trusted()) == 1
    with store.writing() as tx:
        assert not Additions(tx).vouch("foo", ref.peer_id, ref.fingerprint, ANN)
    assert store.verify() == []


def test_key_shared_with_another_peer_is_told(store: Store) -> None:
    """The same key in another certificate of another peer is named, one that is retired is not."""
    first = strong("mx.foo.test")
    second = strong("mx.bar.test", key=first.key)
    third = strong("mx.baz.test", key=first.key)
    store.add(addition("foo", first, "foo.test"))
    (added,) = store.add(addition("bar", second, "bar.test"))
    assert added.shared_with == ("foo",)
    with store.writing() as tx:
        pins.retire(tx, store.pin("foo"), "")
    (added,) = store.add(addition("baz", third, "baz.test"))
    assert added.shared_with == ("bar",)


@pytest.mark.parametrize("bulk", [False, True])
def test_domain_of_another_peer_is_refused(
    store: Store, pool: tuple[Made, ...], bulk: bool
) -> None:
    """Nobody takes a domain over, with a certificate or without one; nothing of it is kept."""
    store.add(addition("foo", pool[0], "foo.test"))
    entries = store.journal()
    taking = addition("bar", pool[1], "bar.test", "foo.test")
    protecting = NewProtection("bar", ("bar.test", "foo.test"))
    steps: tuple[Callable[[WriteTransaction], object], ...] = (
        lambda tx: Additions(tx, bulk=bulk).add(taking),
        lambda tx: Additions(tx, bulk=bulk).protect(protecting),
    )
    for step in steps:
        with pytest.raises(ConflictError, match=r"foo\.test belongs to the peer foo"):
            store.change(step)
    assert store.journal() == entries
    assert list(store.peers()) == ["foo"]


@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize("kind", ["fingerprint", "spki"])
def test_what_is_distrusted_is_refused(store: Store, kind: str, bulk: bool) -> None:
    """A distrusted certificate, or any certificate with a distrusted key, is not added again."""
    bad = strong()
    renewed = strong(key=bad.key)
    with store.writing() as tx:
        if kind == "spki":
            distrusts.add(tx, "spki", bad.spki, "stolen")
        else:
            distrusts.add(tx, "fingerprint", bad.fingerprint, "stolen")
    entries = store.journal()

    def attempt(made: Made) -> None:
        with store.writing() as tx:
            Additions(tx, bulk=bulk).add(addition("foo", made, "foo.test"))

    with pytest.raises(ConflictError, match="is distrusted: stolen"):
        attempt(bad)
    assert store.journal() == entries
    if kind == "spki":
        with pytest.raises(ConflictError, match=r"the key of .* is distrusted: stolen"):
            attempt(renewed)
        assert store.journal() == entries
    else:
        attempt(renewed)
    assert store.verify() == []


def test_distrust_of_the_same_transaction_counts(store: Store, foo: Made) -> None:
    """An import that distrusts a certificate and then adds it is refused."""

    def step(tx: WriteTransaction) -> None:
        additions = Additions(tx, bulk=True)
        distrusts.add(tx, "fingerprint", foo.fingerprint, "stolen")
        additions.refuse_from_now("fingerprint", foo.fingerprint, "stolen")
        additions.add(addition("foo", foo, "foo.test"))

    with pytest.raises(ConflictError, match="distrusted"):
        store.change(step)


def test_pin_keeps_its_role(store: Store, foo: Made) -> None:
    """A host's certificate does not become an authority by being added once more."""
    store.add(addition("foo", foo, "foo.test"))
    entries = store.journal()
    with pytest.raises(ConflictError, match="in the role host"):
        store.add(addition("foo", foo, "b.test", role="authority"))
    assert store.journal() == entries


def test_retired_certificate_can_be_pinned_again(store: Store) -> None:
    """A new pin beside the retired one; the retired one stays retired."""
    made = strong()
    store.add(addition("foo", made, "foo.test"))
    with store.writing() as tx:
        pins.retire(tx, store.pin("foo"), "by mistake")
    assert store.trusted() == set()
    (added,) = store.add(addition("foo", made, "foo.test"))
    assert added.new_pin
    assert len(store.trusted()) == 1
    (peer,) = store.peers().values()
    assert [one.retired_at for one in peer.pins] == [NOW, None]
    assert store.verify() == []


def test_same_person_says_the_same_thing_once(store: Store, foo: Made) -> None:
    """However Ann spells her name; another note, channel, expiry or person is another statement."""
    spelt = NewVouch("ANN <Ann@Bar.test>", "phone")
    store.add(addition("foo", foo, "foo.test", vouches=(ANN, ANN, spelt)))
    others = (
        dataclasses.replace(ANN, note="again"),
        dataclasses.replace(ANN, channel="post"),
        dataclasses.replace(ANN, expires_at=NOW + 5),
        BOB,
    )
    (added,) = store.add(addition("foo", foo, vouches=(spelt, *others, *others)))
    assert added.new_vouches == 4
    assert len(store.peers()["foo"].pins[0].vouches) == 5


def test_withdrawn_statement_can_be_made_again(store: Store) -> None:
    """A withdrawal ends one statement; the same words later are a new one."""
    made = strong()
    store.add(addition("foo", made, "foo.test"))
    with store.writing() as tx:
        vouches.withdraw(tx, store.pin("foo"), None, "misheard")
    assert store.trusted() == set()
    (added,) = store.add(addition("foo", made))
    assert added.new_vouches == 1
    assert len(store.trusted()) == 1
    assert store.verify() == []


def test_chain_is_kept_and_trusted_for_nothing(store: Store, issued: Issued) -> None:
    """Issuers are stored as the chain; they are no pins, and a new chain replaces the old one."""
    leaf, middle, root = issued
    store.add(addition("foo", leaf, "foo.test", chain=(middle,)))
    store.add(addition("foo", leaf, chain=(middle, root)))
    store.add(addition("foo", leaf))  # none presented: the known one stays
    assert store.ask(lambda c: chains(c, [leaf.fingerprint, root.fingerprint])) == {
        leaf.fingerprint: (middle.fingerprint, root.fingerprint)
    }
    assert store.ask(lambda c: ders(c, [root.fingerprint])) == {root.fingerprint: root.der}
    assert {one[2] for one in store.trusted()} == {leaf.fingerprint}
    assert store.verify() == []


def test_failure_in_the_middle_leaves_nothing(store: Store, pool: tuple[Made, ...]) -> None:
    """Whatever goes wrong after additions were made, none of them was."""
    store.add(addition("foo", pool[0], "foo.test"))
    entries, dumped = store.journal(), store.dump()

    def step(tx: WriteTransaction) -> None:
        Additions(tx).add(addition("bar", pool[1], "bar.test"))
        tx.flush()
        raise error

    for error in (TrustctlError("no"), KeyboardInterrupt(), RuntimeError()):
        with pytest.raises(type(error)):
            store.change(step)
    assert (store.journal(), store.dump()) == (entries, dumped)
    assert store.verify() == []


def test_protected_domain_needs_no_certificate(store: Store) -> None:
    """A domain can be protected before its peer's certificate is known; twice is once."""
    for _time in range(2):
        with store.writing() as tx:
            Additions(tx).protect(NewProtection("foo", ("foo.test",), ("mx.foo.test",)))
    (peer,) = store.peers().values()
    assert (peer.domains, peer.mx_hosts, peer.pins) == (("foo.test",), ("mx.foo.test",), ())
    assert len(store.journal()) == 3
    assert store.verify() == []
