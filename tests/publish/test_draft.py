"""Drafts: told of what changed, the same as told of everything, to the byte."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.publish.targets import peer
from trustctl.export import cdb
from trustctl.export.exim import CLOSED
from trustctl.facts.compiled import CompiledPeer
from trustctl.facts.records import Role
from trustctl.publish import draft
from trustctl.publish.draft import Draft, Last
from trustctl.publish.place import Format
from trustctl.publish.splice import joined

_NAMES = tuple(f"{first}{second}" for first in ("a", "b", "zed", "a-", "a.") for second in "012")
_DOMAINS = (*(f"{one}.test" for one in "abcdef"), "a-b.test", "a.b.test", "xn--bcher-kva.example")


def _last(one: Draft, *, bundle_only: bool = False) -> Last:
    return Last(one.map, one.cdb, joined(one.bundle), one.set_lines, one.peers, bundle_only)


@dataclass
class World:
    """Peers that change step by step, as an inventory's would; a domain has one owner."""

    format_name: Format
    held: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = field(default_factory=dict)

    def change(self, choose: random.Random) -> list[CompiledPeer]:
        """Change some peers; those that changed, in the order in which they did."""
        names = [choose.choice(_NAMES) for _ in range(choose.randint(0, 5))]
        before = dict(self.held)
        for name in names:
            if choose.random() < 0.25:
                self.held.pop(name, None)
                continue
            taken = {one for other, (_n, d) in self.held.items() if other != name for one in d}
            free = [one for one in _DOMAINS if one not in taken]
            domains = tuple(sorted(choose.sample(free, min(len(free), choose.randint(0, 3)))))
            self.held[name] = (tuple(choose.sample(range(6), choose.randint(0, 3))), domains)
        changed = [one for one in dict.fromkeys(names) if before.get(one) != self.held.get(one)]
        same = [one for one in names if one not in changed]
        return [self.peer(one) for one in (*changed, *dict.fromkeys(same))]

    def peer(self, name: str) -> CompiledPeer:
        """One peer; one that is gone comes as an empty one."""
        numbers, domains = self.held.get(name, ((), ()))
        role: Role = "authority" if name.startswith("zed") else "host"
        return peer(name, *numbers, domains=domains, format_name=self.format_name, role=role)

    def all(self) -> list[CompiledPeer]:
        """All peers, in no order."""
        return [self.peer(one) for one in self.held]


@pytest.mark.parametrize("format_name", ["exim", "pem"])
@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 8))
def test_what_changed_gives_the_same_bytes_as_everything(
    format_name: Format, choose: random.Random, steps: int
) -> None:
    """Through any sequence of changes: the map, what Exim reads, the bundle, the manifest's lines,
    the counts, what is told of the changes, and the sets that have to be there."""
    only = format_name == "pem"
    world, last = World(format_name), Last(bundle_only=only)
    for _ in range(steps):
        part = draft.partial(world.change(choose), last)
        whole = draft.full(world.all(), last)
        assert part.map == whole.map
        assert part.cdb == whole.cdb
        assert joined(part.bundle) == joined(whole.bundle)
        assert part.set_lines == whole.set_lines
        assert (part.peers, part.domains, part.same) == (whole.peers, whole.domains, whole.same)
        assert part.changes == whole.changes
        assert part.removed_blocks == whole.removed_blocks
        assert part.added_blocks == whole.added_blocks
        new = set(part.set_lines.splitlines()) - set(last.set_lines.splitlines())
        assert {line.split(b"/")[1].decode() for line in new} <= part.sets.keys()
        last = _last(whole, bundle_only=only)


def test_everything_that_does_not_change_is_shared() -> None:
    """After one change among many peers the pieces are slices of the last text, not copies."""
    peers = [peer(f"p{one:03}", one % 6) for one in range(100)]
    last = _last(draft.full(peers, Last()))
    part = draft.partial([peer("p050", 1, 2)], last)
    assert [isinstance(one, memoryview) for one in part.bundle] == [True, False, True]
    assert len(part.sets) == 1


