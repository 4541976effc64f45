"""Tests of trustctl.inventory.canonical: what is put together here is what the library writes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trustctl.inventory.canonical import Form, canonical, entry_head, texts

_LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_VALUE = st.recursive(
    _LEAF, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
_ODD = ("%", "%s", "100 %d", '"', "\\", "\n", "\0", "\x7f", "\u2028", "\ud800", "\U0001f511", "")


def library(value: object) -> str:
    """The one text of a value, as the standard library writes it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


@given(st.dictionaries(st.text(), _VALUE) | _VALUE)
def test_it_is_what_the_library_writes(value: object) -> None:
    """To the byte, whatever is in it."""
    assert canonical(value) == library(value)


@pytest.mark.parametrize("text", _ODD)
def test_odd_texts(text: str) -> None:
    """As names and as values, alone, within another object and among others."""
    for value in ({text: text, "a": text}, {"a": {text: text}, "b": [text]}, {text: 1}, [text]):
        assert canonical(value) == library(value)
    assert Form({"b%s": text}, "a").__call__(text) == library({"a": text, "b%s": text})
    assert entry_head(1, text, "x") == library([1, text, "x"])
    assert texts([text, "x"]) == json.dumps([text, "x"])


@pytest.mark.parametrize("value", [True, False, 1.0, 1, None, (), (1, "a"), {}, {1: "a"}, 10**30])
def test_what_looks_alike_is_not_taken_for_it(value: object) -> None:
    """A truth is no number, though Python calls them equal; whatever else is in an object is
    written as the library does it."""
    for whole in ({"a": value, "b": 1}, {"a": {"c": value}, "b": 1}, {"a": value}):
        assert canonical(whole) == library(whole)


def test_what_cannot_be_written_is_an_error() -> None:
    """Bytes where a text ought to be."""
    for value in ({"a": b"x", "b": 1}, {b"a": 1, b"b": 2}, {"a": {b"x": 1}, "b": 1}):
        with pytest.raises(TypeError):
            canonical(value)
    with pytest.raises(TypeError):
        entry_head(1, b"x")  # type: ignore[arg-type]


_CELL = st.none() | st.integers() | st.text()


@given(st.dictionaries(st.text(), _CELL, min_size=1), st.data())
def test_a_form_writes_the_whole_object(value: dict[str, Any], data: st.DataObject) -> None:
    """Whichever of its values are those that differ."""
    others = sorted(data.draw(st.sets(st.sampled_from(sorted(value)))))
    common = {name: one for name, one in value.items() if name not in others}
    assert Form(common, *others)(*[value[name] for name in others]) == library(value)


def test_a_form_is_not_given_its_values_in_another_order() -> None:
    """Its names are sorted, and there is a value for each."""
    with pytest.raises(ValueError, match="b"):
        Form({}, "b", "a")
    with pytest.raises(TypeError):
        Form({}, "a", "b")("x")
    with pytest.raises(KeyError):
        Form({}, "a")(True)
