"""Import files as rows: each line is a row or is named, none is passed over."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.certs import Made
from trustctl.errors import InputError
from trustctl.facts.text import printable
from trustctl.intake.rows import FIELDS, Row, RowError, read_rows

BOM = b"\xef\xbb\xbf"


def rows(data: bytes) -> list[Row | RowError]:
    """All rows of a file of these bytes."""
    return list(read_rows(io.BytesIO(data), "peers"))


def test_json_lines() -> None:
    """An object on each line; empty lines are none, and the line numbers are an editor's."""
    data = b'{"peer": "foo"}\n\n  \n{"peer": "bar", "domains": ["bar.test"]}\n'
    assert rows(data) == [
        (1, {"peer": "foo"}),
        (4, {"peer": "bar", "domains": ["bar.test"]}),
    ]
    assert rows(b"\n\n" + data)[0] == (3, {"peer": "foo"})
    assert rows(BOM + data.replace(b"\n", b"\r\n")) == rows(data)
    assert rows(data.strip()) == rows(data)


def test_csv() -> None:
    """Commas or semicolons, quoted line breaks, any case in the header; an empty cell is no
    field."""
    data = b'Peer,domains,note\nfoo,"foo.test bar.test",\nbar,,"two\nlines, ""quoted"""\n\nbaz,,x\n'
    expected = [
        (2, {"peer": "foo", "domains": "foo.test bar.test"}),
        (3, {"peer": "bar", "note": 'two\nlines, "quoted"'}),
        (6, {"peer": "baz", "note": "x"}),
    ]
    assert rows(data) == expected
    assert rows(BOM + data) == expected
    assert rows(b"\n" + data)[0] == (3, expected[0][1])
    assert rows(b"peer;domains;note\r\nfoo;foo.test;a,b\r\n") == [
        (2, {"peer": "foo", "domains": "foo.test", "note": "a,b"})
    ]
    assert rows(b"peer\nfoo\n") == [(2, {"peer": "foo"})]


def test_a_certificate_in_a_cell(foo: Made) -> None:
    """PEM with its line ends, as a spreadsheet writes it."""
    out = io.StringIO()
    writer = csv.DictWriter(out, ["peer", "certificate"])
    writer.writeheader()
    writer.writerow({"peer": "foo", "certificate": foo.pem.decode()})
    assert rows(out.getvalue().encode()) == [(2, {"peer": "foo", "certificate": foo.pem.decode()})]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b'{"peer": "foo"', "not JSON: "),
        (b'{"peer": "foo"} x', "not JSON: "),
        (b"[]", "not a JSON object"),
        (b'"peer"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'{"peer": "foo", "peer": "bar"}', "the key 'peer' stands twice"),
        (b'{"peer": "foo", "Peer": "bar"}', "unknown field 'Peer'"),
        (b'{"peer": "foo", "password": "x"}', "unknown field 'password'"),
        (b'{"distrust": "x", "peer": "foo"}', "unknown field 'peer'"),
        (b'{"setting": "x", "reason": "foo"}', "unknown field 'reason'"),
        (b'{"peer": "\xff"}', "the line is not UTF-8"),
        (b'{"\x1b[2J": 1}', "not JSON: "),
        (b'{"\\u001b[2J": 1}', "unknown field '\\x1b[2J'"),
        (b'{"x":' * 100_000, "the JSON is nested too deeply"),
        (b'{"peer": ' + b"9" * 5000 + b"}", "not JSON: "),
        (b'{"peer": "' + b"x" * (4 << 20) + b'"}', "4194304 is the limit"),
        (b'{"peer": "a\0b"}', "not JSON: "),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(line: bytes, text: str) -> None:
    """Every bad line, with its number; the good ones around it are rows all the same."""
    good = b'{"peer": "foo"}\n'
    found = rows(good + line + b"\n" + good + line + b"\n")
    assert [one if isinstance(one, tuple) else one.line for one in found] == [
        (1, {"peer": "foo"}), 2, (3, {"peer": "foo"}), 4,
    ]  # fmt: skip
    for one in (found[1], found[3]):
        assert isinstance(one, RowError)
        assert text in one.text
        assert printable(one.text) == one.text


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"peer,note\nfoo\nbar,x\nbaz,x,y\n", [2, (3, {"peer": "bar", "note": "x"}), 4]),
        (b"peer,note\nfoo,\xff\n", [2]),
        (b'peer,note\nfoo,"open\n', [2]),
        (b'peer,note\nfoo,"a"b\n', [2]),
    ],
)
def test_bad_lines_of_csv(data: bytes, found: list[object]) -> None:
    """Too few or too many columns, no UTF-8, a quote that never ends."""
    assert [one if isinstance(one, tuple) else one.line for one in rows(data)] == found


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"\n \r\n", "is empty"),
        (BOM, "is empty"),
        (b"note\nfoo\n", "no or a repeated column peer"),
        (b"peer,peer\nfoo,bar\n", "no or a repeated column peer"),
        (b"peer,secret\nfoo,bar\n", "unknown column 'secret'"),
        (b"peer,\x1b[2J\nfoo,bar\n", r"unknown column '\\x1b\[2j'"),
        (b"hello world\n", "unknown column 'hello world'"),
        (b"[{}]\n", "unknown column"),
    ],
)
def test_a_file_that_is_none(data: bytes, message: str) -> None:
    """Nothing in it, or a first line that is neither: refused whole, with the columns."""
    with pytest.raises(InputError, match=message) as caught:
        rows(data)
    assert caught.value.hint
    assert "\x1b" not in caught.value.message


def test_utf_16_is_named() -> None:
    """What a spreadsheet calls Unicode."""
    found = rows("peer,note\nfoo,x\n".encode("utf-16"))
    assert [one.text for one in found if isinstance(one, RowError)] == ["the line is not UTF-8"]


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), st.text(min_size=1), min_size=1)))
def test_json_that_was_written_is_read(values: list[dict[str, str]]) -> None:
    """Any text in any field comes back."""
    data = b"".join(json.dumps(one).encode() + b"\n" for one in values)
    if values:
        assert rows(data) == list(enumerate(values, 1))


@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_errors(data: bytes) -> None:
    """Nothing but rows, named lines, or an InputError; never fewer than there are lines of JSON."""
    try:
        found = rows(data)
    except InputError:
        return
    assert all(isinstance(one, RowError) or one[0] > 0 for one in found)


@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=8))
def test_no_line_is_passed_over(lines: list[bytes]) -> None:
    """Each line of JSON that is not blank is a row or is named."""
    found = rows(b'{"peer": "foo"}\n' + b"\n".join(lines))
    numbers = [one.line if isinstance(one, RowError) else one[0] for one in found]
    assert numbers == [1, *(at for at, line in enumerate(lines, 2) if line.strip())]
