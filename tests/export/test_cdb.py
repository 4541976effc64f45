"""The constant database, against the program ``cdb`` of tinycdb and against itself."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.tools import output, require
from trustctl.errors import TargetError
from trustctl.export import cdb
from trustctl.export.exim import GUARD

_BYTES = st.binary(max_size=12)
_RECORDS = st.dictionaries(_BYTES, st.binary(max_size=30), max_size=40)
_SOME = {f"peer{at}.test".encode(): b"set=%d" % at for at in range(300)}


def _build(records: dict[bytes, bytes]) -> bytes:
    return cdb.build(records.items())


def _dumped(path: Path) -> list[tuple[bytes, bytes]]:
    """The records as ``cdb -d`` prints them: ``+KEYLEN,VALUELEN:KEY->VALUE``."""
    text, found, at = output("cdb", "-d", str(path)), [], 0
    while head := re.compile(rb"\+(\d+),(\d+):").match(text, at):
        key_end = head.end() + int(head[1])
        value_end = key_end + 2 + int(head[2])
        found.append((text[head.end() : key_end], text[key_end + 2 : value_end]))
        at = value_end + 1
    assert text[at:] == b"\n"
    return found


def _records(items: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"+%d,%d:%s->%s\n" % (len(k), len(v), k, v) for k, v in items]) + b"\n"


@pytest.mark.parametrize(
    "records",
    [
        {},
        {GUARD[0]: GUARD[1]},
        {b"": b""},
        {b"a": b"", b"": b"a", b"a\0": b"nul", b"a\nb": b"\n\n", b"\xff" * 300: b"long"},
        _SOME,
    ],
    ids=["empty", "guard", "empty key", "odd", "many"],
)
def test_tinycdb_reads_it(records: dict[bytes, bytes], tmp_path: Path) -> None:
    """``cdb -d`` shows exactly the records, ``cdb -q`` finds each, and none that is not there."""
    require("cdb")
    path = tmp_path / "built.cdb"
    path.write_bytes(_build(records))
    assert _dumped(path) == sorted(records.items())
    for key in [key for key in records if b"\0" not in key][:20]:
        assert output("cdb", "-q", str(path), os.fsdecode(key)) == records[key]
    with pytest.raises(AssertionError):
        output("cdb", "-q", str(path), "nobody.test")


def test_it_is_what_tinycdb_makes(tmp_path: Path) -> None:
    """Of the same records in the same order ``cdb -c`` makes the same file, to the byte."""
    require("cdb")
    path = tmp_path / "made.cdb"
    output("cdb", "-c", str(path), stdin=_records(sorted(_SOME.items())))
    assert path.read_bytes() == _build(_SOME)


def test_what_tinycdb_makes_is_read(tmp_path: Path) -> None:
    """Every record of a file that ``cdb -c`` made is found, in whatever order it has them."""
    require("cdb")
    path, records = tmp_path / "made.cdb", list(reversed(_SOME.items()))
    output("cdb", "-c", str(path), stdin=_records(records))
    data = path.read_bytes()
    assert list(cdb.items(data)) == records
    assert {key: cdb.get(data, key) for key in _SOME} == _SOME
    assert cdb.get(data, b"nobody.test") is None


@given(_RECORDS)
def test_what_went_in_comes_out(records: dict[bytes, bytes]) -> None:
    """Every record is listed and found, and nothing else."""
    data = _build(records)
    assert dict(cdb.items(data)) == records
    assert {key: cdb.get(data, key) for key in records} == records
    assert cdb.get(data, b"a key that is longer than any") is None


@given(st.permutations(sorted(_SOME.items())[:6]))
def test_the_order_of_what_comes_in_does_not_matter(items: list[tuple[bytes, bytes]]) -> None:
    """The same records give the same bytes."""
    assert cdb.build(items) == cdb.build(sorted(items))


def test_a_key_that_stands_twice_is_refused() -> None:
    """Which of the two would a reader find?"""
    with pytest.raises(ValueError, match="twice"):
        cdb.build([(b"a", b"1"), (b"b", b"2"), (b"a", b"1")])


@given(_RECORDS, st.lists(st.dictionaries(_BYTES, st.none() | st.binary(max_size=30), max_size=8)))
@example({}, [{b"b": b"", b"a": b""}, {b"a": None, b"c": b"x"}])
@example({b"a": b"1"}, [{b"a": None}])
def test_updates_give_what_building_gives(
    records: dict[bytes, bytes], edits: list[dict[bytes, bytes | None]]
) -> None:
    """After any sequence of edits the bytes are those of a map that was built anew."""
    data, expected = _build(records), dict(records)
    for changes in edits:
        data = cdb.update(data, changes)
        for key, value in changes.items():
            if value is None:
                expected.pop(key, None)
            else:
                expected[key] = value
        assert data == _build(expected)


@given(st.data())
def test_damage_raises_a_target_error_and_nothing_else(data: st.DataObject) -> None:
    """Cut off or overwritten anywhere, it is read or refused: no other error, no endless loop."""
    records = data.draw(_RECORDS)
    damaged = bytearray(_build(records))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(damaged) - 4))
        damaged[at : at + 4] = data.draw(
            st.sampled_from([b"\xff" * 4, bytes(4), b"\0\0\0\x80"])
            | st.binary(min_size=4, max_size=4)
        )
    text = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    for call in (
        lambda: cdb.get(text, b"a"),
        lambda: [cdb.get(text, key) for key in records],
        lambda: list(cdb.items(text)),
        lambda: cdb.update(text, {b"a": b"1", b"b": None}),
    ):
        with suppress(TargetError):
            call()


@pytest.mark.parametrize("data", [b"", b"x" * 100, b"\xff" * 4000, b"set=x\n" * 1000])
def test_what_is_no_cdb_is_refused(data: bytes) -> None:
    """Another file in its place does not pass for an empty map."""
    with pytest.raises(TargetError):
        cdb.update(data, {b"a": b"1"})
    with pytest.raises(TargetError):
        list(cdb.items(data))


def test_a_zeroed_map_lacks_the_guard() -> None:
    """Zeros read as a map without entries: only the guard tells it from one with few peers."""
    zeroed = bytes(4096)
    assert cdb.get(zeroed, b"foo.test") is None
    assert cdb.get(zeroed, GUARD[0]) is None
    assert cdb.get(cdb.build([GUARD]), GUARD[0]) == GUARD[1]


@given(_RECORDS, st.binary(max_size=30))
def test_other_values_for_all_keys_give_what_building_gives(
    records: dict[bytes, bytes], value: bytes
) -> None:
    """Also where no key comes or goes: then the tables are kept, with the records moved."""
    changed = {key: value + old[::2] for key, old in records.items()}
    for some in (changed, dict(list(changed.items())[::3])):
        assert cdb.update(_build(records), dict(some)) == _build({**records, **some})