def _changes(before: list[CompiledPeer], after: list[CompiledPeer], *, only: bool = False) -> Draft:
    last = Last(bundle_only=only)
    return draft.full(after, _last(draft.full(before, last), bundle_only=only))


def test_changes_are_told_domain_by_domain() -> None:
    """Added, removed, changed, and and closed where the last pin is lost, told once."""
    before = [
        peer("kept", 0), peer("rolled", 1), peer("lost", 2), peer("gone", 3),
        peer("waiting", domains=["waiting.test"]),
    ]  # fmt: skip
    after = [
        peer("kept", 0), peer("rolled", 1, 4), peer("lost"), peer("new", 5),
        peer("waiting", domains=["also.test", "waiting.test"]),
    ]  # fmt: skip
    changes = _changes(before, after).changes
    assert changes.added == ("also.test", "new.test")
    assert changes.removed == ("gone.test",)
    assert changes.changed == ("lost.test", "rolled.test")
    assert changes.closed == ("also.test", "lost.test")
    assert (changes.peers_before, changes.peers_after) == (5, 5)
    assert changes.peers_removed == ("gone",)


def test_a_domain_that_moves_is_changed_not_removed() -> None:
    """To another peer, with the same certificate."""
    changes = _changes(
        [peer("a", 0, domains=["x.test"]), peer("b", 1)],
        [peer("a", 0, domains=[]), peer("b", 0, domains=["b.test", "x.test"])],
    ).changes
    assert changes.changed == ("b.test", "x.test")
    assert changes.removed == changes.peers_removed == ()


def test_a_peer_of_the_bundle_alone_counts() -> None:
    """One without domains is told as removed too, when it goes."""
    found = _changes([peer("a", 0, domains=[]), peer("b", 1)], [peer("b", 1)])
    assert not found.same
    assert found.changes.peers_removed == ("a",)
    assert found.changes.removed == ()


def test_a_bundles_changes_are_told_peer_by_peer() -> None:
    """There are no domains to lose, but peers that are dropped are named."""
    names = ("a", "b", "c", "d")
    before = [peer(one, at, format_name="pem") for at, one in enumerate(names)]
    after = [before[0], peer("b", 5, format_name="pem"), peer("c", format_name="pem")]
    changes = _changes(before, after, only=True).changes
    assert (changes.added, changes.removed, changes.changed) == ((), ("c", "d"), ("b",))
    assert changes.peers_removed == ("c", "d")
    assert (changes.peers_before, changes.peers_after) == (4, 2)


def test_nothing_changed_is_the_same() -> None:
    """In any order; one certificate more is not."""
    peers = [peer("a", 0), peer("b", 1), peer("c")]
    assert _changes(peers, peers[::-1]).same
    assert not _changes(peers, [peer("a", 0, 2), *peers[1:]]).same


def test_a_map_that_exim_would_read_otherwise_is_not_the_same() -> None:
    """The text and the bundle alike, the cdb altered: it is built from the text, never taken on."""
    peers = [peer("a", 0), peer("b", 1)]
    first = draft.full(peers, Last())
    for altered in (b"", cdb.update(first.cdb, {b"a.test": None}), first.cdb[:-8]):
        again = draft.full(peers, Last(first.map, altered, joined(first.bundle), b"", 2))
        assert not again.same
        assert again.cdb == first.cdb


def test_the_map_reads_back() -> None:
    """Domain, peer and value of every line."""
    one = draft.full([peer("a", 0), peer("b", domains=["b.test", "c.test"])], Last())
    found = draft.parse_map(one.map)
    assert {domain: owner for domain, (owner, _value) in found.items()} == {
        "a.test": "a", "b.test": "b", "c.test": "b",
    }  # fmt: skip
    assert found["c.test"][1] == CLOSED
    assert {key.decode(): value.decode() for key, value in cdb.items(one.cdb) if key != b"*"} == {
        domain: value for domain, (_owner, value) in found.items()
    }
