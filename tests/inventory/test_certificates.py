"""Tests of trustctl.inventory.certificates: the row of a certificate, and its digest."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from tests.certs import Made
from tests.inventory.store import evidence
from trustctl.facts.addition import Evidence
from trustctl.facts.certificate import CertificateFacts
from trustctl.inventory.certificates import Digests, certificate_row, facts_digest

CHANGES: tuple[dict[str, object], ...] = (
    {}, {"subject": "CN=x%s"}, {"subject": None}, {"issuer": 'CN="100 %"'}, {"issuer": None},
    {"serial": None}, {"names": ()}, {"names": ("a.test", "b%d.test")}, {"not_before": None},
    {"not_before": 1}, {"not_after": 1}, {"is_ca": None}, {"is_ca": False}, {"is_ca": True},
    {"self_signed": True}, {"key_kind": None}, {"key_bits": 1}, {"curve": "x"}, {"spki": None},
    {"signature_hash": "md5"}, {"version": 1}, {"problems": ("a", "b")}, {"subject": "\ud800"},
)  # fmt: skip


@pytest.fixture
def facts(foo: Made) -> CertificateFacts:
    """What is known of some certificate."""
    return evidence(foo.der).facts


def test_digests_of_many_rows_are_those_of_each(facts: CertificateFacts) -> None:
    """In whatever order they come, and whatever they have in common with those before."""
    digests, seen = Digests(), set()
    for first, second in product(CHANGES, repeat=2):
        row = certificate_row(Evidence(replace(facts, **first | second), b"x"))  # type: ignore[arg-type]
        found = digests.digest(row)
        assert found == facts_digest(row)
        seen.add(found)
    assert len(seen) > len(CHANGES)
