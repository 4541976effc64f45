"""Distrust is for good, by fingerprint or by key, whether the certificate is known or not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest

from tests.certs import Made
from tests.inventory.store import ANN, BOB, NOW, Store, addition, strong
from trustctl.errors import ConflictError, UsageError
from trustctl.inventory import distrusts
from trustctl.inventory.additions import Additions
from trustctl.inventory.affected import affected


@pytest.fixture
def two(store: Store, pool: tuple[Made, ...]) -> Store:
    """foo and bar, a certificate each."""
    store.add(addition("foo", pool[0], "foo.test"), addition("bar", pool[1], "bar.test"))
    return store


@pytest.mark.parametrize("kind", ["fingerprint", "spki"])
def test_distrusted_pin_is_not_trusted_whoever_vouches(
    kind: str, two: Store, pool: tuple[Made, ...]
) -> None:
    """Trusted before, not after, nor after another vouch; the other peer's is as it was."""
    assert {one[0] for one in two.trusted()} == {"foo", "bar"}
    value = pool[0].fingerprint if kind == "fingerprint" else pool[0].spki
    ref = two.pin("foo")
    with two.writing() as tx:
        assert distrusts.add(tx, "spki" if kind == "spki" else "fingerprint", value, "stolen")
    two.change(lambda tx: Additions(tx).vouch("foo", ref.peer_id, ref.fingerprint, BOB))
    assert {one[0] for one in two.trusted()} == {"bar"}
    (said,) = two.peers()["foo"].pins[0].distrusts
    assert (said.kind, said.value, said.reason, said.at, said.by) == (
        kind, value, "stolen", NOW, "root",
    )  # fmt: skip
    assert two.ask(distrusts.distrusted_fingerprints) == [pool[0].fingerprint]
    assert two.verify() == []


def test_kind_is_what_a_distrust_is_about(two: Store, pool: tuple[Made, ...]) -> None:
    """A fingerprint's digits as a key's, or the other way round, mean another thing."""
    two.change(lambda tx: distrusts.add(tx, "spki", pool[0].fingerprint, "x"))
    two.change(lambda tx: distrusts.add(tx, "fingerprint", pool[0].spki, "x"))
    assert {one[0] for one in two.trusted()} == {"foo", "bar"}


def test_distrust_is_recorded_once(two: Store) -> None:
    """The same again is no change, in a later transaction or the same."""
    two.change(lambda tx: distrusts.add(tx, "spki", "ab" * 32, "stolen"))
    entries = two.journal()
    with two.writing() as tx:
        assert not distrusts.add(tx, "spki", "ab" * 32, "another reason")
        assert distrusts.add(tx, "fingerprint", "ab" * 32, "stolen")
        assert not distrusts.add(tx, "fingerprint", "ab" * 32, "stolen")
    assert len(two.journal()) == len(entries) + 1
    assert two.verify() == []


def test_whoever_it_bears_on_is_exported_anew(
    store: Store, pool: tuple[Made, ...], issued: tuple[Made, Made, Made]
) -> None:
    """The certificate's peers, those below it in a chain, and all authorities; nobody else."""
    leaf, middle, root = issued
    store.add(
        addition("pinned", pool[0], "a.test"),
        addition("below", leaf, "b.test", chain=(middle, root)),
        addition("authority", pool[1], "c.test", role="authority"),
        addition("other", pool[2], "d.test"),
    )
    names = dict(enumerate(("pinned", "below", "authority", "other"), 1))
    for kind, value, expected in (
        ("fingerprint", pool[0].fingerprint, {"pinned", "authority"}),
        ("spki", middle.spki, {"below", "authority"}),
        ("fingerprint", "ab" * 32, {"authority"}),
    ):
        seq = len(store.journal())
        with store.writing() as tx:
            distrusts.add(tx, "spki" if kind == "spki" else "fingerprint", value, "stolen")
        question = partial(affected, after_seq=seq, since=NOW + 9, until=NOW + 9)
        assert {names[one] for one in store.ask(question)} == expected
    assert store.verify() == []


def test_subject_is_what_people_type(two: Store, pool: tuple[Made, ...]) -> None:
    """A peer, digits of a known certificate, a whole fingerprint, a key: each as it is meant."""

    def named(subject: str, *, key: bool = False) -> Sequence[tuple[str, str]]:
        return two.ask(lambda c: distrusts.named(c, subject, key=key))

    mine = ("fingerprint", pool[0].fingerprint)
    assert named("foo") == [mine]
    assert named("foo", key=True) == [mine, ("spki", pool[0].spki)]
    assert named(pool[0].fingerprint[:10]) == [mine]
    assert named(pool[0].fingerprint.upper()) == [mine]
    assert named(f"SHA256:{pool[0].fingerprint}") == [mine]
    assert named(f"spki:{pool[0].spki}") == [("spki", pool[0].spki)]
    assert named(f"spki:{'ab' * 32}") == [("spki", "ab" * 32)]
    with pytest.raises(UsageError, match="the key of that certificate is not known"):
        named(f"SHA256:{'ab' * 32}", key=True)
    with pytest.raises(ConflictError):
        named("nobody")


def test_bare_digits_of_a_key_distrust_the_key(two: Store, pool: tuple[Made, ...]) -> None:
    """Who pastes an SPKI pin without ``spki:`` in front means the key; unknown digits mean both."""
    assert two.ask(lambda c: distrusts.named(c, pool[0].spki, key=False)) == [
        ("spki", pool[0].spki)
    ]
    late = strong("mx.late.test")
    unknown = two.ask(lambda c: distrusts.named(c, late.spki, key=False))
    assert unknown == [("fingerprint", late.spki), ("spki", late.spki)]
    with two.writing() as tx:
        for kind, value in unknown:
            distrusts.add(tx, kind, value, "stolen")
    with pytest.raises(ConflictError, match="is distrusted: stolen"):
        two.add(addition("late", late, "late.test", vouches=(ANN,)))
    assert two.verify() == []
