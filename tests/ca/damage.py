"""What becomes of the files that are carried between a CA and its offline root."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import strategies as st


def changed(text: bytes, **fields: object) -> bytes:
    """The file with other fields."""
    return json.dumps(json.loads(text) | fields).encode()


def damaged(data: st.DataObject, text: bytes, most: int = 3) -> bytes:
    """The text with some bytes changed, cut or put in, at most so many; perhaps the same."""
    found = bytearray(text)
    at = data.draw(st.integers(0, len(found)))
    found[at : at + data.draw(st.integers(0, most))] = data.draw(st.binary(max_size=most))
    return bytes(found)


def strangers(text: bytes) -> list[Any]:
    """Bytes that are no file of ours, of which some were made of one: parameters, each by name."""
    found = {
        "empty": b"", "x": b"x", "list": b"[]", "null": b"null", "open": b"{",
        "nested": b"[" * 60_000, "infinite": b'{"kind": 1e999}', "no text": b"\xff\xfe",
        "nan": b'{"kind": NaN}', "number": b"9" * 60_000, "large": b" " * 70_000,
        "cut": text[:-3], "more": text + b"{}",
        "twice": text.replace(b'"version": 1', b'"version": 1, "version": 1'),
    }  # fmt: skip
    return [pytest.param(one, id=name) for name, one in found.items()]
