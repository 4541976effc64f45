"""Tests of trustctl.wire.resolver: what DNS says of mail, and what of it DNSSEC proves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import dns.message
import dns.rdatatype
import pytest

from tests import certs
from tests.wire.liar import zone
from tests.wire.nameservers import dnsmasq, sign, unbound
from tests.wire.nameservers import zone as plain_zone
from tests.wire.routes import FOO, route, told
from trustctl.facts import tlsa  # pytest takes testify for a test
from trustctl.facts.text import printable
from trustctl.facts.wire import MailHost, MailRoute, TlsaRecord
from trustctl.wire.resolver import Resolver

LEAF = certs.self_signed("mx.signed.test")
HEX = LEAF.spki
RECORD = TlsaRecord(3, 1, 1, bytes.fromhex(HEX))
TLSA = f"3 1 1 {HEX}"


@pytest.fixture(scope="module")
def ordinary() -> Iterator[str]:
    """dnsmasq with what domains of all kinds have."""
    with dnsmasq(
        "--mx-host=foo.test,mx2.foo.test,20", "--mx-host=foo.test,mx1.foo.test,10",
        "--mx-host=foo.test,mx0.foo.test,20",
        "--host-record=mx1.foo.test,192.0.2.1,2001:db8::1", "--host-record=mx1.foo.test,192.0.2.9",
        "--host-record=mx2.foo.test,192.0.2.2",
        f"--dns-rr=_25._tcp.mx1.foo.test,52,030101{HEX}",
        "--dns-rr=_465._tcp.mx1.foo.test,52,030001" + "cd" * 32,
        "--host-record=alone.test,192.0.2.3", "--mx-host=null.test,.,0",
        "--txt-record=empty.test,nothing", "--cname=alias.test,mx2.foo.test",
    ) as address:  # fmt: skip
        yield address


SIGNED = f"""@ MX 10 mx
@ MX 20 alias
mx A 192.0.2.1
_25._tcp.mx TLSA {TLSA}
alias CNAME mx
without A 192.0.2.4
away CNAME mx.plain.test.
_25._tcp.away TLSA {TLSA}
own CNAME without
_25._tcp.own TLSA {TLSA}
_25._tcp.shared TLSA {TLSA}
pointing A 192.0.2.5
_25._tcp.pointing CNAME _25._tcp.shared
outward A 192.0.2.6
_25._tcp.outward CNAME _25._tcp.mx.plain.test."""


@pytest.fixture(scope="module")
def validating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """unbound, with zones that are signed, spoilt after that, and not signed."""
    folder = tmp_path_factory.mktemp("unbound")
    few = f"@ MX 10 mx\nmx A 192.0.2.1\n_25._tcp.mx TLSA {TLSA}"
    signed, key = sign(folder, "signed.test", SIGNED)
    half, half_key = sign(folder, "half.test", few)
    half.write_text(half.read_text().replace("\tTLSA\t3 ", "\tTLSA\t2 "))
    bogus, bogus_key = sign(folder, "bogus.test", few)
    bogus.write_text(bogus.read_text().replace("\tMX\t10 mx", "\tMX\t10 evil"))
    zones = {"signed.test": signed, "half.test": half, "bogus.test": bogus}
    zones["plain.test"] = plain_zone(folder, "plain.test", few)
    with unbound(folder, zones, [key, half_key, bogus_key]) as address:
        yield address


def test_mail_goes_where_mx_says(ordinary: str) -> None:
    """The hosts by preference, then name, each with all its addresses and the TLSA records of its
    port."""
    found = route(ordinary, "foo.test")
    assert [(one.name, one.preference) for one in found.hosts] == [
        ("mx1.foo.test", 10), ("mx0.foo.test", 20), ("mx2.foo.test", 20),
    ]  # fmt: skip
    first, absent, second = found.hosts
    assert set(first.addresses) == {"192.0.2.1", "192.0.2.9", "2001:db8::1"}
    assert first.tlsa == (RECORD,)
    assert (second.addresses, second.tlsa, second.problem) == (("192.0.2.2",), (), "")
    assert absent.addresses == ()
    assert "no such name" in absent.problem
    assert (found.implicit, found.problem, found.left_out) == (False, "", "")
    other = asyncio.run(Resolver(ordinary).route("foo.test", 465)).hosts[0]
    assert other.tlsa == (TlsaRecord(3, 0, 1, b"\xcd" * 32),)


def test_without_mx_a_domain_is_its_own_host(ordinary: str) -> None:
    """RFC 5321, 5.1."""
    found = route(ordinary, "alone.test")
    assert found == MailRoute(
        "alone.test", (MailHost("alone.test", 0, ("192.0.2.3",)),), implicit=True
    )
    assert route(ordinary, "alias.test").hosts[0].addresses == ("192.0.2.2",)


@pytest.mark.parametrize(
    ("domain", "why"), [("null.test", "takes no mail"), ("nowhere.test", "no such domain")]
)
def test_no_host_has_a_reason(ordinary: str, domain: str, why: str) -> None:
    """A null MX (RFC 7505) and a domain that is not there have no hosts, and say why."""
    found = route(ordinary, domain)
    assert found.hosts == ()
    assert why in found.problem


def test_a_name_without_address_has_a_reason(ordinary: str) -> None:
    """It has TXT records and no more."""
    (only,) = route(ordinary, "empty.test").hosts
    assert (only.addresses, only.problem) == ((), "it has no address")


def test_one_host_is_looked_up_without_mx(ordinary: str) -> None:
    """A host that somebody names is that host, whatever MX records its name has; an address is
    asked of nobody."""

    async def ask() -> tuple[MailHost, MailHost]:
        resolver = Resolver(ordinary)
        return await resolver.host("mx1.foo.test", 25), await resolver.host("192.0.2.7", 25)

    named, literal = asyncio.run(ask())
    assert named.tlsa == (RECORD,)
    assert literal == MailHost("192.0.2.7", 0, ("192.0.2.7",))


def test_what_dnssec_proves_is_authenticated(validating: str) -> None:
    """A validating resolver's word counts for MX and TLSA, and for there being none."""
    found = route(validating, "signed.test")
    assert found.authenticated
    assert found.hosts[0].tlsa == (RECORD,)
    assert found.hosts[0].tlsa_authenticated
    alone = route(validating, "without.signed.test")
    assert (alone.implicit, alone.authenticated) == (True, True)
    assert (alone.hosts[0].tlsa, alone.hosts[0].tlsa_authenticated) == ((), True)
    gone = route(validating, "gone.signed.test")
    assert (gone.hosts, gone.authenticated) == ((), True)


