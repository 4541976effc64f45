"""Whatever sequence of changes people make, the inventory fits its journal and survives a dump."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.certs import Made, authority, issue
from tests.inventory.store import LONG, NOW, Store, addition, strong
from trustctl.errors import TrustctlError
from trustctl.facts.addition import NewProtection, NewVouch
from trustctl.facts.names import parse_domain, parse_note, parse_reason, parse_voucher
from trustctl.facts.records import Role
from trustctl.inventory import distrusts, domains, generations, pins, vouches
from trustctl.inventory import settings as inventory_settings
from trustctl.inventory.additions import Additions
from trustctl.inventory.generations import GenerationRow
from trustctl.inventory.transaction import WriteTransaction

_MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108  (syncs cost nothing there)
Step = Callable[[WriteTransaction], object]


@cache
def _pool() -> tuple[Made, ...]:
    """Certificates, two of one key, two of one chain."""
    one = strong("mx.one.test")
    root = authority("Root", days=LONG, not_before=NOW - 86400)
    leaf = issue(root, "mx.leaf.test", days=LONG, not_before=NOW - 86400)
    return one, strong("mx.one.test", key=one.key), root, leaf, strong("mx.two.test")


def _entered(reader: Callable[[str], str]) -> st.SearchStrategy[str]:
    """Any text that a person can enter at all, as it is stored."""

    def read(text: str) -> str | None:
        try:
            return reader(text)
        except TrustctlError:
            return None

    text = st.text(st.characters(codec="utf-8"), max_size=30)
    return text.map(read).filter(lambda one: one is not None).map(str)


_PEER = st.sampled_from(["p0", "p1", "p2"])
_DOMAIN = st.sampled_from(["a.test", "b.test", "c.test"]) | st.sampled_from(
    ["Grüße.test", "例え.test", "xn--mller-kva.test"]
).map(parse_domain)
_CERTIFICATE = st.integers(0, 4)
_VOUCH = st.builds(
    NewVouch,
    _entered(parse_voucher) | st.sampled_from(["Ann", "ANN", "Ann <a@b.test>", "a@b.test"]),
    st.sampled_from(["phone", "post"]),
    _entered(parse_note) | st.just(""),
    st.none() | st.integers(NOW - 9, NOW + 9) | st.just(0) | st.just(253402300799),
)
_REASON = _entered(parse_reason)


def _add(
    peer: str, number: int, names: list[str], said: list[NewVouch], role: Role, chained: bool
) -> Step:
    chain = (_pool()[2],) if chained and number != 2 else ()
    role = "host" if number == 3 else role  # CA:FALSE is no authority, at the command line either
    one = addition(
        peer, _pool()[number], *names, role=role, chain=chain, vouches=tuple(said),
        mx_hosts=tuple(f"mx.{name}" for name in names[:1]),
    )  # fmt: skip
    return lambda tx: Additions(tx).add(one)


def _on_a_pin(change: Callable[[WriteTransaction, pins.PinRef], object]) -> Callable[..., Step]:
    def make(peer: str, which: int) -> Step:
        def step(tx: WriteTransaction) -> object:
            found = pins.find(tx.connection, peer)
            return change(tx, found[which % len(found)]) if found else None

        return step

    return make


def _withdraw(peer: str, which: int, reason: str) -> Step:
    return _on_a_pin(lambda tx, ref: vouches.withdraw(tx, ref, None, reason))(peer, which)


def _vouch(peer: str, which: int, new: NewVouch) -> Step:
    return _on_a_pin(
        lambda tx, ref: Additions(tx).vouch(ref.peer, ref.peer_id, ref.fingerprint, new)
    )(peer, which)


def _distrust(number: int, by_key: bool, reason: str) -> Step:
    made = _pool()[number]
    if by_key:
        return lambda tx: distrusts.add(tx, "spki", made.spki, reason)
    return lambda tx: distrusts.add(tx, "fingerprint", made.fingerprint, reason)


def _publish(number: int) -> Step:
    row = GenerationRow(number, NOW, NOW, number, f"{number:064x}")
    return lambda tx: generations.record(tx, "/srv", "exim", row, action="generation.publish")


_WHICH = st.integers(0, 3)
_STEPS = st.one_of(
    st.builds(
        _add,
        _PEER,
        _CERTIFICATE,
        st.lists(_DOMAIN, max_size=2),
        st.lists(_VOUCH, max_size=3),
        st.sampled_from(["host", "host", "authority"]),
        st.booleans(),
    ),
    st.builds(_vouch, _PEER, _WHICH, _VOUCH),
    st.builds(_withdraw, _PEER, _WHICH, _REASON),
    st.builds(_on_a_pin(lambda tx, ref: pins.retire(tx, ref, "")), _PEER, _WHICH),
    st.builds(_distrust, _CERTIFICATE, st.booleans(), _REASON),
    st.builds(lambda name: lambda tx: domains.unprotect(tx, name), _DOMAIN),
    st.builds(
        lambda peer, name: lambda tx: Additions(tx).protect(NewProtection(peer, (name,))),
        _PEER,
        _DOMAIN,
    ),
    st.builds(
        lambda n: lambda tx: inventory_settings.change(tx, "vouches_required", str(n)),
        st.integers(0, 3),
    ),
    st.builds(_publish, st.integers(1, 3)),
    st.just(lambda tx: generations.forget(tx, "/srv", "exim")),
)


def _with_their_domains(store: Store) -> dict[str, str]:
    return {name: peer.name for peer in store.peers().values() for name in peer.domains}


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # each example writes two databases: a failing one is not made smaller
)
@given(st.lists(_STEPS, min_size=1, max_size=14))
def test_whatever_people_do_it_fits_and_survives_its_dump(steps: list[Step]) -> None:
    """Every change that is made fits the journal, every one that is refused leaves no trace.

    And a dump, imported into an empty inventory, gives the same dump, domains and trust.
    """
    with TemporaryDirectory(dir=_MEMORY) as scratch:
        store = Store(Path(scratch) / "one" / "trustctl.db")
        with store.writing():
            pass
        for step in steps:
            before = store.journal()
            try:
                store.change(step)
            except TrustctlError:
                assert store.journal() == before
        assert store.verify() == []
        again = store.imported_into(Path(scratch))
        assert again.dump() == store.dump()
        assert again.trusted() == store.trusted()
        assert _with_their_domains(again) == _with_their_domains(store)
        assert again.verify() == []
