"""What the CA signs, in the inventory: committed first, completed once, found by anything."""

from __future__ import annotations

import hashlib

import pytest

from tests import certs
from tests.certs import Made
from tests.inventory.store import LONG, NOW, Store, evidence
from trustctl.ca.draft import draft, new_serial
from trustctl.ca.finish import finish
from trustctl.ca.kinds import generate, spki_of
from trustctl.ca.profile import load
from trustctl.ca.signer import KeySigner
from trustctl.errors import ConflictError
from trustctl.facts.issuance import Draft, Issuance, Template
from trustctl.inventory import authorities, crls, issuances, revocations
from trustctl.inventory.crls import StoredCrl


@pytest.fixture(scope="module")
def root() -> Made:
    """Our root."""
    return certs.authority("Our root", days=LONG, not_before=NOW - certs.DAY)


def _draft(root: Made, host: str, *, days: int = 90) -> Draft:
    template = Template(
        load("mta"), host, (host,), spki_of(generate("ecdsa-p256").public_key()), new_serial(),
        NOW - certs.DAY, NOW + days * certs.DAY,
    )  # fmt: skip
    return draft(template, root.certificate, "ecdsa-p256")


def _sign(store: Store, root: Made, *hosts: str, days: int = 90) -> list[Issuance]:
    """Sign for hosts as the commands do; what is known of them."""
    signer = KeySigner(root.key)  # type: ignore[arg-type]
    drafts = [_draft(root, host, days=days) for host in hosts]
    with store.writing() as tx:
        ids = issuances.reserve(tx, root.spki, drafts)
    made = [evidence(finish(one, signer)) for one in drafts]
    with store.writing() as tx:
        issuances.complete(tx, zip(ids, made, strict=True))
    return store.ask(lambda c: issuances.read_ids(c, ids))


@pytest.fixture
def ours(store: Store, root: Made) -> Store:
    """An inventory with a root."""
    store.change(lambda tx: authorities.add(tx, "main", "root", "file:x.key", evidence(root), None))
    return store


def test_committed_before_it_is_signed(ours: Store, root: Made) -> None:
    """After a kill between: the serial number and the TBS hash are known, and no certificate."""
    wanted = _draft(root, "mx.our.test")
    ours.change(lambda tx: issuances.reserve(tx, root.spki, [wanted]))
    assert ours.ask(issuances.search) == []
    (one,) = ours.ask(lambda c: issuances.search(c, unfinished=True))
    assert (one.fingerprint, one.tbs_sha256) == (None, wanted.tbs_sha256)
    assert one.tbs_sha256 == hashlib.sha256(wanted.tbs).hexdigest()
    assert ours.verify() == []
    with pytest.raises(ConflictError):
        ours.ask(lambda c: issuances.find(c, one.serial))


def test_a_serial_number_is_used_once(ours: Store, root: Made) -> None:
    """Neither it nor a TBS is committed to twice, and nothing of the second stays."""
    wanted = _draft(root, "mx.our.test")
    ours.change(lambda tx: issuances.reserve(tx, root.spki, [wanted]))
    before = ours.dump(), ours.journal()
    with pytest.raises(Exception, match=r"there already|UNIQUE"), ours.writing() as tx:
        issuances.reserve(tx, root.spki, [wanted])
    assert (ours.dump(), ours.journal()) == before


def test_what_people_look_for(ours: Store, root: Made) -> None:
    """By time, host, issuer, state; a wildcard of SQL is a character like any other."""
    _sign(ours, root, "mx1.our.test", "mx2.our.test")
    (short,) = _sign(ours, root, "short.our.test", days=5)
    ours.change(lambda tx: issuances.revoke(tx, short, "superseded"))

    def hosts(**filters: object) -> list[str]:
        found = ours.ask(lambda c: issuances.search(c, **filters))  # type: ignore[arg-type]
        return [one.subject for one in found]

    assert hosts() == ["mx1.our.test", "mx2.our.test", "short.our.test"]
    assert hosts(until=NOW + 30 * certs.DAY) == ["short.our.test"]
    assert hosts(after=NOW + 30 * certs.DAY) == ["mx1.our.test", "mx2.our.test"]
    assert hosts(host="MX2") == ["mx2.our.test"]
    assert hosts(host="mx_") == hosts(host="%") == []
    assert hosts(revoked=True) == ["short.our.test"]
    assert hosts(issuers=["ab" * 32]) == []
    assert ours.ask(lambda c: issuances.of_subjects(c, ["mx1.our.test"]))[0].subject == (
        "mx1.our.test"
    )


def test_a_revocation_is_for_good(ours: Store, root: Made) -> None:
    """Once, with its reason; with a compromise the key is lost, otherwise it is not."""
    one, two = _sign(ours, root, "mx1.our.test", "mx2.our.test")
    ours.change(lambda tx: issuances.revoke(tx, one, "superseded"))
    ours.change(lambda tx: issuances.revoke(tx, two, "key-compromise"))
    again = ours.ask(lambda c: issuances.read_ids(c, [one.id]))[0]
    assert again.revoked_reason == "superseded"
    with pytest.raises(ConflictError, match="revoked already"), ours.writing() as tx:
        issuances.revoke(tx, again, "unspecified")
    assert set(ours.ask(revocations.lost_keys)) == {two.spki}
    assert [one.serial for one in ours.ask(lambda c: crls.revoked(c, root.spki))] == [
        int(each.serial, 16) for each in (one, two)
    ]
    assert ours.verify() == []


def test_numbers_of_lists_only_grow(ours: Store, root: Made) -> None:
    """For each issuer by itself; a number is never used twice, and the newest is found."""
    for number in (1, 2, 5):
        made = StoredCrl(
            root.spki, number, 2 if number == 5 else None, NOW, NOW + 9, b"%d" % number
        )
        ours.change(lambda tx, made=made: crls.add(tx, made))  # type: ignore[misc]
    assert ours.ask(lambda c: crls.next_number(c, root.spki)) == 6
    assert ours.ask(lambda c: crls.next_number(c, "ab" * 32)) == 1
    newest = ours.ask(lambda c: crls.newest(c, root.spki))
    delta = ours.ask(lambda c: crls.newest(c, root.spki, delta=True))
    assert newest is not None
    assert delta is not None
    assert (newest.number, delta.number, delta.base) == (2, 5, 2)
    with pytest.raises(Exception, match=r"there already"), ours.writing() as tx:
        crls.add(tx, StoredCrl(root.spki, 5, None, NOW, NOW + 9, b"other"))
    assert ours.verify() == []