def test_what_is_not_signed_is_not_authenticated(validating: str) -> None:
    """The same records of an unsigned zone, of the same resolver."""
    found = route(validating, "plain.test")
    assert not found.authenticated
    assert found.hosts[0].tlsa == (RECORD,)
    assert not found.hosts[0].tlsa_authenticated


def test_a_zone_that_fails_dnssec_gives_no_host(validating: str) -> None:
    """The MX record was changed after it was signed: the domain's own address is not tried."""
    found = route(validating, "bogus.test")
    assert (found.hosts, found.authenticated, found.implicit) == ((), False, False)
    assert "SERVFAIL" in found.problem


def test_tlsa_records_that_fail_dnssec_are_not_absent(validating: str) -> None:
    """The host is there, and it is told that nobody knows of its TLSA records."""
    (host,) = route(validating, "half.test").hosts
    assert host.addresses == ("192.0.2.1",)
    assert (host.tlsa, host.tlsa_authenticated) == ((), False)
    assert "SERVFAIL" in host.tlsa_problem


@pytest.mark.parametrize(
    ("name", "records", "proven"),
    [
        ("alias.signed.test", 1, True),  # those of the name that it stands for
        ("own.signed.test", 1, True),  # its own, where that one has none
        ("away.signed.test", 1, True),  # the alias leads out of what is signed: its own
        ("pointing.signed.test", 1, True),  # the records' own name is an alias
        ("outward.signed.test", 1, False),  # an alias out of what is signed
    ],
)
def test_tlsa_records_are_found_through_aliases(
    validating: str, name: str, records: int, proven: bool
) -> None:
    """RFC 7672, 2.2.3; authenticated where each alias on the way is."""
    host = asyncio.run(Resolver(validating).host(name, 25))
    assert (len(host.tlsa), host.tlsa_authenticated, host.tlsa_problem) == (records, proven, "")


