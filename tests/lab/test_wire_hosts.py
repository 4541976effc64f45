"""What trustctl sees of real mail servers, and of what is wrong with them: each is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import certs
from tests.lab.conftest import unavailable
from tests.lab.dovecot import Dovecot
from tests.lab.lab import Lab
from tests.lab.network import Network
from tests.lab.postfix import UNPACKED, Postfix
from tests.lab.watcher import ANN, Watcher, connections, watcher

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-wire-hosts")]
FOO = "foo.test"
RESOLVER = "127.0.0.53"


@pytest.fixture
def us(lab: Lab) -> Watcher:
    """An administrator without a peer so far."""
    return watcher(lab, "hosts.test")


def dnsmasq(network: Network, *options: str) -> None:
    """A real name server for the domain test, beside the lab's own."""
    program = shutil.which("dnsmasq", path="/usr/sbin:/sbin") or unavailable("it needs dnsmasq")
    fixed = ("--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
             "--pid-file=", "--user=root", "--bind-interfaces", "--local=/test/",
             f"--listen-address={RESOLVER}")  # fmt: skip
    network.background((program, *fixed, *options))
    network.listening((RESOLVER, 53))


def tlsa(fingerprint: str, host: str) -> str:
    """DANE-EE, the whole certificate, SHA-256 (RFC 6698, 2.1)."""
    return f"--dns-rr=_25._tcp.{host},52,030001{fingerprint}"


def addresses(name: str, at: Sequence[str]) -> str:
    """An A and an AAAA record."""
    return f"--host-record={name},{','.join(at)}"


def test_a_domain_of_three_hosts_by_dnsmasq(lab: Lab, us: Watcher) -> None:
    """An Exim and a Postfix by IPv4 and IPv6, and a third with a certificate of its own: each
    address is seen, TLSA records are compared, and the one that differs is named."""
    if not UNPACKED.is_dir():
        unavailable(f"Postfix is not unpacked in {UNPACKED}: tests/run does that")
    made, odd = certs.self_signed("mx1.foo.test"), certs.self_signed("mx3.foo.test")
    exim = lab.mx("first", made, six=True)
    at = (lab.network.address(), lab.network.address6())
    postfix = Postfix(lab.network, "postfix", made, addresses=at)
    third = lab.mx("third", odd)
    dnsmasq(
        lab.network,
        *(f"--mx-host=foo.test,mx{one}.foo.test,{one}0" for one in (1, 2, 3)),
        addresses("mx1.foo.test", exim.addresses),
        addresses("mx2.foo.test", at),
        addresses("mx3.foo.test", third.addresses),
        tlsa(made.fingerprint, "mx1.foo.test"),
        tlsa(odd.fingerprint, "mx2.foo.test"),
    )
    by_dnsmasq = ("--resolver", RESOLVER)
    seen = us.fetch(FOO, "--peer", "foo", *by_dnsmasq)
    presented = {(one["host"], one["address"]): one["fingerprint"] for one in seen}
    assert presented == {
        **{("mx1.foo.test", one): made.fingerprint for one in exim.addresses},
        **{("mx2.foo.test", one): made.fingerprint for one in at},
        ("mx3.foo.test", third.address): odd.fingerprint,
    }
    dane = {one["host"]: _said(one, "dane") for one in seen}
    assert dane["mx1.foo.test"][0] == "inconclusive"
    assert "matches, but is not authenticated by DNSSEC" in dane["mx1.foo.test"][1]
    assert dane["mx2.foo.test"][0] == "contradicts"
    assert dane["mx3.foo.test"][0] == "absent"
    assert "quit=1" in postfix.log(), "the farewell (RFC 5321, 4.1.1.10)"
    assert "ehlo=2" not in postfix.log(), "nothing is said after the handshake but that"

    us.trustctl("vouch", made.fingerprint, "--peer", "foo", "--domain", FOO, *ANN)
    us.export()
    findings = us.probe("live-other-certificate", "live-hosts-differ", of=FOO, words=by_dnsmasq)
    told = {one["finding"]["rule"]: one["finding"] for one in findings if "finding" in one}
    assert told["live-hosts-differ"]["what"] == "1 of 5 differ: mx3.foo.test"
    assert told["live-other-certificate"]["subject"] == f"foo mx3.foo.test {third.address}"


def _said(line: dict[str, object], kind: str) -> tuple[str, str]:
    evidence = line["evidence"]
    assert isinstance(evidence, list)
    (one,) = [one for one in evidence if one["kind"] == kind]
    return one["verdict"], one["detail"]


@pytest.fixture(scope="module")
def dovecot(_lab: Lab) -> Dovecot:
    """A host for mailboxes."""
    if not Path("/usr/sbin/dovecot").exists():
        unavailable("it needs Dovecot (dovecot-imapd, dovecot-pop3d)")
    made = certs.self_signed("imap.foo.test")
    network = _lab.network
    return Dovecot(network, "dovecot", made, addresses=(network.address(), network.address6()))


