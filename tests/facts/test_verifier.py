"""What verifiers hold against a certificate: read leniently, and what is unreadable speaks against
it. That Exim agrees is tests/lab/test_wire_agrees.py."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from cryptography import x509

from tests import certs
from tests.certs import Made
from tests.odd import altered, extension
from trustctl.facts.verifier import host_names, permits, states_ca

GARBAGE = (b"", b"\x30", b"garbage", certs.self_signed().der[:-9])


def constrained(
    permitted: list[x509.GeneralName] | None, excluded: list[x509.GeneralName] | None = None
) -> bytes:
    """An authority with these name constraints."""
    value = x509.NameConstraints(permitted, excluded).public_bytes()
    made = certs.authority("Foo CA")
    return altered(made, extensions=[extension("2.5.29.30", value, critical=True)]).der


DNS, ADDRESS = x509.DNSName, x509.IPAddress


def test_only_what_says_so_is_an_intermediate() -> None:
    """Not without the extension, and not where it cannot be read."""
    assert states_ca(certs.authority().der)
    assert not states_ca(certs.self_signed(ca=False).der)
    assert not states_ca(certs.self_signed(ca=None).der)
    assert not any(states_ca(one) for one in GARBAGE)
    broken = altered(certs.authority(), extensions=[extension("2.5.29.19", b"\x05\x01")])
    assert not states_ca(broken.der)


@pytest.mark.parametrize(
    ("permitted", "excluded", "name", "allowed"),
    [
        ([DNS("foo.test")], None, "mx.foo.test", True),
        ([DNS("foo.test")], None, "foo.test", True),
        ([DNS("foo.test")], None, "MX.Foo.Test.", True),
        ([DNS("Foo.Test")], None, "mx.foo.test", True),
        ([DNS("foo.test")], None, "*.foo.test", True),
        ([DNS(".foo.test")], None, "mx.foo.test", True),
        ([DNS("foo.test")], None, "mx.xfoo.test", False),
        ([DNS("foo.test")], None, "test", False),
        ([DNS("foo.test")], None, "mx.bar.test", False),
        ([DNS("foo.test"), DNS("bar.test")], None, "mx.bar.test", True),
        (None, [DNS("bar.test")], "mx.foo.test", True),
        (None, [DNS("bar.test")], "mx.bar.test", False),
        ([DNS("foo.test")], [DNS("mx.foo.test")], "mx.foo.test", False),
        (None, [DNS("")], "mx.foo.test", False),
        ([DNS("")], None, "mx.foo.test", True),
        ([DNS("foo.test")], None, "192.0.2.1", True),
        ([ADDRESS(ip_network("192.0.2.0/24"))], None, "mx.foo.test", True),
        ([ADDRESS(ip_network("192.0.2.0/24"))], None, "192.0.2.1", False),
        (None, [ADDRESS(ip_network("::/0"))], "2001:db8::1", False),
        ([x509.RFC822Name("foo.test")], None, "mx.bar.test", True),
    ],
)
def test_name_constraints(
    permitted: list[x509.GeneralName] | None,
    excluded: list[x509.GeneralName] | None,
    name: str,
    allowed: bool,
) -> None:
    """The name and what is below it; what is excluded is excluded wherever it is permitted."""
    der = constrained(permitted, excluded)
    assert permits(der, [name]) is allowed
    assert permits(der, []) is True
    assert permits(certs.authority().der, [name])


def test_each_name_has_to_be_permitted() -> None:
    """One that is not is enough; where the constraints cannot be read, none is."""
    der = constrained([DNS("foo.test")])
    assert permits(der, ["mx.foo.test", "foo.test"])
    assert not permits(der, ["mx.foo.test", "mx.bar.test"])
    broken = altered(certs.authority(), extensions=[extension("2.5.29.30", b"\x05\x01")])
    assert not any(permits(one, ["mx.foo.test"]) for one in (broken.der, *GARBAGE))


@pytest.mark.parametrize(
    ("made", "names"),
    [
        (certs.self_signed(("a.test", "b.test")), ("a.test", "b.test")),
        (certs.self_signed("a.test", subject="mx.foo.test"), ("a.test",)),
        (certs.self_signed((), subject="mx.foo.test"), ("mx.foo.test",)),
        (certs.self_signed("192.0.2.1", subject="mx.foo.test"), ("192.0.2.1", "mx.foo.test")),
        (certs.self_signed(("a.test", "192.0.2.1"), subject="x.test"), ("a.test", "192.0.2.1")),
    ],
)
def test_a_common_name_counts_where_there_is_no_other(made: Made, names: tuple[str, ...]) -> None:
    """An alternative name that is an address is no other."""
    common = made.certificate.subject.rfc4514_string().removeprefix("CN=")
    given = tuple(dict.fromkeys((*names, common)))
    assert host_names(made.der, given) == names


def test_names_that_cannot_be_read_are_none() -> None:
    """Whatever the facts say."""
    assert all(host_names(one, ("mx.foo.test",)) == () for one in GARBAGE)


def test_a_certificate_of_version_1_has_no_extensions() -> None:
    """It holds nobody to names, and says nothing: an anchor, never an intermediate."""
    old = altered(certs.authority(), version=b"", extensions=())
    assert permits(old.der, ["mx.foo.test", "192.0.2.1"])
    assert not states_ca(old.der)
    assert host_names(old.der, ("mx.foo.test",)) == ("mx.foo.test",)
