"""The attacks against a real Postfix: each works against a configuration of somebody's own, and
waits under what trustctl exports."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import certs
from tests.lab.conftest import unavailable
from tests.lab.lab import Lab, Mx
from tests.lab.postfix import UNPACKED, Postfix, Sender
from tests.lab.senders import peer, trusted
from trustctl.export.format import Options
from trustctl.export.postfix import files
from trustctl.facts.records import PeerTrust

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-postfix")]
FOO, BAR, MX = "foo.test", "bar.test", "mx.foo.test"
DATA = "/mnt/conf/trustctl"
TABLE = f"hash:{DATA}/current/tls_policy"
OURS = f"smtp_tls_policy_maps = {TABLE}, regexp:{DATA}/current/tls_spellings\n"
MAIN = "smtp_tls_fingerprint_digest = sha256\n"
NAIVE = ["smtp_tls_security_level = may", "smtp_tls_security_level = encrypt",
         "smtp_tls_security_level = verify\nsmtp_tls_CAfile = /mnt/conf/public.pem"]  # fmt: skip


class Policed(Sender):
    """A Postfix with the exporter's files; what the machine's administrator set is as it comes."""

    def trust(self, *peers: PeerTrust) -> None:
        """Put these in force."""
        for path, content in files(peers, Options(DATA)).items():
            place = self.conf / "trustctl" / "current" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        self.ok("postmap", "-c", "/mnt/conf", TABLE)
        self.reload()


class Cast:
    """The senders, each made when it is first asked for."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._ours: dict[str, Policed] = {}
        self._naive: dict[str, Sender] = {}

    def us(self, main: str = "smtp_tls_security_level = may\n") -> Policed:
        """The sender that is protected."""
        if main not in self._ours:
            name = f"postfix-{len(self._ours)}.test"
            self._ours[main] = Policed(self.lab.network, name, MAIN + OURS + main)
        self._ours[main].forget()
        return self._ours[main]

    def naive(self, main: str) -> Sender:
        """A sender with somebody's own idea; it trusts the public CA, where it is told to."""
        if main not in self._naive:
            name = f"naive-postfix-{len(self._naive)}.test"
            self._naive[main] = made = Sender(self.lab.network, name, f"{main}\n")
            (made.conf / "public.pem").write_bytes(self.lab.public_ca.pem)
        self._naive[main].forget()
        return self._naive[main]


@pytest.fixture(scope="module")
def _cast(_lab: Lab) -> Cast:
    if not UNPACKED.is_dir():
        unavailable(f"Postfix is not unpacked in {UNPACKED}: tests/run does that")
    return Cast(_lab)


@pytest.fixture
def cast(_cast: Cast, lab: Lab) -> Cast:
    """The senders, with nothing waiting, and nothing taken by anybody."""
    assert lab is _cast.lab
    return _cast


def both(lab: Lab) -> tuple[PeerTrust, PeerTrust]:
    """Two peers, each with its pin."""
    return peer(FOO, trusted(lab.foo_cert)), peer(BAR, trusted(lab.bar_cert, may_sign=True))


def test_the_pinned_certificate_is_delivered_to(lab: Lab, cast: Cast) -> None:
    """Whoever presents it gets the mail, also of a domain written in capitals or with a dot."""
    us = cast.us()
    us.trust(*both(lab))
    lab.route(FOO, lab.foo)
    for domain in (FOO, "FOO.Test", f"{FOO}."):
        sent = us.send(f"bob@{domain}")
        assert sent.went
        assert set(sent.tls) <= {"Verified"}  # a connection may be used again
    assert len(lab.foo.taken()) == 3


@pytest.mark.parametrize(
    ("attacker", "stopped_by"),
    [("stranger", 2), ("certified", 3), ("insider", 2), ("stripper", 1)],
)
def test_an_impostor_gets_nothing(lab: Lab, cast: Cast, attacker: str, stopped_by: int) -> None:
    """The same name with another key, a public CA's certificate for it, one that another peer
    signed, and no STARTTLS at all: the mail waits. Opportunistic TLS delivers to each of them,
    mandatory TLS to whoever has any certificate, and verification to a public CA's."""
    impostor: Mx = getattr(lab, attacker)
    lab.route(FOO, impostor)
    for at, main in enumerate(NAIVE):
        assert cast.naive(main).send(f"bob@{FOO}").went == (at < stopped_by), main
    assert len(impostor.taken()) == stopped_by
    impostor.clear()
    us = cast.us()
    us.trust(*both(lab))
    for address in (f"bob@{FOO}", "bob@FOO.Test", f"bob@{FOO}."):
        assert us.send(address).waits
    assert impostor.taken() == []


