"""A dump carries all that stands: imported and dumped again, it is the same to the byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import odd
from tests.certs import Made, tlv
from tests.inventory.store import ANN, BOB, NOW, Store, addition, strong
from trustctl.errors import UsageError
from trustctl.facts.addition import NewProtection, NewVouch
from trustctl.facts.fingerprint import colons
from trustctl.facts.moment import parse_moment
from trustctl.facts.names import parse_domain
from trustctl.inventory import distrusts, pins, settings, vouches
from trustctl.inventory.additions import Additions

_NOTES = (
    "comma, \"quotes\", 'more', back\\slash",
    "=HYPERLINK(1)",
    "${run{/bin/true}}",
    "Grüße aus Köln, 東京, ελλάδα, 🔑",
    "tab-less but " + "long " * 300 + "end",
    "-----BEGIN CERTIFICATE-----",
    "{}",
)


@pytest.fixture
def rich(store: Store, pool: tuple[Made, ...], issued: tuple[Made, Made, Made]) -> Store:
    """Everything that a dump has to carry, and history that it does not."""
    leaf, middle, root = issued
    partly = odd.altered(
        strong("mx.partly.test"), subject=odd.common_name(b"\x1b[31m\xff${run{x}}", tag=0x14)
    )
    notes = tuple(NewVouch(f"Person {at}", "phone", note) for at, note in enumerate(_NOTES))
    store.add(
        addition("foo", leaf, "foo.test", *map(parse_domain, ("Müller.example", "例え.テスト")),
                 chain=(middle, root), mx_hosts=("mx1.foo.test", "mx0.foo.test"),
                 vouches=(ANN, BOB, *notes)),
        addition("foo", pool[0], vouches=()),
        addition("bar", pool[1], "bar.test", role="authority",
                 vouches=(NewVouch("Ann", "phone", "", NOW + 86400), NewVouch("Ann", "phone"),
                          NewVouch("Ann", "phone", "", 0), NewVouch("Ann", "phone", "", -1))),
        addition("partly", partly, "partly.test"),
        addition("shared", leaf, "shared.test"),
        addition("old", pool[2], "old.test"),
        addition("bad", pool[3], "bad.test"),
    )  # fmt: skip
    with store.writing() as tx:
        Additions(tx).protect(NewProtection("bare", ("bare.test",), ("mx.bare.test",)))
        Additions(tx).protect(NewProtection("nothing", ()))
        pins.retire(tx, pins.find(tx.connection, "old")[0], "lost")
        distrusts.add(tx, "fingerprint", pool[3].fingerprint, "stolen, “they say”")
        distrusts.add(tx, "spki", pool[4].spki, "=1+1")
        (shared,) = pins.find(tx.connection, "shared")
        vouches.withdraw(tx, shared, None, "misheard")
        settings.change(tx, "vouches_required", "2")
    return store


def test_dump_and_import_and_dump_are_the_same_bytes(rich: Store, tmp_path: Path) -> None:
    """Into an empty inventory: the same bytes, the same trusted pins, a journal that fits."""
    text = rich.dump()
    again = rich.imported_into(tmp_path)
    assert again.dump() == text
    assert again.trusted() == rich.trusted()
    assert again.verify() == []
    assert text.isascii()
    for note in _NOTES:
        assert json.dumps(note) in text


def test_import_of_its_own_dump_changes_nothing(rich: Store) -> None:
    """All that it carries is there already, but for what is distrusted or stands withdrawn."""
    entries = rich.journal()
    rich.import_(rich.dump())
    assert rich.journal() == entries


def test_order_of_additions_does_not_show(
    store: Store, tmp_path: Path, pool: tuple[Made, ...]
) -> None:
    """The same facts in another order are the same dump."""
    wanted = [
        addition(f"p{n}", pool[n], f"p{n}.test", f"a{n}.test", vouches=(ANN, BOB)) for n in range(4)
    ]
    other = Store(tmp_path / "other" / "trustctl.db")
    store.add(*wanted)
    other.add(*reversed(wanted))
    assert store.dump() == other.dump()


def test_history_stays_in_the_journal(rich: Store, pool: tuple[Made, ...]) -> None:
    """Retired and distrusted pins and withdrawn vouches are not carried; their domains are."""
    lines = [json.loads(line) for line in rich.dump().splitlines()]
    carried = {line["peer"]: line for line in lines if "peer" in line}
    assert carried["old"] == {"peer": "old", "domains": ["old.test"]}
    assert carried["bad"] == {"peer": "bad", "domains": ["bad.test"]}
    assert "vouched_by" not in carried["shared"]
    assert "certificate" in carried["shared"]
    assert {"setting": "vouches_required", "value": "2"} in lines
    assert [line["kind"] for line in lines if "distrust" in line] == ["fingerprint", "spki"]
    assert colons(pool[4].spki) in rich.dump()


def test_expired_vouch_stays_expired(store: Store, tmp_path: Path) -> None:
    """Not even one that ended at the epoch comes back as one without an end."""
    made = strong()
    store.add(addition("foo", made, "foo.test", vouches=(NewVouch("Ann", "phone", "", 0),)))
    assert store.trusted() == set()
    again = store.imported_into(tmp_path)
    assert again.trusted() == set()
    assert again.peers()["foo"].pins[0].vouches[0].expires_at == 0


def test_expiry_that_could_not_be_dumped_cannot_be_given() -> None:
    """The year 9999 is the last that a date can name, in a dump too."""
    assert parse_moment("9999-12-31T23:59:59Z", NOW) == 253402300799
    with pytest.raises(UsageError, match="after the year 9999"):
        parse_moment("999999y", NOW)


def test_empty_inventory_is_its_settings(store: Store) -> None:
    """Nothing but the settings, and that imports."""
    with store.writing():
        pass
    assert store.dump().splitlines() == [
        '{"setting": "vouches_required", "value": "1"}',
        '{"setting": "same_key_renewal", "value": "ask"}',
    ]
    store.import_(store.dump())
    assert store.journal() == []


def test_certificate_that_can_be_read_in_part_is_carried(store: Store, tmp_path: Path) -> None:
    """Kept by its bytes: the same fingerprint, and the same that could not be read."""
    made = odd.altered(strong(), validity=tlv(0x30, tlv(0x17, b"x"), tlv(0x17, b"y")))
    store.add(addition("foo", made, "foo.test"))
    again = store.imported_into(tmp_path)
    (pin,) = again.peers()["foo"].pins
    assert pin.certificate.fingerprint == made.fingerprint
    assert pin.certificate.problems
    assert pin.certificate == store.peers()["foo"].pins[0].certificate
