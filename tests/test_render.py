"""How answers are rendered: within 80 columns, harmless, and the same when they are large."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from trustctl import render

_MANY = 2500


@pytest.mark.parametrize("count", [0, 1, 2, 1000, 1001, _MANY])
def test_a_list_is_the_same_json_however_long(
    count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is written part by part is what one call would have written."""
    values = [{"name": f"one\n{number}", "in": [number, {}]} for number in range(count)]
    render.as_json_list(iter(values))
    written = capsys.readouterr().out
    render.as_json(values)
    assert written == capsys.readouterr().out
    assert json.loads(written) == values


def test_a_list_is_written_while_it_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    """A failure in the middle leaves what was there before it: nothing waits for the whole."""

    def values() -> Iterator[Any]:
        yield from range(_MANY)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        render.as_json_list(values())
    assert capsys.readouterr().out.startswith("[\n  0,\n  1,")


def test_the_columns_of_a_long_table_stay_in_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The widest cell stands in the last part, and the first part is as wide."""
    rows = [[str(number), "x" * (number // 100), "end"] for number in range(_MANY)]
    assert render.table(["NUMBER", "LETTERS", "END"], rows, flexible=1) == _MANY
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == _MANY + 1
    assert {one.rindex(" ") for one in lines} == {lines[-1].rindex(" ")}


def test_a_table_too_wide_is_cut_in_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    """No line has more than 80 columns, and what was cut shows it."""
    rows = [["peer", "d" * 100, "end"] for _ in range(_MANY)]
    render.table(["PEER", "DOMAINS", "STATE"], rows, flexible=1)
    lines = capsys.readouterr().out.splitlines()
    assert {len(one) for one in lines[1:]} == {80 - len("STATE") + len("end")}
    assert all("\N{HORIZONTAL ELLIPSIS}" in one for one in lines[1:])


def test_an_empty_table_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Not even its headers."""
    assert render.table(["PEER"], []) == 0
    assert capsys.readouterr().out == ""


_HOSTILE = ("\x1b[31m", "\x9b", "\u202e", "\u2028", "a\r\nb", "\0", "\u200b", "\udc9b")


@pytest.mark.parametrize("text", _HOSTILE)
def test_nothing_that_a_terminal_obeys_leaves(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not in a line, a note, a field's value, one of its lines, or a cell."""
    render.line(text)
    render.note(text)
    render.fields([("name", text), ("names", [text, text])])
    render.table(["A", "B"], [[text, text]])
    render.as_json({text: text})
    said = capsys.readouterr()
    for character in said.out + said.err:
        assert character == "\n" or character.isprintable()
    assert len(said.out.splitlines()) == 1 + 3 + 2 + 3


def test_fields_are_aligned_and_go_on_under_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    """A value that is too long is broken at spaces, or anywhere else; nothing is lost."""
    words, solid = "word " * 40, "x" * 200
    render.fields(
        [("a", "one"), ("longer", ["two", "three"]), ("b", words), ("c", solid), ("d", "")]
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["a       one", "longer  two", "        three"]
    assert max(len(line) for line in lines) <= 80
    assert sum(line.count("word") for line in lines) == 40
    assert sum(line.count("x") for line in lines) == 200
    assert lines[-1] == "d"
    assert all(line.startswith(" " * 8) for line in lines[4:6])


def test_cells_stay_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    """What looks like a number is no number: hex digits are not rounded."""
    render.table(["FINGERPRINT", "N"], [["1e5", "007"], ["12345678901234567890", "1.10"]])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["1e5", "007"]
    assert lines[2].split() == ["12345678901234567890", "1.10"]