@pytest.mark.parametrize(
    ("words", "port", "protocol"),
    [
        (("--starttls", "imap"), 143, "imap"),
        (("--starttls", "pop3"), 110, "pop3"),
        ((), 993, "none"),
        ((), 995, "none"),
    ],
)
def test_dovecot(
    us: Watcher, dovecot: Dovecot, words: tuple[str, ...], port: int, protocol: str
) -> None:
    """IMAP and POP3, with STARTTLS and with TLS at once, by IPv4 and IPv6."""
    four, six = dovecot.addresses
    given = [one if words else f"{one}:{port}" for one in (four, f"[{six}]")]
    seen = us.fetch(*given, *words, "--dry-run")
    assert {one["address"] for one in seen} == {four, six}
    for one in seen:
        assert (one["port"], one["protocol"], one["outcome"]) == (port, protocol, "presented")
        assert one["fingerprint"] == dovecot.made.fingerprint


def test_each_fault_is_named(lab: Lab) -> None:
    """By the host that has it and by its own rule; the one in order is not."""
    if lab.openssl:
        pytest.skip("a host that speaks TLS 1.1 is said so in GnuTLS's words")
    us = watcher(lab, "faults.test")
    good = certs.self_signed("good.foo.test")
    soon = certs.self_signed("soon.foo.test", days=20)
    hosts = {
        "good": lab.mx("good", good),
        "soon": lab.mx("soon", soon),
        "old": lab.mx("old", good, main=_OLD_TLS),
        "strips": lab.stripper,
        "declines": lab.odd_mx("declines", says="STAR 454 later"),
        "injects": lab.odd_mx("injects", says="STAR 220 go ahead\r\n250 and this, too"),
    }
    found = [(f"{name}.foo.test", one.address) for name, one in hosts.items()]
    lab.network.mail_for(FOO, *found, ("dead.foo.test", lab.network.address()))
    for made in (good, soon):
        us.add(made, "foo")
    lines = us.probe(*_FAULTS.values(), of=FOO, words=("--timeout", "5"))
    told = [one["finding"] for one in lines if "finding" in one]
    rules = {one["subject"].split()[1].partition(".")[0]: one["rule"] for one in told}
    assert rules == _FAULTS
    assert len(told) == len(_FAULTS)
    tls = {one["host"]: one["tls"] for one in lines if "host" in one}
    assert (tls["old.foo.test"], tls["good.foo.test"]) == ("TLSv1.1", "TLSv1.3")
    live = us.ran("audit", "--live", "--json")
    assert live.returncode == 1
    audited = [(one["rule"], one["subject"]) for one in json.loads(live.stdout)]
    assert {(one["rule"], one["subject"]) for one in told} <= set(audited)
    for records in ({}, {FOO: {"MX": ["0 ."]}}, {FOO: {"SERVFAIL": [""]}}):
        lab.network.dns(records)
        us.probe("live-no-route", of=FOO)


_OLD_TLS = "tls_require_ciphers = NORMAL:-VERS-ALL:+VERS-TLS1.1\n"
_FAULTS = {
    "soon": "live-expiring",
    "old": "live-old-tls",
    "strips": "live-no-starttls",
    "declines": "live-no-starttls",
    "injects": "live-injected",
    "dead": "live-unreachable",
}


def test_dns_does_not_choose_what_is_dialled(lab: Lab) -> None:
    """The attack, where somebody allows it: DNS leads to a service of this very machine, and it is
    asked. Otherwise nobody is connected to: not though a pending certificate names the address,
    which whoever presented it wrote; only where one that people vouched for does."""
    us = watcher(lab, "inner.test")
    inner, address = certs.self_signed("mx.foo.test"), "127.0.0.9"
    lab.odd_mx("inner", [inner.pem], inner, address=address)
    lab.network.mail_for(FOO, ("mx.foo.test", address))

    def asked(*words: str, code: int) -> str:
        before = connections(lab.network)
        (one,) = us.fetch(FOO, "--peer", "foo", *words, code=code)
        assert connections(lab.network) - before == int(one["outcome"] != "forbidden")
        return str(one["outcome"])

    assert asked("--dry-run", code=1) == "forbidden"
    assert asked("--dry-run", "--allow-net", "127.0.0.8/31", code=0) == "presented"
    naming = certs.self_signed(("mx.foo.test", address))
    bait = lab.mx("bait", naming)
    lab.route(FOO, bait, "mx.foo.test")
    assert asked(code=0) == "presented"
    assert us.pinned() == {naming.fingerprint: "pending"}
    lab.network.mail_for(FOO, ("mx.foo.test", address))
    assert asked("--dry-run", code=1) == "forbidden"
    us.trustctl("vouch", naming.fingerprint, "--peer", "foo", "--domain", FOO, *ANN)
    assert asked("--dry-run", code=0) == "presented"
    us.trustctl("distrust", naming.fingerprint, "--reason", "it was bait", "--yes")
    us.probe("live-forbidden", "live-none-reachable", of=FOO)
