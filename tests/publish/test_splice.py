"""Replacing records of a sorted text: the same as sorting it anew."""

from __future__ import annotations

import string
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trustctl.errors import TargetError
from trustctl.publish.splice import Edit, OnDisk, Records, joined, missing, pieces

_KEYS = st.text(string.ascii_lowercase[:4] + ".-", min_size=1, max_size=4)
_TEXTS = st.dictionaries(_KEYS, st.text("xy", max_size=3), max_size=12)


def _line(key: str, value: str) -> bytes:
    return f"{key}\t{value}\n".encode()


def _text(records: dict[str, str]) -> bytes:
    return b"".join(sorted(_line(key, value) for key, value in records.items()))


def _records(data: bytes) -> Records:
    return Records(data, b"", b"\t")


@given(_TEXTS, _KEYS)
def test_a_key_is_found_where_it_stands(records: dict[str, str], key: str) -> None:
    """The span of a key is its record, or the place where it would stand."""
    data = _text(records)
    start, end = _records(data).span(key.encode())
    assert data[start:end] == (_line(key, records[key]) if key in records else b"")
    assert all(line.split(b"\t")[0] < key.encode() for line in data[:start].splitlines())
    assert all(line.split(b"\t")[0] > key.encode() for line in data[end:].splitlines())


@given(_TEXTS, st.dictionaries(_KEYS, st.none() | st.text("xyz", max_size=3), max_size=12))
@example({}, {"b": "", "a": "", "c": ""})
@example({"m": "x"}, {"b": "", "a": "", "z": "", "y": "", "m": None})
def test_edits_give_what_sorting_gives(
    records: dict[str, str], changes: dict[str, str | None]
) -> None:
    """In whatever order the edits come, also several at one place."""
    data = _text(records)
    found = _records(data)
    edits: list[Edit] = []
    for key, value in changes.items():
        edits.append((*found.span(key.encode()), b"" if value is None else _line(key, value)))
    wanted = {key: value for key, value in (records | changes).items() if value is not None}
    assert joined(pieces(data, edits)) == _text(wanted)
    assert joined(pieces(data, reversed(edits))) == _text(wanted)


@given(st.lists(st.tuples(_KEYS, st.integers(1, 3)), max_size=8, unique_by=lambda one: one[0]))
def test_records_of_several_lines_are_found(peers: list[tuple[str, int]]) -> None:
    """A record lasts to the next line that begins with the prefix; several may have one key."""
    block = "# peer={} n={}\n-----BEGIN\ntext # peer=z \n-----END\n\n"
    texts = {
        key: "".join([block.format(key, one) for one in range(count)]).encode()
        for key, count in sorted(peers)
    }
    found = Records(b"".join(texts.values()), b"# peer=", b" ")
    for key, text in texts.items():
        start, end = found.span(key.encode())
        assert found.data[start:end] == text
    start, end = found.span(b"zzz")
    assert start == end == len(found.data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the examples' files."""
    return tmp_path_factory.mktemp("splice")


@given(st.sets(st.integers(0, 999), max_size=4), st.integers(1, 200))
def test_a_file_is_edited_as_its_text_is(folder: Path, changed: set[int], length: int) -> None:
    """Without being read whole: records are found across the parts that are read."""
    lines = [b"%04d\t%s\n" % (one, b"x" * (length + one % 7)) for one in range(1000)]
    path = folder / "text"
    path.write_bytes(b"".join(lines))
    stored, text = OnDisk(path), path.read_bytes()
    assert (len(stored), stored[5:900], stored[:]) == (len(text), text[5:900], text)
    edits: list[Edit] = []
    for one in changed:
        key = b"%04d" % one
        span = Records(stored, b"", b"\t").span(key)
        assert span == Records(text, b"", b"\t").span(key)
        edits.append((*span, b"" if one % 2 else key + b"\tnew\n"))
    assert joined(pieces(stored, edits)) == joined(pieces(text, edits))


@pytest.mark.parametrize("text", [b"", b"shorter", b"x" * 100, b"y" * 200])
def test_a_file_that_changes_meanwhile_is_an_error(tmp_path: Path, text: bytes) -> None:
    """What was looked at is not mixed with what somebody wrote since."""
    path = tmp_path / "text"
    path.write_bytes(b"x" * 100)
    parts = pieces(OnDisk(path), [(50, 50, b"new")])
    assert joined(parts) == b"x" * 50 + b"new" + b"x" * 50
    time.sleep(0.05)
    path.write_bytes(text)
    with pytest.raises(TargetError, match="changed while it was read"):
        joined(parts)


@given(_TEXTS, _TEXTS)
@example({"a": "x"}, {"a": "y"})
def test_the_lines_that_another_text_lacks(one: dict[str, str], other: dict[str, str]) -> None:
    """Of two texts in order: each of them once, and no other."""
    first, second = _text(one), _text(other)
    lacking = set(first.splitlines(keepends=True)) - set(second.splitlines(keepends=True))
    assert list(missing(first, second)) == sorted(lacking)


@given(st.sets(st.integers(0, 1999), max_size=9), st.sets(st.integers(0, 1999), max_size=9))
def test_a_few_lines_among_many_are_found(gone: set[int], come: set[int]) -> None:
    """Wherever they are: what is the same is compared by blocks of many lines."""
    lines = [b"%04d %s\n" % (one, b"x" * (one % 90)) for one in range(2000)]
    first = b"".join([line for one, line in enumerate(lines) if one not in come])
    second = b"".join([line for one, line in enumerate(lines) if one not in gone])
    assert list(missing(first, second)) == [lines[one] for one in sorted(gone - come)]


def test_a_text_without_its_last_line_end_comes_to_an_end() -> None:
    """Also where it is the beginning of the other's."""
    assert list(missing(b"a\nb", b"a\n")) == [b"b"]
    assert list(missing(b"a\nb", b"a\nbc\n")) == [b"b"]
    assert list(missing(b"a\nbc", b"a\nb")) == [b"bc"]
