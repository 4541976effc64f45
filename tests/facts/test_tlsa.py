"""Tests of trustctl.facts.tlsa: what TLSA records say of a chain."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import certs
from trustctl.facts import tlsa, wire  # pytest takes testify and Testimony for tests
from trustctl.facts.der import subject_public_key_info
from trustctl.facts.text import printable
from trustctl.facts.wire import TlsaRecord
from trustctl.wire.publicca import is_authority

CA = certs.authority("Foo CA")
LEAF = certs.issue(CA, "mx.foo.test")
OTHER = certs.self_signed("mx.foo.test")
CHAIN = (LEAF.der, CA.der)


def record(usage: int, selector: int, matching: int, der: bytes) -> TlsaRecord:
    """The record of a certificate (RFC 6698, 2.1)."""
    content = subject_public_key_info(der) if selector == 1 else der
    hashed = {0: bytes, 1: lambda data: hashlib.sha256(data).digest()}
    hashed[2] = lambda data: hashlib.sha512(data).digest()
    return TlsaRecord(usage, selector, matching, hashed[matching](content))


def said(
    records: Sequence[TlsaRecord],
    chain: Sequence[bytes] = CHAIN,
    *,
    authenticated: bool = True,
    problem: str = "",
    route: bool = True,
    host: str = "mx.foo.test",
) -> wire.Testimony:
    """What is said, with the real check of who signed."""
    now = int(time.time())
    return tlsa.testify(
        records, authenticated, chain, problem=problem, route_authenticated=route,
        anchored=lambda anchor: is_authority(anchor, chain, host, now),
    )  # fmt: skip


EVERY = [(selector, matching) for selector in (0, 1) for matching in (0, 1, 2)]


@pytest.mark.parametrize(("selector", "matching"), EVERY)
def test_a_hosts_own_certificate_or_key_matches(selector: int, matching: int) -> None:
    """DANE-EE, with each selector and each matching type; another certificate's does not."""
    good = said([record(3, selector, matching, LEAF.der)])
    assert good.verdict == "supports"
    assert f"TLSA 3 {selector} {matching} matches" in good.detail
    bad = said([record(3, selector, matching, OTHER.der)])
    assert (bad.kind, bad.verdict) == ("dane", "contradicts")


def test_a_host_is_not_its_authority() -> None:
    """A DANE-EE record of the CA's key says nothing of the certificate below it."""
    assert said([record(3, 1, 1, CA.der)]).verdict == "contradicts"


def test_neither_name_nor_date_matters_to_a_key() -> None:
    """RFC 7672, 3.1.1: DNS binds the key to the host by itself."""
    old = certs.self_signed("else.test", not_before=int(time.time()) - 900 * certs.DAY, days=10)
    assert said([record(3, 1, 1, old.der)], [old.der]).verdict == "supports"


@pytest.mark.parametrize(("selector", "matching"), EVERY)
def test_an_authority_matches_where_it_signed(selector: int, matching: int) -> None:
    """DANE-TA, for the host's own name."""
    good = said([record(2, selector, matching, CA.der)])
    assert (good.verdict, good.detail) == (
        "supports", f"TLSA 2 {selector} {matching} matches, authenticated by DNSSEC",
    )  # fmt: skip


def test_an_intermediate_may_be_the_authority() -> None:
    """A trust anchor need not have signed itself (RFC 7671, 5.2)."""
    middle = certs.issue(CA, (), ca=True, subject="Middle")
    leaf = certs.issue(middle, "mx.foo.test")
    chain = (leaf.der, middle.der, CA.der)
    for anchor in (middle, CA):
        assert said([record(2, 0, 1, anchor.der)], chain).verdict == "supports"


def forged() -> dict[str, tuple[bytes, ...]]:
    """Chains with the authority's certificate, which anybody can append, that it did not sign for
    this host now."""
    twin = certs.authority("Foo CA")
    late = certs.issue(CA, "mx.foo.test", not_before=int(time.time()) - 90 * certs.DAY, days=3)
    return {
        "another's own certificate": (OTHER.der, CA.der),
        "signed by an authority of the same name": (certs.issue(twin, "mx.foo.test").der, CA.der),
        "for another host": (certs.issue(CA, "mx.bar.test").der, CA.der),
        "expired": (late.der, CA.der),
        "signed by a host": (certs.issue(LEAF, "mx.foo.test").der, LEAF.der, CA.der),
    }


@pytest.mark.parametrize("chain", forged().values(), ids=forged())
def test_an_authority_beside_a_chain_that_it_did_not_sign_proves_nothing(
    chain: tuple[bytes, ...],
) -> None:
    """Without that check a stolen certificate of the CA, which is public, would be a match."""
    records = [record(2, 0, 1, CA.der)]
    assert said(records, chain).verdict == "inconclusive"
    naive = tlsa.testify(
        records, True, chain, problem="", route_authenticated=True, anchored=lambda _anchor: True
    )
    assert naive.verdict == "supports"


def test_nobody_who_can_tell_means_inconclusive() -> None:
    """Without a check of signatures an authority is never a match."""
    found = tlsa.testify(
        [record(2, 0, 1, CA.der)], True, CHAIN, problem="", route_authenticated=True, anchored=None
    )
    assert found.verdict == "inconclusive"


