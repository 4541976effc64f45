"""DNS names the hosts to try, and decides nothing else, whatever it answers."""

from __future__ import annotations

import pytest

from tests.lab.lab import Lab
from tests.lab.senders import Protected, peer, trusted

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-routing")]
FOO, MX = "foo.test", "mx.foo.test"
DOMAINS = "  domains = ! +local_domains : TRUSTCTL_DOMAINS\n  condition"
DNSLOOKUP = {
    f"  driver = manualroute\n{DOMAINS}": f"  driver = dnslookup\n{DOMAINS}",
    "  route_data = TRUSTCTL_MX\n  host_find_failed = decline\n": "",
    "  route_data = TRUSTCTL_HOST bydns\n  host_find_failed = decline\n": "",
}
"""What everybody writes: the router that finds hosts in DNS."""


@pytest.fixture
def us(lab: Lab) -> Protected:
    """The protected sender, which trusts foo's certificate for foo.test and bar's for bar.test."""
    lab.us.trust(peer(FOO, trusted(lab.foo_cert)), peer("bar.test", trusted(lab.bar_cert)))
    return lab.us


@pytest.mark.parametrize("kind", ["MX", "A"])
def test_an_answer_under_another_name_does_not_rename_the_domain(
    lab: Lab, us: Protected, kind: str
) -> None:
    """The attack on dnslookup: records of another name make it change the recipient's domain, and
    the mail goes on as that domain's. Here it stays the protected domain's, and waits."""
    answers = {"MX": "evil.test: 10 mx.evil.test", "A": f"evil.test: {lab.stranger.address}"}
    lab.network.dns(
        {
            FOO: {kind: [answers[kind]]},
            "evil.test": {"MX": ["10 mx.evil.test"]},
            "mx.evil.test": {"A": [lab.stranger.address]},
        }
    )
    naive = lab.protected(f"renamed-{kind}", edit=DNSLOOKUP)
    naive.trust(peer(FOO, trusted(lab.foo_cert)))
    one = naive.send("bob@foo.test").one
    assert (one.address, one.cv) == ("bob@evil.test", "no")
    assert lab.stranger.taken() == ["bob@evil.test"]
    lab.stranger.clear()
    outcome = us.send("bob@foo.test")
    assert outcome.waits
    assert list(outcome.deferred) == ["bob@foo.test"]
    assert lab.stranger.taken() == []


def test_an_alias_in_dns_leads_to_a_host_and_no_further(lab: Lab, us: Protected) -> None:
    """A CNAME to a stranger's domain waits; one to the peer's host is delivered to."""
    lab.network.dns(
        {
            FOO: {"CNAME": ["elsewhere.test"]},
            "elsewhere.test": {"MX": ["10 mx.elsewhere.test"]},
            "mx.elsewhere.test": {"A": [lab.stranger.address]},
        }
    )
    assert us.send("bob@foo.test").waits
    lab.network.dns(
        {FOO: {"CNAME": ["elsewhere.test"]}, "elsewhere.test": {"A": [lab.foo.address]}}
    )
    assert us.send("bob@foo.test").one.cv == "yes"
    assert lab.stranger.taken() == []


def test_an_mx_of_another_trusted_peer_gets_nothing(lab: Lab, us: Protected) -> None:
    """A single mail whose MX is spoofed to another peer's host; a common file delivers there."""
    lab.route(FOO, lab.bar, "mx.bar.test")
    lab.bundle.bundle(lab.foo_cert, lab.bar_cert)
    assert lab.bundle.send("bob@foo.test").one.cv == "yes"
    lab.bar.clear()
    assert us.send("bob@foo.test").waits
    assert lab.bar.taken() == []
    lab.route("bar.test", lab.bar)
    assert us.send("bob@bar.test").one.cv == "yes"


