"""Settings: each change is checked and recorded; what bears on trust reaches every export."""

from __future__ import annotations

import json

import pytest

from tests.certs import Made
from tests.inventory.store import ANN, BOB, NOW, Store, addition, parse_rows
from trustctl.errors import DatabaseError, UsageError
from trustctl.facts.addition import NewVouch
from trustctl.facts.wire import WireSettings
from trustctl.inventory import settings, transfer
from trustctl.inventory.affected import affected


@pytest.fixture
def two(store: Store, pool: tuple[Made, ...]) -> Store:
    """foo has two people's vouches; bar has one person's, twice."""
    store.add(
        addition("foo", pool[0], "foo.test", vouches=(ANN, BOB)),
        addition("bar", pool[1], "bar.test", vouches=(ANN, NewVouch("ann@bar.test", "post"))),
    )
    return store


def test_two_people_can_be_demanded(two: Store) -> None:
    """With two wanted, two statements of one person are not enough."""
    assert {one[0] for one in two.trusted()} == {"foo", "bar"}
    with two.writing() as tx:
        assert settings.change(tx, "vouches_required", "2")
    assert {one[0] for one in two.trusted()} == {"foo"}
    assert two.journal()[-1].action == "setting.set"
    assert two.verify() == []


def test_change_bears_on_every_peer(two: Store) -> None:
    """Every peer is exported anew after it."""
    seq = len(two.journal())
    two.change(lambda tx: settings.change(tx, "vouches_required", "2"))
    found = two.ask(lambda c: affected(c, after_seq=seq, since=NOW + 9, until=NOW + 9))
    assert found == [1, 2]


def test_same_value_is_no_change(two: Store) -> None:
    """The default, or the value it has: no entry. Back to the default: an entry."""
    entries = len(two.journal())
    with two.writing() as tx:
        assert not settings.change(tx, "vouches_required", "1")
        assert settings.change(tx, "vouches_required", "03")
        assert not settings.change(tx, "vouches_required", "3")
        assert settings.change(tx, "vouches_required", "1")
    assert len(two.journal()) == entries + 2
    assert two.ask(settings.read_settings).vouches_required == 1
    assert two.verify() == []


@pytest.mark.parametrize("value", ["0", "-1", "10", "", "two", "1.5", " 2", "\u0662", "1" * 5000])
def test_value_without_meaning_is_refused(value: str, two: Store) -> None:
    """Nothing but a number from 1 to 9: never a way to demand nobody."""
    entries = two.journal()
    with pytest.raises(UsageError):
        two.change(lambda tx: settings.change(tx, "vouches_required", value))
    with pytest.raises(UsageError, match="there is no setting"):
        two.change(lambda tx: settings.change(tx, f"vouches_{value}", "2"))
    assert two.journal() == entries


@pytest.mark.parametrize("value", ["0", "-3", "", "x", "1e3", "\u0661"])
def test_stored_value_without_meaning_trusts_nobody(value: str, two: Store) -> None:
    """Zero written into the file by another program is an error, not a licence."""
    with two.raw() as raw:
        raw.execute("INSERT INTO setting VALUES ('vouches_required', ?)", (value,))
    with pytest.raises(DatabaseError, match="has no meaning"):
        two.trusted()
    assert two.verify() != []


_WIRE = [
    ("same_key_renewal", "accept", "accept"),
    ("dial_allow", "192.0.2.0/24, 2001:DB8::/32 10.0.0.1",
     "10.0.0.1/32 192.0.2.0/24 2001:db8::/32"),
    ("ehlo_name", "MX.Bar.Test", "mx.bar.test"),
    ("resolver", "127.0.0.1", "127.0.0.1:53"),
    ("resolver", "[2001:db8::53]:5353", "[2001:db8::53]:5353"),
    ("notify_command", " /usr/local/sbin/page-me 'a b' ", "/usr/local/sbin/page-me 'a b'"),
    ("notify_mail", "Postmaster@Bar.test", "Postmaster@bar.test"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "kept"), _WIRE)
