"""Tests of trustctl.policy.rules_ca: where each rule begins and ends to the second."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trustctl.facts.audit import AuditFacts
from trustctl.facts.finding import Finding
from trustctl.facts.issuance import Authority, Issuance
from trustctl.facts.records import Settings
from trustctl.facts.revocation import CaFacts, SignedStatus
from trustctl.policy.audit import audit

DAY = 86400
NOW = 1_800_000_000
SPKI = "ab" * 32


def found(ca: CaFacts, rule: str = "") -> list[Finding]:
    """What an audit finds, of one rule."""
    return [one for one in audit(AuditFacts(NOW, Settings(), (), ca=ca)) if one.rule == rule]


def status(left: int, life: int) -> CaFacts:
    """A list with so many seconds left of its life."""
    one = SignedStatus("CRL", "main/issuing-1", NOW + left - life, NOW + left, "trustctl ca crl")
    return CaFacts(statuses=(one,))


def authority(left: int, number: int = 1, retired: int | None = None) -> Authority:
    """An issuing CA that ends in so many seconds."""
    return Authority(
        number, "main", "issuing", number, "file:x", "cd" * 32, SPKI, b"", "CN=x", NOW - DAY,
        NOW + left, None, NOW - DAY, retired,
    )  # fmt: skip


def host(left: int, subject: str = "mx.foo.test", fingerprint: str | None = "ef" * 32) -> Issuance:
    """A host's certificate that ends in so many seconds."""
    return Issuance(
        1, SPKI, "1f", "12" * 32, "mta", subject, (subject,), "34" * 32, NOW - DAY, NOW + left,
        NOW - DAY, "ann", fingerprint,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("left", "life", "says"),
    [
        (10 * DAY + 1, 30 * DAY, ""),
        (10 * DAY, 30 * DAY, "revocation-ends-soon"),
        (3 * DAY + 1, 30 * DAY, "revocation-ends-soon"),
        (3 * DAY, 30 * DAY, "revocation-ends"),
        (-1, 30 * DAY, "revocation-ends"),
        (2 * DAY + 1, 6 * DAY, ""),
        (2 * DAY, 6 * DAY, "revocation-ends-soon"),
        (DAY, 6 * DAY, "revocation-ends"),
    ],
)
def test_a_list_is_told_of_in_time(left: int, life: int, says: str) -> None:
    """From a third of its life on; three days before its end, or a sixth of a short life, as an
    error."""
    for rule in ("revocation-ends-soon", "revocation-ends"):
        assert bool(found(status(left, life), rule)) is (rule == says)


def test_an_authority_is_told_of_one_leaf_lifetime_before() -> None:
    """Unless it is retired, or a later one has taken over."""
    facts = CaFacts(authorities=(authority(365 * DAY),), leaf_days=365)
    assert found(facts, "ca-expires")[0].fix == "trustctl ca rollover issuing --ca main"
    assert not found(replace(facts, authorities=(authority(365 * DAY + 1),)), "ca-expires")
    for others in (
        (authority(365 * DAY, retired=NOW),),
        (authority(365 * DAY), authority(900 * DAY, 2)),
    ):
        assert not found(replace(facts, authorities=others), "ca-expires")
    for left in (30 * DAY, -DAY):
        assert found(replace(facts, authorities=(authority(left),)), "ca-expires-in-30-days")


@pytest.mark.parametrize(
    ("left", "says"),
    [
        (30 * DAY + 1, ""),
        (30 * DAY, "host-expires-in-30-days"),
        (7 * DAY, "host-expires-in-7-days"),
        (-29 * DAY, "host-expires-in-7-days"),
        (-31 * DAY, ""),
    ],
)
def test_a_host_is_told_of_until_it_is_renewed(left: int, says: str) -> None:
    """Each host once, by its newest certificate; a host that is long gone is not told of."""
    for more, rule in (((), says), ((("main", host(90 * DAY)),), "")):
        facts = CaFacts(hosts=(("main", host(left)), *more))
        for one in ("host-expires-in-30-days", "host-expires-in-7-days"):
            assert len(found(facts, one)) == (one == rule)


def test_what_was_never_signed_and_never_listed_is_told() -> None:
    """By authority, with the hosts' names and how many."""
    facts = CaFacts(
        authorities=(authority(900 * DAY),),
        unlisted=(("main/issuing-1", 2),),
        unfinished=tuple(host(DAY, f"mx{one}.foo.test", None) for one in range(7)),
    )
    told = found(facts, "issuance-unfinished")
    assert len(told) == 1
    assert told[0].subject == "main/issuing-1"
    assert told[0].what.endswith("mx4.foo.test and 2 more")
    told = found(facts, "revocation-unlisted")
    assert told[0].fix == "trustctl ca crl --of issuing-1 --ca main"