def test_a_tlsa_record_vouches_for_nobody(lab: Lab, us: Protected) -> None:
    """DANE is on by default and makes Exim ignore tls_verify_*; whoever answers for DNS is believed
    then. Ours does not ask for TLSA records."""
    certificate = lab.stranger_cert.fingerprint
    lab.route(FOO, lab.stranger, MX, tlsa=f"030001{certificate}")
    lab.bundle.bundle(lab.foo_cert)
    one = lab.bundle.send("bob@foo.test").one
    assert (one.cv, one.ip) == ("dane", lab.stranger.address)
    lab.stranger.clear()
    assert us.send("bob@foo.test").waits
    assert lab.stranger.taken() == []


def test_a_tlsa_record_against_the_peer_does_no_harm(lab: Lab, us: Protected) -> None:
    """A record that names another certificate stops who believes in DANE, and not the pin."""
    lab.route(FOO, lab.foo, MX, tlsa=f"030001{lab.stranger_cert.fingerprint}")
    lab.bundle.bundle(lab.foo_cert)
    assert lab.bundle.send("bob@foo.test").waits
    assert us.send("bob@foo.test").one.cv == "yes"


def test_of_several_hosts_only_the_peer_s_own_takes_mail(lab: Lab, us: Protected) -> None:
    """An impostor with the best preference is passed by; impostors alone leave the mail waiting."""
    hosts = {"mx1": lab.stranger, "mx2": lab.stripper, "mx3": lab.foo}
    names = {f"{name}.foo.test": {"A": [host.address]} for name, host in hosts.items()}
    lab.network.dns({FOO: {"MX": ["1 mx1.foo.test", "2 mx2.foo.test", "3 mx3.foo.test"]}, **names})
    assert us.send("bob@foo.test").one.ip == lab.foo.address
    lab.network.dns({FOO: {"MX": ["1 mx1.foo.test", "2 mx2.foo.test"]}, **names})
    assert us.send("bob@foo.test").waits
    assert lab.stock.send("bob@foo.test").one.cv == "no"
    assert len(lab.stranger.taken()) == 1
    assert lab.stripper.taken() == []


def test_a_domain_without_mx_goes_to_its_own_address(lab: Lab, us: Protected) -> None:
    """RFC 5321, 5.1; to the pinned certificate, as ever."""
    for host, delivered in ((lab.foo, True), (lab.stranger, False)):
        lab.network.dns({FOO: {"A": [host.address]}})
        assert bool(us.send("bob@foo.test").delivered) == delivered
    assert lab.stranger.taken() == []


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ({FOO: {"SERVFAIL": []}}, "did not complete"),
        ({FOO: {"MX": ["10 mx.foo.test"]}, MX: {"SERVFAIL": []}}, "defer"),
        ({}, "DNS names no host"),
        ({FOO: {"MX": ["10 nobody.foo.test"]}}, "DNS names no host"),
        ({FOO: {"MX": ["0 ."], "A": ["203.0.113.99"]}}, "DNS names no host"),
        ({FOO: {"MX": ["10 mx.foo.test"]}, MX: {"A": ["127.0.0.1", "0.0.0.0"]}}, "no host"),  # noqa: S104
    ],
    ids=["servfail", "host-servfail", "nxdomain", "mx-of-nobody", "null-mx", "loopback"],
)
def test_without_a_host_in_dns_the_mail_waits(
    lab: Lab, us: Protected, records: dict[str, dict[str, list[str]]], says: str
) -> None:
    """It does not bounce, whatever DNS says of the domain (RFC 7505 too), and goes nowhere else."""
    lab.network.dns(records)
    outcome = us.send("bob@foo.test")
    assert outcome.waits
    assert says in outcome.text
    # an unprotected domain: Debian's way
    lab.network.dns({})
    assert us.send("bob@free.test").bounced


def test_a_domain_that_dns_sends_to_ourselves_waits(lab: Lab, us: Protected) -> None:
    """Its mail is neither taken for local nor sent round in a circle."""
    lab.network.dns({FOO: {"MX": ["10 us.test"]}, "us.test": {"A": ["203.0.113.250"]}})
    us.ok("ip", "addr", "add", "203.0.113.250/32", "dev", "lo")
    try:
        assert us.send("root@foo.test").waits
    finally:
        us.ok("ip", "addr", "del", "203.0.113.250/32", "dev", "lo")
