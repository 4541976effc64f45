"""``trustctl set``: the settings that change who is trusted."""

from __future__ import annotations

import pytest

from tests import certs
from tests.console import Console


def test_show_and_change(console: Console, foo: certs.Made) -> None:
    """It bears on every pin at once, and is in the journal."""
    console.pin(foo, "foo")
    assert console("set").out == "vouches_required  1\n"
    ran = console("set", "vouches_required", "2")
    assert ran.out == "vouches_required = 2\n"
    assert "next export" in ran.err
    assert console("set", "vouches_required").out == "vouches_required  2\n"
    assert console.states() == {foo.fingerprint: "unvouched"}
    again = console("set", "vouches_required", "2")
    assert again.out == "vouches_required = 2 (as it was)\n"
    assert console("journal", "--json").json[-1]["action"] == "setting.set"


@pytest.mark.parametrize("value", ["0", "10", "-1", "two", "", "1.0", "\u0662"])
def test_values_that_it_cannot_have(console: Console, foo: certs.Made, value: str) -> None:
    """None of them makes trust cheaper than one voucher."""
    console.pin(foo, "foo")
    console.fails("set", "--", "vouches_required", value, code=2)


def test_unknown_names(console: Console, foo: certs.Made) -> None:
    """Neither shown nor set."""
    console.pin(foo, "foo")
    assert "vouches_required" in console.fails("set", "vouches", code=2).err
    console.fails("set", "vouches", "2", code=2)
    console.fails("set", "vouches_required", "2", "3", code=2)
