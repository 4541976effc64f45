"""Drafts the next generation in memory: from all peers, or from the changed ones and the last."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from trustctl.export import cdb
from trustctl.export.exim import CLOSED, GUARD
from trustctl.facts.compiled import CompiledPeer
from trustctl.facts.target import Changes
from trustctl.publish import manifest
from trustctl.publish.splice import Data, Edit, Records, Text, chunks, joined, pieces

_PEER = b"# peer="
_SETS = re.compile(rb"[=:]([0-9a-f]{64})(?![0-9a-f])")
"""The trust sets that an entry names; fingerprints are in capitals."""


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
    """The last generation's content. ``bundle_only``: the target is a bundle, and what changes is
    told peer by peer."""

    map: bytes = b""
    cdb: bytes = cdb.build([GUARD])
    bundle: Text = b""
    set_lines: bytes = b""
    peers: int = 0
    bundle_only: bool = False


def map_records(data: bytes) -> Records:
    """The map's text as records."""
    return Records(data, b"", b"\t")


def bundle_records(data: Text) -> Records:
    """The bundle's text as records; a record's key is its peer."""
    return Records(data, _PEER, b" ")


def parse_map(data: bytes) -> dict[str, tuple[str, str]]:
    """Domain -> (peer, value)."""
    found = {}
    for line in data.decode("ascii").splitlines():
        domain, peer, value = line.split("\t")
        found[domain] = (peer, value)
    return found


def full(peers: Iterable[CompiledPeer], last: Last) -> Draft:
    """A draft from all peers."""
    old_bundle = last.bundle[:]
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
    new_map, new_cdb = b"".join(lines), cdb.build(items)
    bundle: list[Data] = [text for _name, text in blocks]
    set_lines = b"".join(
        [manifest.line(n[:64], len(c), f"sets/{n}") for n, c in sorted(sets.items())]
    )
    same_map = new_map == last.map
    same_bundle = _digest(bundle) == hashlib.sha256(old_bundle).digest()
    same = same_map and same_bundle and new_cdb == last.cdb
    draft = Draft(
        map=new_map,
        cdb=new_cdb,
        bundle=bundle,
        sets=sets,
        set_lines=set_lines,
        changes=Changes(peers_before=last.peers, peers_after=count)
        if same
        else _full_changes(last, old_bundle, new_map, dict(blocks), count),
        peers=count,
        same=same,
    )
    if not same_bundle:
        before = set(_blocks(old_bundle))
        after = {block for _name, text in blocks for block in _blocks(text)}
        draft.removed_blocks = sorted(before - after)
        draft.added_blocks = sorted(after - before)
    return draft


def _full_changes(
    last: Last, bundle: bytes, new_map: bytes, blocks: dict[str, bytes], count: int
) -> Changes:
    old: dict[str, bytes] = {}
    for block in _blocks(bundle):
        name = _peer(block)
        old[name] = old.get(name, b"") + block
    before, after = parse_map(last.map), parse_map(new_map)
    gone = {peer for peer, _value in before.values()} | old.keys()
    gone -= {peer for peer, _value in after.values()} | blocks.keys()
    if last.bundle_only:
        return _changes(_by_peer(old), _by_peer(blocks), gone, last.peers, count)
    return _changes(before, after, gone, last.peers, count)


def _by_peer(texts: dict[str, bytes]) -> dict[str, tuple[str, str]]:
    return {name: (name, text.decode("ascii")) for name, text in texts.items()}


def _peer(block: bytes) -> str:
    return block[len(_PEER) : block.index(b" ", len(_PEER))].decode("ascii")


def _blocks(text: bytes) -> list[bytes]:
    return [_PEER + one for one in text.split(_PEER)[1:]]


def _digest(parts: Iterable[Data]) -> bytes:
    digest = hashlib.sha256()
    for part in chunks(parts):
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
    old_texts: dict[str, bytes] = {}
    new_texts: dict[str, bytes] = {}
    gone: set[str] = set()
    peers = last.peers
    for peer in changed:
        name = peer.peer.encode()
        start, end = bundle.span(name)
        text, old_text = b"".join(peer.blocks), last.bundle[start:end]
        if old_text != text:
            bundle_edits.append((start, end, text))
            before, after = set(_blocks(old_text)), set(peer.blocks)
            removed += before - after
            added += after - before
        old_texts.update({peer.peer: old_text} if old_text else {})
        new_texts.update({peer.peer: text} if text else {})
        mine = dict(_lines_of(last.map, name))
        old_entries.update(mine)
        for domain, value in peer.entries:
            key = domain.encode()
            new_entries[key] = b"%s\t%s\t%s\n" % (key, name, value.encode())
        was, remains = bool(mine or old_text), bool(peer.entries or peer.blocks)
        peers += remains - was
        if was and not remains:
            gone.add(peer.peer)
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
    if last.bundle_only:
        before_after = _by_peer(old_texts), _by_peer(new_texts)
    else:
        before_after = (
            {key.decode(): _entry(one) for key, one in old_entries.items()},
            {key.decode(): _entry(one) for key, one in new_entries.items()},
        )
    return Draft(
        map=new_map,
        cdb=cdb.update(last.cdb, updates) if updates else last.cdb,
        bundle=pieces(last.bundle, bundle_edits),
        sets=sets,
        set_lines=_set_lines(last.set_lines, new_map, old_entries.values(), sets),
        changes=_changes(*before_after, gone, last.peers, peers),
        peers=peers,
        same=not edits and not bundle_edits,
        removed_blocks=sorted(removed),
        added_blocks=sorted(added),
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
        for name in _SETS.findall(line):
            if name not in new_map:
                edits[name] = (*records.span(name), b"")
    for file, content in sets.items():
        name = file[:64].encode()
        start, end = records.span(name)
        if start == end:
            edits[name] = (start, end, manifest.line(file[:64], len(content), f"sets/{file}"))
    return joined(pieces(lines, edits.values()))


def _changes(
    before: dict[str, tuple[str, str]],
    after: dict[str, tuple[str, str]],
    gone: set[str],
    peers_before: int,
    peers_after: int,
) -> Changes:
    return Changes(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(sorted(k for k in before.keys() & after.keys() if before[k] != after[k])),
        closed=tuple(
            sorted(
                one
                for one, (_peer, value) in after.items()
                if value == CLOSED and before.get(one, ("", ""))[1] != CLOSED
            )
        ),
        peers_before=peers_before,
        peers_after=peers_after,
        peers_removed=tuple(sorted(gone)),
    )
