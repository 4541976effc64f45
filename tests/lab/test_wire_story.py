"""Peers on the wire, as an administrator lives with them: real Exims, real DNS, real commands."""

from __future__ import annotations

import hashlib
import re

import pytest

from tests import certs
from tests.certs import Made
from tests.lab.lab import Lab, Mx
from tests.lab.watcher import ANN, Watcher, watcher
from trustctl.facts.fingerprint import short

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("lab-wire")]
FOO, MX = "foo.test", "mx.foo.test"
VERIFIED = "trustctl_smtp CV=yes"
OTHER = ("live-other-certificate", "live-none-reachable")
RENEWED = ("live-renewed", "live-none-reachable")


def shown_by_openssl(us: Watcher, address: str) -> str:
    """The fingerprint of what openssl sees there."""
    at = f"[{address}]:25" if ":" in address else f"{address}:25"
    told = us.run("openssl", "s_client", "-connect", at, "-starttls", "smtp", "-showcerts")
    found = re.search(rb"-----BEGIN CERT.*?-----END CERTIFICATE-----\n", told.stdout, re.DOTALL)
    assert found is not None, told.stderr
    der = certs.openssl("x509", "-outform", "DER", stdin=found[0])
    return hashlib.sha256(der).hexdigest()


def outcome(us: Watcher) -> str:
    """What becomes of a message for foo.test."""
    sent = us.send("bob@foo.test")
    return "waits" if sent.waits else f"{sent.one.transport} CV={sent.one.cv}"


def trusting(lab: Lab, name: str, made: Made, mx: Mx) -> Watcher:
    """An administrator who compared foo's certificate and exported it; mail is verified."""
    us = watcher(lab, name)
    lab.route(FOO, mx, MX)
    us.trustctl("fetch", FOO, "--peer", "foo", "--fingerprint", made.fingerprint, *ANN)
    us.export()
    assert outcome(us) == VERIFIED
    return us


def test_from_the_first_look_to_verified_mail(lab: Lab) -> None:
    """Seen at both addresses as openssl sees it, it is pending, and trusted for nothing. A person
    who heard the digits vouches, and protects the domain: mail is verified."""
    us = watcher(lab, "look.test")
    made = certs.self_signed(MX)
    mx = lab.mx("look", made, six=True)
    lab.route(FOO, mx, MX)
    before = mx.log()
    seen = us.fetch(FOO, "--peer", "foo")
    said = mx.log().removeprefix(before).splitlines()
    complaints = [one for one in said if "no host name found" not in one]
    assert complaints == [], "we say goodbye as we should, in TLS and below it"
    assert {one["address"] for one in seen} == set(mx.addresses)
    for one in seen:
        assert one["fingerprint"] == made.fingerprint == shown_by_openssl(us, one["address"])
        assert (one["host"], one["tls"], one["accepted"]) == (MX, "TLSv1.3", False)
    assert us.pinned() == {made.fingerprint: "pending"}
    assert us.trustctl("history", "foo").count(MX) >= 2
    us.export()
    assert outcome(us) == "remote_smtp CV=no", "nothing is protected because somebody looked"

    told = us.trustctl("vouch", made.fingerprint, "--peer", "foo", "--domain", FOO, *ANN)
    assert all(one in told for one in mx.addresses), "where it was seen is told"
    us.export()
    assert outcome(us) == VERIFIED
    us.probe(of=FOO)
    lab.route(FOO, lab.stranger, MX)
    assert outcome(us) == "waits"
    us.probe(*OTHER, of=FOO)


def test_a_renewal_is_told_before_mail_waits_for_days(lab: Lab) -> None:
    """With the same key and with a new one: the probe says so, mail waits, the digits bring it
    back; the very message that waited arrives."""
    made = certs.self_signed(MX)
    mx = lab.mx("renewing", made)
    us = trusting(lab, "renewal.test", made, mx)
    same, new = certs.self_signed(MX, key=made.key), certs.self_signed(MX)
    for renewed, rules in ((same, RENEWED), (new, OTHER)):
        us.probe(of=FOO)
        mx.present(renewed)
        us.probe(*rules, of=FOO)
        waits = us.submit("bob@foo.test", keep=True)
        assert waits.waits
        us.confirm(FOO, renewed)
        us.export()
        # on OpenSSL the first turn counts in a queue run, and is drawn by lot
        for _each in range(40 if lab.openssl else 1):
            again = us.logged("/usr/sbin/exim4", "-qff", keep=True)
            if again.delivered:
                break
        assert again.one.cv == "yes"
    assert list(us.pinned().values()) == ["trusted"] * 3
    told = us.trustctl("history", "foo")
    assert all(short(one.fingerprint)[:9] in told for one in (made, same, new))


def test_somebody_between_at_the_first_look_gains_nothing(lab: Lab) -> None:
    """What he shows is pending, and no export has it; the peer's digits refuse it, and nothing is
    kept then. Without the digits' comparison, by a blind vouch, the attack works."""
    us = watcher(lab, "between.test")
    lab.route(FOO, lab.stranger, MX)
    us.trustctl("add", str(us.put("../bar.pem", lab.bar_cert.pem)), "--peer", "bar", "--domain",
                "bar.test", "--fingerprint", lab.bar_cert.fingerprint, *ANN)  # fmt: skip
    us.fetch(FOO, "--peer", "foo")
    assert us.pinned()[lab.stranger_cert.fingerprint] == "pending"
    us.export()
    exported = b"".join(one.read_bytes() for one in (us.etc / "trustctl").rglob("*.pem"))
    assert lab.bar_cert.pem in exported, "this is where it would be"
    assert lab.stranger_cert.pem not in exported

    before = us.trustctl("journal", "--json")
    told = us.confirm(FOO, lab.foo_cert, code=3)
    assert "nothing was stored" in told
    assert us.trustctl("journal", "--json") == before
    us.export()
    lab.route(FOO, lab.foo, MX)
    us.confirm(FOO, lab.foo_cert)
    us.export()
    assert outcome(us) == VERIFIED
    lab.route(FOO, lab.stranger, MX)
    assert outcome(us) == "waits"
    us.trustctl("vouch", lab.stranger_cert.fingerprint, "--peer", "foo", *ANN)
    us.export()
    assert outcome(us) == VERIFIED, "whoever vouches for what they only saw trusts the attacker"


