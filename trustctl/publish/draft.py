"""Drafts the next generation in memory: from all peers, or from the changed ones and the last."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from trustctl.export import cdb
from trustctl.export.exim import GUARD
from trustctl.facts.compiled import CompiledPeer
from trustctl.facts.target import Changes
from trustctl.publish import manifest
from trustctl.publish.splice import Data, Edit, Records, joined, pieces

_CLOSED = b"closed=yes"


@dataclass(slots=True)
class Draft:
    """The content of a generation.

    Attributes:
        map: ``domain TAB peer TAB value`` lines, in order of domain.
        cdb: the same as Exim reads it.
        bundle: the pieces of the bundle.
        sets: content of the trust sets that may have to be written, by file name.
        set_lines: the manifest's lines for all sets.
        same: nothing differs from the last generation.
    """

    map: bytes
    cdb: bytes
    bundle: list[Data]
    sets: dict[str, bytes]
    set_lines: bytes
    changes: Changes
    peers: int
    same: bool
    removed_blocks: list[bytes] = field(default_factory=list)
    added_blocks: list[bytes] = field(default_factory=list)

    @property
    def domains(self) -> int:
        """How many domains the map has."""
        return self.map.count(b"\n")


@dataclass(frozen=True, slots=True)
class Last:
    """The last generation's content."""

    map: bytes
    cdb: bytes
    bundle: bytes
    set_lines: bytes
    peers: int


EMPTY = Last(b"", cdb.build([GUARD]), b"", b"", 0)


def map_records(data: bytes) -> Records:
    """The map's text as records."""
    return Records(data, b"", b"\t")


def bundle_records(data: bytes) -> Records:
    """The bundle's text as records; a record's key is its peer."""
    return Records(data, b"# peer=", b" ")


def parse_map(data: bytes) -> dict[str, tuple[str, str]]:
    """Domain -> (peer, value)."""
    found = {}
    for line in data.decode("ascii").splitlines():
        domain, peer, value = line.split("\t")
        found[domain] = (peer, value)
    return found


def full(peers: Iterable[CompiledPeer], last: Last) -> Draft:
    """A draft from all peers."""
    lines: list[bytes] = []
    items: list[tuple[bytes, bytes]] = [GUARD]
    blocks: list[tuple[str, bytes]] = []
    sets: dict[str, bytes] = {}
    count = 0
    for peer in peers:
        count += bool(peer.entries or peer.blocks)
        name = peer.peer.encode()
        for domain, value in peer.entries:
            key, text = domain.encode(), value.encode()
            lines.append(b"%s\t%s\t%s\n" % (key, name, text))
            items.append((key, text))
        sets.update(peer.sets)
        if peer.blocks:
            blocks.append((peer.peer, b"".join(peer.blocks)))
    lines.sort()
    blocks.sort()
    new_map = b"".join(lines)
    bundle: list[Data] = [text for _name, text in blocks]
    set_lines = b"".join(
        [manifest.line(n[:64], len(c), f"sets/{n}") for n, c in sorted(sets.items())]
    )
    same_map = new_map == last.map
    same_bundle = _digest(bundle) == hashlib.sha256(last.bundle).digest()
    draft = Draft(
        map=new_map,
        cdb=last.cdb if same_map else cdb.build(items),
        bundle=bundle,
        sets=sets,
        set_lines=set_lines,
        changes=_all_changes(parse_map(last.map), parse_map(new_map), last.peers, count)
        if not same_map
        else Changes(peers_before=last.peers, peers_after=count),
        peers=count,
        same=same_map and same_bundle,
    )
    if not same_bundle:
        before = set(_blocks(last.bundle))
        after = {block for text in bundle for block in _blocks(bytes(text))}
        draft.removed_blocks = sorted(before - after)
        draft.added_blocks = sorted(after - before)
    return draft


def _blocks(text: bytes) -> list[bytes]:
    return [b"# peer=" + one for one in text.split(b"# peer=")[1:]]


