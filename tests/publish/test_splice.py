"""Replacing records of a sorted text: the same as sorting it anew."""

from __future__ import annotations

import string

from hypothesis import example, given
from hypothesis import strategies as st

from trustctl.publish.splice import Edit, Records, differing, joined, pieces

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


@given(_TEXTS, _TEXTS)
def test_differing_holds_every_line_that_only_one_text_has(
    one: dict[str, str], other: dict[str, str]
) -> None:
    """It is a part of the one text, and of two equal ones at most a line."""
    first, second = _text(one), _text(other)
    found = differing(first, second)
    assert found in first
    assert set(found.splitlines()) >= set(first.splitlines()) - set(second.splitlines())
    assert first != second or found.count(b"\n") <= 1