@pytest.mark.parametrize(
    ("domain", "chain", "verdict"),
    [
        ("signed.test", LEAF.der, "supports"),
        ("signed.test", certs.self_signed("mx.signed.test").der, "contradicts"),
        ("plain.test", LEAF.der, "inconclusive"),  # it matches, and nobody proves it
        ("half.test", LEAF.der, "inconclusive"),  # it fails DNSSEC: not absent
        ("without.signed.test", LEAF.der, "absent"),
    ],
)
def test_what_tlsa_records_say_in_the_end(
    validating: str, domain: str, chain: bytes, verdict: str
) -> None:
    """From signed, unsigned and spoilt zones to the testimony."""
    found = route(validating, domain)
    host = found.hosts[0]
    said = tlsa.testify(
        host.tlsa, host.tlsa_authenticated, [chain],
        problem=host.tlsa_problem, route_authenticated=found.authenticated, anchored=None,
    )  # fmt: skip
    assert said.verdict == verdict


def test_what_one_host_has_is_bounded() -> None:
    """Sixteen addresses and thirty-two TLSA records of five hundred each."""
    many = [f"192.0.{number // 250}.{number % 250 + 1}" for number in range(500)]
    records = [f"3 1 1 {number:064x}" for number in range(500)]
    (host,) = told(zone({**FOO, "mx.foo.test A": many, "_25._tcp.mx.foo.test TLSA": records})).hosts
    assert (len(host.addresses), len(host.tlsa)) == (16, 32)


HOSTILE = [
    r"\027[2J.foo.test.", r"a\010b.foo.test.", r"\000.foo.test.", "under_score.foo.test.",
    "${run{/bin/touch}}.foo.test.", r"\255\254.foo.test.", "192.0.2.1.", "localhost.",
    "*.foo.test.", r"a\.b.foo.test.", "-foo.test.", r"x\032y.test.", r"\226\128\174.test.",
    "xn--\\255.test.", ".",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTILE)
def test_an_mx_record_that_names_no_host_is_left_out(host: str) -> None:
    """Whatever the name would mean to a terminal or to Exim; an address is no name (RFC 5321, 5.1).
    The host beside it is found."""
    found = told(zone({**FOO, "foo.test MX": [f"5 {host}", "10 mx.foo.test."]}))
    assert [one.name for one in found.hosts] == ["mx.foo.test"]
    assert found.left_out.startswith("1 that are no host names (")
    assert printable(found.left_out) == found.left_out
    if host != ".":
        alone = told(zone({"foo.test MX": [f"5 {host}"]}))
        assert alone.hosts == ()
        assert not alone.implicit
        assert printable(alone.problem, 300) == alone.problem


def test_long_names_are_cut() -> None:
    """Hundreds of names that are no hosts make one short line."""
    bad = [f"10 {'_' * 60}{number}.{'x' * 60}.{'y' * 60}.test." for number in range(300)]
    found = told(zone({"foo.test MX": bad}))
    assert found.hosts == ()
    assert len(found.problem) < 300


def test_a_failure_of_one_kind_of_address_is_told() -> None:
    """The addresses of the other kind are used."""
    good = zone(FOO)

    def reply(query: dns.message.Message) -> dns.message.Message | bytes | None:
        if query.question[0].rdtype == dns.rdatatype.AAAA:
            return zone(FOO, rcode=2)(query)
        return good(query)

    (host,) = told(reply).hosts
    assert host.addresses == ("192.0.2.1",)
    assert "AAAA: the resolver says SERVFAIL" in host.problem


def test_names_that_are_too_long_have_no_tlsa_records() -> None:
    """The records' own name would have more than 255 octets: that is told, not raised."""
    long = ".".join(["a" * 60] * 4) + ".test"
    (host,) = told(zone({f"{long} A": ["192.0.2.1"]}), long).hosts
    assert host.addresses == ("192.0.2.1",)
    assert host.tlsa_problem == "TLSA: the name is too long"


def test_a_resolver_on_this_machine_that_proves_nothing_is_believed_too(ordinary: str) -> None:
    """It is the AD bit that counts: dnsmasq by itself sets none."""
    assert not route(ordinary, "foo.test", trusted=True).hosts[0].tlsa_authenticated