def _digest(parts: Iterable[Data]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def partial(changed: list[CompiledPeer], last: Last) -> Draft:
    """A draft from the last generation and the peers that changed since; a peer that is gone comes
    as an empty one."""
    bundle, by_domain = bundle_records(last.bundle), map_records(last.map)
    bundle_edits: list[Edit] = []
    old_entries: dict[bytes, bytes] = {}
    new_entries: dict[bytes, bytes] = {}
    sets: dict[str, bytes] = {}
    removed: list[bytes] = []
    added: list[bytes] = []
    gone: list[tuple[str, bool]] = []
    come: list[tuple[str, bool]] = []
    for peer in changed:
        name = peer.peer.encode()
        start, end = bundle.span(name)
        text = b"".join(peer.blocks)
        if last.bundle[start:end] != text:
            bundle_edits.append((start, end, text))
            before, after = set(_blocks(last.bundle[start:end])), set(peer.blocks)
            removed += sorted(before - after)
            added += sorted(after - before)
        mine = dict(_lines_of(last.map, name))
        old_entries.update(mine)
        for domain, value in peer.entries:
            key = domain.encode()
            new_entries[key] = b"%s\t%s\t%s\n" % (key, name, value.encode())
        (gone if not peer.entries and not peer.blocks else come).append(
            (peer.peer, bool(mine) or start != end)
        )
        sets.update(peer.sets)
    edits: list[Edit] = []
    updates: dict[bytes, bytes | None] = {}
    for key in old_entries.keys() | new_entries.keys():
        new = new_entries.get(key, b"")
        if old_entries.get(key) == new:
            continue
        start, end = by_domain.span(key)
        edits.append((start, end, new))
        updates[key] = new.rstrip(b"\n").split(b"\t")[2] if new else None
    new_map = joined(pieces(last.map, edits))
    peers = last.peers - sum(was for _n, was in gone) + sum(not was for _n, was in come)
    return Draft(
        map=new_map,
        cdb=cdb.update(last.cdb, updates) if updates else last.cdb,
        bundle=pieces(last.bundle, bundle_edits),
        sets=sets,
        set_lines=_set_lines(last.set_lines, new_map, old_entries.values(), sets),
        changes=_all_changes(
            {k.decode(): _entry(v) for k, v in old_entries.items()},
            {k.decode(): _entry(v) for k, v in new_entries.items()},
            last.peers,
            peers,
        ),
        peers=peers,
        same=not edits and not bundle_edits,
        removed_blocks=removed,
        added_blocks=added,
    )


def _entry(line: bytes) -> tuple[str, str]:
    _domain, peer, value = line.decode().rstrip("\n").split("\t")
    return peer, value


def _lines_of(text: bytes, peer: bytes) -> Iterable[tuple[bytes, bytes]]:
    """The map's lines of one peer, by domain."""
    needle, at = b"\t" + peer + b"\t", 0
    while (found := text.find(needle, at)) >= 0:
        start, at = text.rfind(b"\n", 0, found) + 1, text.find(b"\n", found) + 1
        yield text[start:found], text[start:at]


def _set_lines(
    lines: bytes, new_map: bytes, old_lines: Iterable[bytes], sets: dict[str, bytes]
) -> bytes:
    records = Records(lines, b"", b" ")
    edits: dict[bytes, Edit] = {}
    for line in old_lines:
        at = line.find(b"set=")
        name = line[at + 4 : at + 68]
        if at >= 0 and b"set=" + name not in new_map:
            edits[name] = (*records.span(name), b"")
    for file, content in sets.items():
        name = file[:64].encode()
        start, end = records.span(name)
        if start == end:
            edits[name] = (start, end, manifest.line(file[:64], len(content), f"sets/{file}"))
    return joined(pieces(lines, edits.values()))


def _all_changes(
    before: dict[str, tuple[str, str]],
    after: dict[str, tuple[str, str]],
    peers_before: int,
    peers_after: int,
) -> Changes:
    closed = _CLOSED.decode()
    both = before.keys() & after.keys()
    gone = {peer for peer, _value in before.values()} - {peer for peer, _value in after.values()}
    return Changes(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(sorted(one for one in both if before[one] != after[one])),
        closed=tuple(
            sorted(
                one
                for one, (_peer, value) in after.items()
                if value == closed and before.get(one, ("", ""))[1] != closed
            )
        ),
        peers_before=peers_before,
        peers_after=peers_after,
        peers_removed=tuple(sorted(gone)),
    )