def test_what_is_dialled_and_told_is_no_matter_of_trust(
    name: str, value: str, kept: str, two: Store
) -> None:
    """It is kept in one usual form, with an entry; nobody is exported anew for it."""
    seq = len(two.journal())
    for changed in (True, False):
        with two.writing() as tx:
            assert settings.change(tx, name, value) is changed
    assert two.ask(settings.read_texts)[name] == kept
    assert len(two.journal()) == seq + 1
    assert two.ask(lambda c: affected(c, after_seq=seq, since=NOW + 9, until=NOW + 9)) == []
    assert two.verify() == []


def test_settings_of_the_wire_are_read_as_what_they_mean(two: Store) -> None:
    """The defaults; then each value."""
    assert two.ask(settings.read_wire) == WireSettings()
    with two.writing() as tx:
        for name, value, _kept in _WIRE:
            settings.change(tx, name, value)
    assert two.ask(settings.read_wire) == WireSettings(
        ehlo_name="mx.bar.test",
        dial_allow=("10.0.0.1/32", "192.0.2.0/24", "2001:db8::/32"),
        resolver="[2001:db8::53]:5353",
        same_key_renewal="accept",
        notify_command="/usr/local/sbin/page-me 'a b'",
        notify_mail="Postmaster@bar.test",
    )


@pytest.mark.parametrize("name", settings.NAMES)
@pytest.mark.parametrize("value", ["", "none", " NONE "])
def test_what_need_not_be_set_is_unset(name: str, value: str, two: Store) -> None:
    """The others have no such value."""
    by_name = {one: value_ for one, value_, _kept in _WIRE}
    if name in settings.CARRIED:
        with pytest.raises(UsageError):
            two.change(lambda tx: settings.change(tx, name, value))
        return
    with two.writing() as tx:
        assert not settings.change(tx, name, value)
        assert settings.change(tx, name, by_name[name])
        assert settings.change(tx, name, value)
    assert two.ask(settings.read_texts)[name] == ""
    assert two.verify() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("same_key_renewal", "yes"), ("same_key_renewal", "Accept"), ("dial_allow", "192.0.2.1/24"),
        ("dial_allow", "everywhere"), ("ehlo_name", "mx bar"), ("ehlo_name", "${run{x}}"),
        ("resolver", "dns.bar.test"), ("resolver", "127.0.0.1:0"), ("notify_command", "page-me"),
        ("notify_command", "/bin/sh -c 'x"), ("notify_command", "/bin/x\nBcc: eve"),
        ("notify_mail", "-oQ/tmp/x@bar.test"), ("notify_mail", "a@bar.test\nBcc: eve@eve.test"),
    ],
)  # fmt: skip
def test_value_of_the_wire_without_meaning_is_refused(name: str, value: str, two: Store) -> None:
    """Nor is it taken from the file where another program wrote it there."""
    entries = two.journal()
    with pytest.raises(UsageError, match=f"^{name}: "):
        two.change(lambda tx: settings.change(tx, name, value))
    assert two.journal() == entries
    with two.raw() as raw:
        raw.execute("INSERT INTO setting VALUES (?, ?)", (name, value))
    with pytest.raises(DatabaseError, match=f"{name} has no meaning"):
        two.ask(settings.read_wire)


@pytest.mark.parametrize("name", [one for one in settings.NAMES if one not in settings.CARRIED])
def test_no_import_changes_what_is_this_machines_own(name: str, two: Store) -> None:
    """A file of peers names neither the command that runs here nor where to dial; a dump carries
    none of it either."""
    value = next(one[1] for one in _WIRE if one[0] == name)
    rows = parse_rows(json.dumps({"setting": name, "value": value}))
    with two.writing() as tx:
        ((line, error),) = transfer.apply(tx, rows)
    assert (line, name in error.message) == (1, True)
    assert two.ask(settings.read_wire) == WireSettings()
    two.change(lambda tx: settings.change(tx, name, value))
    assert name not in two.dump()


def test_a_dump_carries_whether_a_key_is_enough(two: Store) -> None:
    """An import of it sets it."""
    two.import_('{"setting": "same_key_renewal", "value": "accept"}')
    assert two.ask(settings.read_wire).same_key_renewal == "accept"
    assert '"value": "accept"' in two.dump()
