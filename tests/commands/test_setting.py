"""``trustctl set``: who is trusted, what is dialled, who is told."""

from __future__ import annotations

import pytest

from tests import certs
from tests.console import Console
from trustctl.inventory.settings import NAMES


def test_show_and_change(console: Console, foo: certs.Made) -> None:
    """It bears on every pin at once, and is in the journal."""
    console.pin(foo, "foo")
    assert console("set", "vouches_required").out == "vouches_required  1\n"
    ran = console("set", "vouches_required", "2")
    assert ran.out == "vouches_required = 2\n"
    assert "next export" in ran.err
    assert console("set", "vouches_required").out == "vouches_required  2\n"
    assert console.states() == {foo.fingerprint: "unvouched"}
    again = console("set", "vouches_required", "2")
    assert again.out == "vouches_required = 2 (as it was)\n"
    assert console("journal", "--json").json[-1]["action"] == "setting.set"


def test_all_of_them_with_what_they_mean(console: Console, foo: certs.Made) -> None:
    """A value, or none, and a line of explanation each, as many as there are."""
    console.pin(foo, "foo")
    lines = console("set").out.splitlines()
    assert len(lines) == 2 * len(NAMES)
    assert [one.split() for one in lines[::2]] == [
        ["vouches_required", "1"], ["same_key_renewal", "ask"], ["dial_allow", "none"],
        ["ehlo_name", "none"], ["resolver", "none"], ["notify_command", "none"],
        ["notify_mail", "none"],
    ]  # fmt: skip
    assert all(one.startswith("    ") for one in lines[1::2])


def test_what_is_no_matter_of_trust_needs_no_export(console: Console, foo: certs.Made) -> None:
    """It is shown as it is kept, and unset by none."""
    console.pin(foo, "foo")
    ran = console("set", "dial_allow", "10.0.0.1, 192.0.2.0/24")
    assert ran.out == "dial_allow = 10.0.0.1/32 192.0.2.0/24\n"
    assert ran.err == ""
    assert console("set", "dial_allow").out == "dial_allow  10.0.0.1/32 192.0.2.0/24\n"
    assert console("set", "dial_allow", "none").out == "dial_allow = none\n"
    assert console("set", "dial_allow", "").out == "dial_allow = none (as it was)\n"
    console.fails("set", "notify_command", "page-me", code=2)


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