def test_a_leaf_is_no_authority() -> None:
    """A DANE-TA record of the host's own certificate does not match it."""
    own = certs.self_signed("mx.foo.test", ca=True)
    assert said([record(2, 0, 1, own.der)], [own.der]).verdict == "contradicts"


def test_a_match_that_dnssec_does_not_prove_is_inconclusive() -> None:
    """Whoever sits before the host can write its DNS as well."""
    found = said([record(3, 1, 1, LEAF.der)], authenticated=False)
    assert found.verdict == "inconclusive"
    assert "not authenticated" in found.detail
    assert said([record(2, 1, 1, CA.der)], authenticated=False).verdict == "inconclusive"


def test_a_match_where_mx_is_not_proven_is_inconclusive() -> None:
    """The records are those of whichever host a forged MX names (RFC 7672, 2.2.1)."""
    found = said([record(3, 1, 1, LEAF.der)], route=False)
    assert found.verdict == "inconclusive"
    assert "MX records" in found.detail


def test_not_knowing_is_not_the_same_as_none() -> None:
    """A look-up that failed is inconclusive, whatever came of it; none at all is absent."""
    failed = said([], problem="TLSA: the resolver says SERVFAIL")
    assert failed.verdict == "inconclusive"
    assert "SERVFAIL" in failed.detail
    assert said([record(3, 1, 1, LEAF.der)], problem="half of it").verdict == "inconclusive"
    assert said([]).verdict == "absent"
    assert said([], authenticated=False).verdict == "absent"


def test_nothing_presented_is_inconclusive() -> None:
    """There is nothing to compare."""
    assert said([record(3, 1, 1, LEAF.der)], []).verdict == "inconclusive"


UNUSABLE = [
    record(0, 0, 1, CA.der), record(1, 1, 1, LEAF.der), record(255, 0, 1, LEAF.der),
    TlsaRecord(3, 2, 1, b"\0" * 32), TlsaRecord(3, 1, 3, b"\0" * 32), TlsaRecord(3, 1, 1, b""),
    TlsaRecord(3, 1, 0, b""), TlsaRecord(3, 1, 1, hashlib.sha256(b"").digest()[:31]),
    TlsaRecord(3, 1, 2, b"\0" * 32), TlsaRecord(3, 1, 255, b"\0" * 32),
]  # fmt: skip


@pytest.mark.parametrize(
    "one", UNUSABLE, ids=lambda one: f"{one.usage}-{one.selector}-{one.matching}-{len(one.data)}"
)
def test_a_record_that_is_not_for_mail_is_ignored(one: TlsaRecord) -> None:
    """PKIX usages (RFC 7672, 3.1.3), unknown numbers and wrong lengths neither match nor
    contradict; a good one beside it counts."""
    assert said([one]).verdict == "inconclusive"
    assert said([one, record(3, 1, 1, LEAF.der)]).verdict == "supports"
    assert said([one, record(3, 1, 1, OTHER.der)]).verdict == "contradicts"


def test_one_match_of_several_is_enough() -> None:
    """As in a rollover, where the next key's record stands beside the current one's."""
    both = [record(3, 1, 1, OTHER.der), record(3, 1, 1, LEAF.der)]
    assert said(both).verdict == "supports"
    assert said(both[:1]).verdict == "contradicts"


def test_what_is_asked_of_signatures_is_bounded() -> None:
    """A host may present a hundred certificates with the key that its own record names."""
    key = certs.new_key()
    above = [
        certs.issue(CA, (), ca=True, key=key, subject=f"Many {number}").der for number in range(99)
    ]
    asked: list[bytes] = []

    def anchored(anchor: bytes) -> bool:
        asked.append(anchor)
        return False

    found = tlsa.testify(
        [record(2, 1, 1, above[0])], True, [LEAF.der, *above],
        problem="", route_authenticated=True, anchored=anchored,
    )  # fmt: skip
    assert found.verdict == "inconclusive"
    assert len(asked) == len(set(asked)) == 4


@given(
    st.lists(
        st.builds(
            TlsaRecord, st.integers(0, 255), st.integers(0, 255), st.integers(0, 255),
            st.binary(max_size=70),
        ),
        max_size=40,
    ),
    st.lists(st.binary(max_size=60), max_size=4),
    st.text(max_size=400),
)  # fmt: skip
def test_nothing_raises_and_chance_supports_nothing(
    records: list[TlsaRecord], chain: list[bytes], problem: str
) -> None:
    """Any records, any bytes as a chain: one line of our own words, and support for a full match
    alone."""
    found = said(records, chain, problem=problem)
    assert printable(found.detail, 250) == found.detail
    if found.verdict == "supports":
        assert any(one.data in chain for one in records if one.matching == 0)


def test_a_record_made_by_another_program_matches(tmp_path: Path) -> None:
    """OpenSSL's digest of the key, as every guide makes a record."""
    path = tmp_path / "leaf.pem"
    path.write_bytes(LEAF.pem)
    public = certs.openssl("x509", "-in", str(path), "-noout", "-pubkey")
    der = certs.openssl("pkey", "-pubin", "-outform", "DER", stdin=public)
    digest = certs.openssl("dgst", "-sha256", "-binary", stdin=der)
    assert said([TlsaRecord(3, 1, 1, digest)]).verdict == "supports"