@pytest.mark.parametrize("level", ["none", "may", "encrypt", "dane", ""])
def test_the_policy_holds_whatever_the_level_is(lab: Lab, cast: Cast, level: str) -> None:
    """So it need not be changed for mail to everybody else."""
    given = f"smtp_tls_security_level = {level}\n" if level else "smtp_tls_loglevel = 1\n"
    us = cast.us(given)
    us.trust(*both(lab))
    lab.route(FOO, lab.stranger)
    assert us.send(f"bob@{FOO}").waits
    lab.route(FOO, lab.foo)
    assert us.send(f"bob@{FOO}").went


def test_a_tlsa_record_does_not_vouch_for_an_impostor(lab: Lab, cast: Cast) -> None:
    """With DANE a record of the attacker's own is enough; with a pin it is not looked at."""
    dane = "smtp_dns_support_level = dnssec\nsmtp_tls_security_level = dane\n"
    record = f"030001{lab.stranger_cert.fingerprint}"
    lab.route(FOO, lab.stranger, tlsa=record)
    sent = cast.naive(dane).send(f"bob@{FOO}")
    assert (sent.went, sent.tls) == (True, ("Verified",))
    lab.stranger.clear()
    us = cast.us(dane)
    us.trust(*both(lab))
    assert us.send(f"bob@{FOO}").waits
    assert lab.stranger.taken() == []
    lab.route(FOO, lab.foo, tlsa=record)
    assert us.send(f"bob@{FOO}").went


REUSE = (
    "smtp_tls_security_level = may\nsmtp_tls_connection_reuse = yes\n"
    f"smtp_connection_cache_destinations = {FOO}, {BAR}\n"
)


@pytest.mark.parametrize("main", ["smtp_tls_security_level = may\n", REUSE], ids=["plain", "reuse"])
def test_spoofed_mx_of_two_domains(lab: Lab, cast: Cast, main: str) -> None:
    """DNS sends bar's mail to foo's host: one message to both domains, and messages that wait for
    one host. Only foo's mail goes there, over whatever connection; without the policy all goes."""
    everything: list[str] = []
    for sender in (cast.naive(main), cast.us(main)):
        if isinstance(sender, Policed):
            sender.trust(*both(lab))
        lab.foo.clear()
        lab.route(FOO, lab.foo, MX)
        lab.route(BAR, lab.foo, MX)
        sent = sender.send(f"bob@{FOO}", f"eve@{BAR}")
        sender.forget()
        sender.reload()  # no connection is left open
        lab.network.dns({MX: {"A": ["203.0.113.254"]}, FOO: {"MX": [MX]}, BAR: {"MX": [MX]}})
        for address in (f"bob@{FOO}", f"eve@{BAR}", f"bob@{FOO}", f"eve@{BAR}"):
            assert sender.send(address).waits
        lab.route(FOO, lab.foo, MX)
        lab.route(BAR, lab.foo, MX)
        run = sender.queue_run(4)
        everything.append(" ".join(lab.foo.taken()))
        assert (sent.status[f"bob@{FOO}"], run.status[f"bob@{FOO}"]) == ("sent", "sent")
        sender.forget()
    assert everything[0].count(BAR) == 3
    assert everything[1].count(BAR) == 0
    assert everything[1].count(FOO) == 3


def test_a_domain_without_a_trusted_certificate_waits(lab: Lab, cast: Cast) -> None:
    """Neither the host that was pinned once gets its mail, nor anybody in clear."""
    us = cast.us()
    us.trust(peer(FOO))
    for host in (lab.foo, lab.stripper):
        lab.route(FOO, host)
        assert us.send(f"bob@{FOO}").waits
        assert host.taken() == []
        assert cast.naive(NAIVE[0]).send(f"bob@{FOO}").went


def test_two_pins_are_a_rollover(lab: Lab, cast: Cast) -> None:
    """Both are taken and no third; after it the old one no more."""
    us = cast.us()
    new = certs.self_signed(MX)
    changed = lab.mx("postfix-changed", new)
    us.trust(peer(FOO, trusted(lab.foo_cert), trusted(new)))
    for host, goes in ((lab.foo, True), (changed, True), (lab.stranger, False)):
        lab.route(FOO, host)
        assert us.send(f"bob@{FOO}").went == goes
    us.forget()
    us.trust(peer(FOO, trusted(new)))
    lab.route(FOO, lab.foo)
    assert us.send(f"bob@{FOO}").waits


def test_postfix_does_not_look_at_the_dates_of_a_pin(lab: Lab, cast: Cast) -> None:
    """An expired certificate that is exported is delivered to; so the export leaves it out, and has
    to be made again when a pin ends."""
    old = certs.self_signed(MX, days=5, not_before=1_600_000_000)
    lab.route(FOO, lab.mx("postfix-expired", old))
    us = cast.us()
    us.trust(peer(FOO, trusted(old)))
    assert us.send(f"bob@{FOO}").went
    us.trust(peer(FOO))
    assert us.send(f"bob@{FOO}").waits


