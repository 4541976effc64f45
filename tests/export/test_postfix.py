"""What is written for Postfix: a policy for each protected domain, no text of anybody's."""

from __future__ import annotations

import hashlib
import re

import pytest

from tests import certs
from tests.certs import Made
from trustctl.errors import DatabaseError
from trustctl.export.bundle import refuse_strange
from trustctl.export.format import Options, bounded
from trustctl.export.postfix import CLOSED, FORMAT, NOBODY, entries, files, policy
from trustctl.facts.fingerprint import colons
from trustctl.facts.records import PeerTrust, Role, TrustedCertificate

OPTIONS = Options("/etc/postfix/trustctl")
_VALUE = re.compile(
    r"fingerprint match=(?:[0-9A-F]{2}:){31}[0-9A-F]{2}(?:\|(?:[0-9A-F]{2}:){31}[0-9A-F]{2})*|"
    r"secure match=[a-z0-9.:-]+ tafile=/etc/postfix/trustctl/current/ta/[0-9a-f]{64}\.pem"
)


def trusted(
    made: Made, role: Role = "host", *, may_sign: bool = False, crl: str | None = None
) -> TrustedCertificate:
    """A certificate as policy hands it on."""
    return TrustedCertificate(made.fingerprint, role, made.der, 2_000_000_000, may_sign, (), crl)


def peer(*certificates: TrustedCertificate, mx_hosts: tuple[str, ...] = ()) -> PeerTrust:
    """A peer with two domains."""
    return PeerTrust("foo", ("foo.test", "foo.example"), certificates, mx_hosts)


@pytest.fixture(scope="module")
def host() -> Made:
    """A host's own certificate."""
    return certs.self_signed("mx.foo.test", ca=False)


@pytest.fixture(scope="module")
def authority() -> Made:
    """A peer's CA."""
    return certs.authority("Foo CA")


def test_a_domain_is_held_to_exactly_its_pins(host: Made) -> None:
    """Each domain of the peer has each pin, in order: a rollover has two."""
    other = certs.self_signed("mx.foo.test")
    made = files([peer(trusted(host), trusted(other))], OPTIONS)
    pins = "|".join(sorted(colons(one.fingerprint) for one in (host, other)))
    assert made["tls_policy"].decode().splitlines() == [
        f"foo.example fingerprint match={pins}",
        f"foo.test fingerprint match={pins}",
    ]
    assert sorted(made) == ["tls_policy", "tls_spellings"]


def test_a_domain_without_a_pin_is_held_to_nobody() -> None:
    """Its policy asks for the digest of nothing, which no certificate has."""
    assert hashlib.sha256(b"").hexdigest() == NOBODY
    assert set(entries([peer()], "/ta").values()) == {CLOSED}


def test_an_authority_is_an_anchor_for_names_that_dns_does_not_give(
    host: Made, authority: Made
) -> None:
    """The names are the domain's own, or the hosts that people expect; a host's certificate is
    taken too where it cannot sign."""
    value, content = policy(peer(trusted(authority, "authority")), "/ta")
    assert content == authority.pem.strip() + b"\n" or content == authority.pem
    assert value.startswith("secure match=nexthop:dot-nexthop tafile=/ta/")
    hosts = ("mx1.foo.test", "mx2.foo.test")
    value, content = policy(peer(trusted(authority, "authority"), mx_hosts=hosts), "/ta")
    assert value.startswith("secure match=mx1.foo.test:mx2.foo.test tafile=/ta/")
    signs = certs.self_signed("mx.foo.test", ca=True)
    _value, content = policy(
        peer(trusted(authority, "authority"), trusted(host), trusted(signs, may_sign=True)), "/ta"
    )
    assert content is not None
    assert content.count(b"BEGIN CERTIFICATE") == 2


def test_our_own_authority_is_left_out_and_said_to_be(host: Made, authority: Made) -> None:
    """Postfix reads no revocation list: with nobody else trusted the mail waits, and never goes to
    what our CA has revoked."""
    ours = trusted(authority, "authority", crl="us")
    assert policy(peer(ours), "/ta") == (CLOSED, None)
    value, content = policy(peer(ours, trusted(host)), "/ta")
    assert (value, content) == (f"fingerprint match={colons(host.fingerprint)}", None)
    left, told = bounded(peer(ours, trusted(host)), FORMAT)
    assert left == peer(trusted(host))
    assert [one.partition(":")[0] for one in told] == ["foo"]


def test_a_domain_is_written_in_each_spelling() -> None:
    """Postfix looks up what was written: an internationalised domain has its A-label and its
    U-label."""
    found = entries([PeerTrust("b", ("xn--bcher-kva.test",))], "/ta")
    assert sorted(found) == ["bücher.test", "xn--bcher-kva.test"]


def test_every_value_is_of_fixed_words_and_hex(host: Made, authority: Made) -> None:
    """Nothing else gets into a line, and no line is two."""
    trusts = [
        peer(trusted(host)),
        PeerTrust("bar", ("bar.test",), (trusted(authority, "authority"),), ("mx.bar.test",)),
        PeerTrust("odd", ("odd.test",)),
    ]
    for line in files(trusts, OPTIONS)["tls_policy"].decode().splitlines():
        domain, _space, value = line.partition(" ")
        assert re.fullmatch(r"[a-z0-9.-]+", domain)
        assert _VALUE.fullmatch(value), value


@pytest.mark.parametrize("bad", ["a b", "x\nfoo.test", "$(id)", "a:b", "{x}", "", "foo.test\x00"])
def test_a_name_of_other_letters_is_refused(bad: str) -> None:
    """Somebody who wrote into the database's file gets no line of his own into the table."""
    with pytest.raises(DatabaseError):
        refuse_strange(PeerTrust("foo", (bad,)))
    with pytest.raises(DatabaseError):
        refuse_strange(PeerTrust("foo", ("foo.test",), (), (bad,)))


def test_the_same_peers_make_the_same_files(host: Made, authority: Made) -> None:
    """Whatever the order of the pins; and an anchor is named after its content."""
    one, two = trusted(host), trusted(authority, "authority")
    made = files([peer(one, two)], OPTIONS)
    assert made == files([peer(two, one)], OPTIONS)
    for name, content in made.items():
        if name.startswith("ta/"):
            assert name == f"ta/{hashlib.sha256(content).hexdigest()}.pem"
