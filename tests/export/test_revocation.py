"""Tests of trustctl.export.revocation, and of the map entries that name its files."""

from __future__ import annotations

import pytest

from tests import certs
from tests.trusts import trust, trusted
from trustctl.errors import DatabaseError
from trustctl.export import bundle, exim
from trustctl.export.revocation import compile_revocation
from trustctl.facts.pem import pem
from trustctl.facts.records import TrustedCertificate


def of(ca: str | None, name: str) -> TrustedCertificate:
    """An authority of the CA of ours with this name."""
    one = trusted(certs.authority(name), "authority", may_sign=True)
    return TrustedCertificate(one.fingerprint, one.role, one.der, one.not_after, True, (), ca)


def value(*certificates: TrustedCertificate, **revoked: list[str]) -> str:
    """The map's value for a domain."""
    return exim.compile_peer(trust("foo", *certificates), (), revoked).entries[0][1]


def test_a_list_is_whole_or_not_there() -> None:
    """Of one CA, and of all together where there are several."""
    found = compile_revocation({"main": [b"1", b"2"]}, {})
    assert found == {"crl/main.pem": pem(b"1", "X509 CRL") + pem(b"2", "X509 CRL")}
    found = compile_revocation({"main": [b"1"], "next": [b"2"]}, {})
    assert found["crl/_all.pem"] == found["crl/main.pem"] + found["crl/next.pem"]
    assert list(compile_revocation({"main": [b"1"], "next": None}, {})) == ["crl/main.pem"]
    assert compile_revocation({"main": None}, {}) == {}


def test_a_name_that_no_file_can_have_is_left_out() -> None:
    """One such host does not take the export down."""
    long = ".".join(["a" * 60] * 4) + ".foo.test"
    found = compile_revocation({}, {"main": {"mx.foo.test": b"1", long: b"2", long[:250]: b"3"}})
    assert sorted(found) == [f"ocsp/main/{long[:250]}.ocsp", "ocsp/main/mx.foo.test.ocsp"]


def test_an_entry_names_the_list_of_its_authority() -> None:
    """Of all CAs where it has several of ours; none where the authority is the peer's own, or the
    certificate is a host's."""
    assert "crl=" not in value(of(None, "Foo CA"))
    assert " authority=yes names=on crl=main.pem via=" in value(of("main", "Our CA"))
    assert " crl=main.pem" in value(of("main", "Our CA"), of(None, "Foo CA"))
    assert " crl=_all.pem" in value(of("main", "Our CA"), of("next", "Our next CA"))
    assert "crl=" not in value(trusted(certs.self_signed()))


def test_an_entry_names_what_its_authority_revoked_last() -> None:
    """And nothing of another's."""
    theirs, ours = "ab" * 32, "cd" * 32
    text = value(of("main", "Our CA"), main=[ours], next=[theirs])
    assert text.endswith(f" deny={ours.upper()}")
    assert "deny=" not in value(of(None, "Foo CA"), main=[ours])


@pytest.mark.parametrize("name", ["../x", "a b", "${run{id}}", "", "_all"])
def test_a_strange_name_in_the_database_ends_the_export(name: str) -> None:
    """It would be a path, or read by Exim."""
    with pytest.raises(DatabaseError):
        bundle.refuse_strange(trust("foo", of(name, "Our CA")))