def test_who_is_not_pinned_is_delivered_to_as_before(lab: Lab, cast: Cast) -> None:
    """Another domain, and a subdomain of a pinned one, which is a domain of its own."""
    us = cast.us()
    us.trust(*both(lab))
    for domain in ("free.test", "sub.foo.test"):
        lab.route(domain, lab.stranger)
        ours, theirs = (one.send(f"bob@{domain}") for one in (us, cast.naive(NAIVE[0])))
        assert (ours.status, ours.tls) == (theirs.status, theirs.tls)
        assert ours.went


@pytest.mark.parametrize("damage", ["missing", "empty", "zeroed", "half", "other"])
def test_a_table_that_cannot_be_read_holds_all_mail(lab: Lab, cast: Cast, damage: str) -> None:
    """Nothing goes out unverified then; a table of text that is empty would let all of it."""
    us = cast.us()
    us.trust(*both(lab))
    table = us.conf / "trustctl/current/tls_policy.db"
    content = table.read_bytes()
    table.unlink()
    new = {"empty": b"", "zeroed": bytes(len(content)), "half": content[: len(content) // 2],
           "other": b"something else " * 900}  # fmt: skip
    if damage in new:
        table.write_bytes(new[damage])
    us.reload()
    lab.route(FOO, lab.stranger)
    lab.route("free.test", lab.stranger)
    assert us.send(f"bob@{FOO}", "bob@free.test").waits
    assert lab.stranger.taken() == []


def test_a_text_table_that_is_empty_protects_nobody(lab: Lab, cast: Cast) -> None:
    """That is why a table of the default kind is made where there is one."""
    us = cast.us("smtp_tls_security_level = may\nsmtp_tls_policy_maps = texthash:/mnt/conf/text\n")
    (us.conf / "text").write_text("")
    us.reload()
    lab.route(FOO, lab.stranger)
    assert us.send(f"bob@{FOO}").went


def test_a_peer_s_authority_is_good_for_its_own_names_alone(lab: Lab, cast: Cast) -> None:
    """What it issued for a host in the domain is taken, whether the CA is sent along or not; what
    it issued for another name is not, though DNS gives that name; nor what any other CA issued."""
    ca = certs.authority("Foo CA")
    issued, elsewhere = certs.issue(ca, MX), certs.issue(ca, "mx.elsewhere.test")
    us = cast.us()
    us.trust(peer(FOO, trusted(ca, "authority", may_sign=True)))
    hosts = [
        (lab.mx("postfix-issued", issued, ca), MX, True),
        (lab.mx("postfix-alone", issued), MX, True),
        (lab.mx("postfix-elsewhere", elsewhere, ca), "mx.elsewhere.test", False),
        (lab.certified, MX, False),
        (lab.insider, MX, False),
        (lab.stripper, MX, False),
    ]
    for host, name, goes in hosts:
        lab.route(FOO, host, name)
        assert us.send(f"bob@{FOO}").went == goes, host.address
        assert bool(host.taken()) == goes
    expected = PeerTrust("foo", (FOO,), (trusted(ca, "authority"),), ("mx.elsewhere.test",))
    us.forget()
    us.trust(expected)
    lab.route(FOO, hosts[2][0], "mx.elsewhere.test")
    assert us.send(f"bob@{FOO}").went
    lab.route(FOO, hosts[0][0])
    assert us.send(f"bob@{FOO}").waits


SPELLINGS = ("bob@\uff46oo.test", "bob@fo\u00ado.test", "bob@b\u0075\u0308cher.test")


def test_another_spelling_of_a_domain_does_not_pass_by_its_pins(
    lab: Lab, cast: Cast, tmp_path: Path
) -> None:
    """Postfix looks up what was written, and DNS what that is mapped to: a full-width letter, a
    soft hyphen, a letter in two parts. Without the second table each goes to the impostor."""
    address = lab.network.address()
    thief = Postfix(lab.network, f"thief-{tmp_path.name}", lab.stranger_cert, addresses=[address])
    idna = "xn--bcher-kva.test"
    us = cast.us("smtp_tls_security_level = may\nsmtputf8_enable = yes\n")
    us.trust(peer(FOO, trusted(lab.foo_cert)), peer(idna, trusted(lab.bar_cert)))
    lab.network.mail_for(FOO, (MX, address))
    lab.network.mail_for(idna, ("mx.bar.test", address))
    for one in ("bob@bücher.test", "bob@BÜCHER.test", f"bob@{idna}", *SPELLINGS):
        assert us.send(one).waits, one
    assert "from=" not in thief.log()
    us.forget()
    us.set(f"smtp_tls_policy_maps = {TABLE}")
    went = [us.send(one).went for one in SPELLINGS]
    us.set(OURS.strip())
    assert True in went, went
    assert us.send("bob@bücher.test").waits