def test_a_roll_over_without_a_moment_at_which_mail_waits(lab: Lab) -> None:
    """Announced, both are exported; the peer changes over, the probe sees it, and the old one is
    retired: mail is verified throughout, and the old one is refused at the end."""
    old, new = certs.self_signed(MX), certs.self_signed(MX)
    mx = lab.mx("rolling", old)
    us = trusting(lab, "rolling.test", old, mx)
    path = us.put("../next.pem", new.pem)
    us.trustctl("announce", "foo", str(path), "--from", "2026-01-01", "--auto-retire", "0",
                "--fingerprint", new.fingerprint, *ANN)  # fmt: skip
    us.export()
    assert outcome(us) == VERIFIED
    us.probe(of=FOO)
    assert us.pinned() == {old.fingerprint: "trusted", new.fingerprint: "trusted"}

    mx.present(new)
    assert outcome(us) == VERIFIED
    us.probe("live-next-seen", of=FOO)
    assert us.pinned() == {new.fingerprint: "trusted"}
    assert "auto-retire after 0 days" in us.trustctl("journal", "--json")
    us.export()
    assert outcome(us) == VERIFIED
    mx.present(old)
    assert outcome(us) == "waits"


def test_without_auto_retire_a_person_retires_the_old_one(lab: Lab) -> None:
    """The audit says that its time has come, and with which command; nothing retires it before."""
    old, new = certs.self_signed(MX), certs.self_signed(MX)
    mx = lab.mx("lasting", old)
    us = trusting(lab, "lasting.test", old, mx)
    path = us.put("../next.pem", new.pem)
    us.trustctl("announce", "foo", str(path), "--from", "2026-01-01",
                "--fingerprint", new.fingerprint, *ANN)  # fmt: skip
    us.export()
    assert "next-seen-live" not in us.trustctl("audit", "--fail-on", "never")
    mx.present(new)
    us.probe("live-next-seen", of=FOO)
    told = us.trustctl("audit", "--fail-on", "never")
    assert "next-seen-live" in told
    assert us.pinned()[old.fingerprint] == "trusted"
    (fix,) = re.findall(r"fix: trustctl (retire .*)", told)
    us.trustctl(*fix.split(), "--yes")
    us.export()
    assert outcome(us) == VERIFIED


def test_a_renewal_with_the_same_key_is_pinned_where_a_setting_says_so(lab: Lab) -> None:
    """By the probe, with the reason in the journal; never one with another key. It rests on the
    vouches for its predecessor: withdrawn, it is not trusted either."""
    made = certs.self_signed(MX)
    mx = lab.mx("same-key", made)
    us = trusting(lab, "same-key.test", made, mx)
    renewed = certs.self_signed(MX, key=made.key)
    mx.present(certs.self_signed(MX))
    us.trustctl("set", "same_key_renewal", "accept")
    us.probe(*OTHER, of=FOO)
    assert list(us.pinned()) == [made.fingerprint]

    mx.present(renewed)
    us.trustctl("set", "same_key_renewal", "ask")
    us.probe(*RENEWED, of=FOO)
    assert list(us.pinned()) == [made.fingerprint]
    assert outcome(us) == "waits"
    us.trustctl("set", "same_key_renewal", "accept")
    us.probe(*RENEWED, of=FOO)
    assert us.pinned() == {made.fingerprint: "trusted", renewed.fingerprint: "trusted"}
    assert "same_key_renewal is accept" in us.trustctl("journal", "--json")
    us.export()
    assert outcome(us) == VERIFIED
    us.probe(of=FOO)

    us.trustctl("withdraw", made.fingerprint, "--reason", "misheard")
    assert us.pinned()[renewed.fingerprint] != "trusted"
    us.export("--yes")
    assert outcome(us) == "waits"
    us.trustctl("journal", "verify")


def test_a_certificate_without_its_issuer_is_told_before_mail_waits(lab: Lab) -> None:
    """What the peer sent by mail was its certificate alone; its host presents an intermediate one
    too, and Exim finds no path. The probe says so, and the digits bring what is needed. The next
    one, with the same key, is pinned by itself, with its chain."""
    root = certs.authority("Public CA")
    inter = certs.issue(root, (), ca=True, subject="Intermediate")
    made = certs.issue(inter, MX)
    mx = lab.mx("bare-leaf", made, inter)
    us = watcher(lab, "bare-leaf.test")
    lab.route(FOO, mx, MX)
    us.add(made, "foo")
    us.export()
    assert outcome(us) == "waits"
    us.probe(*OTHER, of=FOO)
    us.confirm(FOO, made)
    us.export()
    assert outcome(us) == VERIFIED
    us.probe(of=FOO)

    us.trustctl("set", "same_key_renewal", "accept")
    renewed = certs.issue(inter, MX, key=made.key)
    mx.present(renewed, inter)
    us.probe(*RENEWED, of=FOO)
    us.export()
    assert outcome(us) == VERIFIED
    us.probe(of=FOO)
