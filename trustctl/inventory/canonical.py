"""Canonical JSON: sorted keys, no spaces, ASCII alone; one text for one value.

The library builds its encoder anew at each call. An object of texts and whole numbers, which is
what nearly every entry of the journal is, is put together here in a third of the time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quoted
from operator import itemgetter
from typing import Any

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def canonical(value: object) -> str:
    """JSON with sorted keys, no spaces and ASCII alone: one text for one value."""
    if type(value) is dict and len(value) > 1:
        try:
            pick, form = _form(tuple(value))
            return form % tuple([_TEXT[type(one)](one) for one in pick(value)])
        except (KeyError, TypeError):  # something else is in it
            pass
    return _ENCODER.encode(value)


class Form:
    """:func:`canonical` of objects that have most of their values in common."""

    def __init__(self, common: dict[str, object], *others: str) -> None:
        """``others``: the names whose values differ, sorted.

        Raises:
            ValueError: they are not.
        """
        if list(others) != sorted(others):
            raise ValueError(others)
        holes: dict[str, object] = dict.fromkeys(others)
        parts = [
            f"{quoted(name).replace('%', '%%')}:"
            + ("%s" if name in holes else canonical(common[name]).replace("%", "%%"))
            for name in sorted(common | holes)
        ]
        self._form = "{" + ",".join(parts) + "}"

    def __call__(self, *values: object) -> str:
        """The object with these values, in the order of their names: texts, whole numbers, None,
        and objects of those.

        Raises:
            KeyError: one is something else.
        """
        return self._form % tuple([_TEXT[type(one)](one) for one in values])


def entry_head(seq: int, *texts: str) -> str:
    """:func:`canonical` of a list of one number and then texts alone.

    Raises:
        TypeError: one is no text.
    """
    return f"[{seq:d},{','.join([quoted(one) for one in texts])}]"


def texts(values: Iterable[str]) -> str:
    """A list of texts as the inventory's columns have it: ``json.dumps``."""
    return f"[{', '.join([quoted(one) for one in values])}]"


@lru_cache(maxsize=128)
def _form(keys: tuple[object, ...]) -> tuple[Callable[[Any], tuple[Any, ...]], str]:
    ordered = sorted(keys)  # type: ignore[type-var]
    names = [quoted(one).replace("%", "%%") for one in ordered]  # type: ignore[arg-type]
    return itemgetter(*ordered), "{" + ",".join([f"{one}:%s" for one in names]) + "}"


def _inner(value: dict[Any, Any]) -> str:
    pairs = [f"{quoted(key)}:{_TEXT[type(one)](one)}" for key, one in sorted(value.items())]
    return "{" + ",".join(pairs) + "}"


_TEXT: dict[type, Callable[[Any], str]] = {
    str: quoted,
    int: int.__repr__,
    dict: _inner,
    type(None): lambda _none: "null",
}
