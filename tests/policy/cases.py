"""For each audit rule about peers and pins, inventories in which it fires and does not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tests.policy.inventory import (
    DAY,
    NOW,
    TWO,
    distrust,
    facts,
    inventory,
    peer,
    pending,
    pin,
    vouch,
)
from trustctl.facts.audit import AuditFacts
from trustctl.facts.fingerprint import short
from trustctl.facts.records import Pin, Settings

FOO = f"foo {short(facts().fingerprint)}"
BAR = f"bar {short(facts('bar').fingerprint)}"
BOB = "Bob <bob@bar.test>"


@dataclass(frozen=True)
class Case:
    """Facts, and what the rule says of them: the subject and what was seen; nothing by default."""

    rule: str
    name: str
    facts: AuditFacts
    seen: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.rule}: {self.name}"


def fires(rule: str, name: str, known: AuditFacts, *seen: tuple[str, str]) -> Case:
    """The rule finds this."""
    return Case(rule, name, known, seen)


def quiet(rule: str, name: str, known: AuditFacts) -> Case:
    """The rule finds nothing."""
    return Case(rule, name, known)


def one(*pins: Pin, **changes: Any) -> AuditFacts:
    """An inventory of the peer foo alone, with these pins."""
    return inventory(peer("foo", *pins), **changes)


def ends(days: float, **changes: Any) -> Pin:
    """A pin whose certificate ends in so many days."""
    return pin(certificate=facts(not_after=NOW + int(days * DAY)), **changes)


NEXT = pin(certificate=facts("next"))
LATER = pin(certificate=facts("next", not_before=NOW + 3 * DAY))
TOO_LATE = pin(certificate=facts("next", not_before=NOW + 20 * DAY))
LAPSING = pin("foo", vouch(of="foo", fingerprint=facts("next").fingerprint, expires_at=NOW + DAY),
              certificate=facts("next"))  # fmt: skip
CA = pin(certificate=facts("ca", is_ca=True, subject="CN=CA"), role="authority")
SHARED = facts("bar", spki=facts().spki)

FIRING = [
    fires("certificate-expired", "a second ago", one(pin(certificate=facts(not_after=NOW - 1))),
          (FOO, "expired on 2027-01-15")),
    fires("certificate-expired", "though another took over", one(ends(-1), NEXT),
          (FOO, "expired on 2027-01-14")),
    fires("certificate-expires-in-7-days", "the last second", one(ends(0)),
          (FOO, "0 days left, to 2027-01-15")),
    fires("certificate-expires-in-7-days", "the seventh day", one(ends(7)),
          (FOO, "7 days left, to 2027-01-22")),
    fires("certificate-expires-in-7-days", "the next is pending",
          one(ends(5), pending(certificate=facts("next"))), (FOO, "5 days left, to 2027-01-20")),
    fires("certificate-expires-in-7-days", "the next begins too late", one(ends(5), TOO_LATE),
          (FOO, "5 days left, to 2027-01-20")),
    fires("certificate-expires-in-7-days", "the next one's vouch ends before",
          one(ends(5), LAPSING), (FOO, "5 days left, to 2027-01-20")),
    fires("certificate-expires-in-30-days", "just over seven", one(ends(7.1)),
          (FOO, "7 days left, to 2027-01-22")),
    fires("certificate-expires-in-30-days", "the thirtieth day", one(ends(30)),
          (FOO, "30 days left, to 2027-02-14")),
    fires("certificate-not-yet-valid", "from tomorrow",
          one(pin(certificate=facts(not_before=NOW + DAY))),
          (FOO, "valid from 2027-01-16T08:00:00Z")),
    fires("pin-pending", "nobody", one(pending()), (FOO, "nobody has vouched for it")),
    fires("pin-pending", "somebody will", one(pin("foo", vouch(at=NOW + 1))),
          (FOO, "nobody has vouched for it")),
    fires("vouches-too-few", "one of two", one(settings=TWO), (FOO, "1 of 2 people vouch for it")),
    fires("vouches-too-few", "one person, spelt twice",
          one(pin("foo", vouch(), vouch("ANN@bar.test")), settings=TWO),
          (FOO, "1 of 2 people vouch for it")),
    fires("vouch-ended", "expired", one(pin("foo", vouch(expires_at=NOW))), (FOO, "they expired")),
    fires("vouch-ended", "withdrawn", one(pin("foo", vouch(withdrawn_at=NOW))),
          (FOO, "all its vouches were withdrawn")),
    fires("vouch-ended", "one each",
          one(pin("foo", vouch(expires_at=NOW), vouch(BOB, withdrawn_at=NOW))),
          (FOO, "they expired")),
    fires("vouch-ended", "expired, and to be withdrawn tomorrow",
          one(pin("foo", vouch(expires_at=NOW, withdrawn_at=NOW + DAY))), (FOO, "they expired")),
    fires("vouch-lapsed", "withdrawn, another stands",
          one(pin("foo", vouch(), vouch(BOB, withdrawn_at=NOW))),
          (FOO, "1 withdrawn, 0 expired, 1 standing")),
    fires("vouch-lapsed", "expired, another stands",
          one(pin("foo", vouch(), vouch(BOB, expires_at=NOW))),
          (FOO, "0 withdrawn, 1 expired, 1 standing")),
    fires("vouch-expiring", "in a day", one(pin("foo", vouch(expires_at=NOW + DAY))),
          (FOO, "a vouch ends on 2027-01-16")),
    fires("vouch-expiring", "in thirty", one(pin("foo", vouch(expires_at=NOW + 30 * DAY))),
          (FOO, "a vouch ends on 2027-02-14")),
    fires("vouch-expiring", "of two that are needed, though one spoke twice",
          one(pin("foo", vouch(), vouch("ann@bar.test"), vouch(BOB, expires_at=NOW + DAY)),
              settings=TWO), (FOO, "a vouch ends on 2027-01-16")),
    fires("key-weak", "RSA", one(pin(certificate=facts(key_kind="rsa", key_bits=1024))),
          (FOO, "its RSA key has 1024 bits, 2048 are needed")),
    fires("signature-weak", "SHA-1 by another",
          one(pin(certificate=facts(self_signed=False, signature_hash="sha1"))),
          (FOO, "it is signed with SHA1, which can be forged")),
    fires("certificate-unreadable", "key", one(pin(certificate=facts(key_kind="1.2.643"))),
          (FOO, "its key")),
    fires("certificate-unreadable", "both",
          one(pin(certificate=facts(spki=None, not_after=None))),
          (FOO, "its key and its validity")),
    fires("host-may-sign", "CA:TRUE", one(pin(certificate=facts(is_ca=True))),
          (FOO, "it may sign; CA:FALSE is wanted")),
    fires("host-may-sign", "unreadable", one(pin(certificate=facts(is_ca=None))),
          (FOO, "its CA flag cannot be read; CA:FALSE is wanted")),
    fires("authority-cannot-sign", "CA:FALSE", one(pin(role="authority")), (FOO, "CA:FALSE")),
    fires("certificate-partly-read", "two problems",
          one(pin(certificate=facts(problems=("its names cannot be read", "and more")))),
          (FOO, "its names cannot be read; and more")),
    fires("names-differ", "another's name",
          one(pin(certificate=facts(names=("mx.evil.test", "foo.test.evil.test")))),
          (FOO, "it names mx.evil.test foo.test.evil.test")),
    fires("names-differ", "no name", one(pin(certificate=facts(names=()))),
          (FOO, "it names no name")),
    fires("names-differ", "a suffix that is no domain",
          one(pin(certificate=facts(names=("evilfoo.test", "*.test")))),
          (FOO, "it names evilfoo.test *.test")),
    fires("public-ca", "its certificate", one(public_roots=frozenset({facts().fingerprint})),
          (FOO, "it is one of this machine's public CAs")),
    fires("public-ca", "its key", one(public_roots=frozenset({str(facts().spki)})),
          (FOO, "it is one of this machine's public CAs")),
    fires("domain-without-pin", "no pin", inventory(replace(peer(), pins=())),
          ("foo.test", "its peer has no pin")),
    fires("domain-without-pin", "each domain, each state",
          inventory(peer("foo", pending(), ends(-1), domains=("foo.test", "foo.example"))),
          ("foo.example", "its pins are expired, pending"),
          ("foo.test", "its pins are expired, pending")),
    fires("domain-without-pin", "distrusted", one(pin(distrusts=(distrust("x"),))),
          ("foo.test", "its pins are distrusted")),
    fires("pin-without-domain", "a pin", inventory(peer(domains=())), (FOO, "no domain")),
    fires("key-shared", "another certificate",
          inventory(peer(), peer("bar", pin("bar", certificate=SHARED))),
          (BAR, "foo has it too"), (FOO, "bar has it too")),
    fires("key-shared", "the same certificate, its key unreadable",
          inventory(*(peer(name, pin(name, certificate=facts(spki=None)))
                      for name in ("foo", "oof"))),
          (FOO, "oof has it too"), (FOO.replace("foo", "oof"), "foo has it too")),
    fires("host-left-out", "it may sign", one(CA, pin(certificate=facts(is_ca=True))),
          (FOO, "it may sign; CA:FALSE is wanted")),
]  # fmt: skip
"""What each rule finds."""

QUIET = [
    quiet("certificate-expired", "the last second", one(ends(0))),
    quiet("certificate-expired", "unreadable", one(pin(certificate=facts(not_after=None)))),
    quiet("certificate-expired", "retired", one(ends(-1, retired_at=NOW))),
    quiet("certificate-expires-in-7-days", "expired", one(ends(-1))),
    quiet("certificate-expires-in-7-days", "the eighth day", one(ends(7.1))),
    quiet("certificate-expires-in-7-days", "the next is there", one(ends(5), NEXT)),
    quiet("certificate-expires-in-7-days", "the next begins before", one(ends(5), LATER)),
    quiet("certificate-expires-in-30-days", "seven", one(ends(7))),
    quiet("certificate-expires-in-30-days", "more than thirty", one(ends(30.1))),
    quiet("certificate-expires-in-30-days", "the next is there", one(ends(20), NEXT)),
    quiet("certificate-not-yet-valid", "this second", one(pin(certificate=facts(not_before=NOW)))),
    quiet("pin-pending", "somebody did, and it expired", one(pin("foo", vouch(expires_at=NOW)))),
    quiet("vouches-too-few", "two of two", one(pin("foo", vouch(), vouch(BOB)), settings=TWO)),
    quiet("vouches-too-few", "none: it is pending", one(pending(), settings=TWO)),
    quiet("vouch-ended", "pending", one(pending())),
    quiet("vouch-ended", "another stands", one(pin("foo", vouch(), vouch(BOB, withdrawn_at=NOW)))),
    quiet("vouch-lapsed", "none stands", one(pin("foo", vouch(withdrawn_at=NOW)))),
    quiet("vouch-lapsed", "the same person vouched again",
          one(pin("foo", vouch(withdrawn_at=NOW - DAY), vouch("ann@bar.test", at=NOW)))),
    quiet("vouch-expiring", "in thirty days and a second",
          one(pin("foo", vouch(expires_at=NOW + 30 * DAY + 1)))),
    quiet("vouch-expiring", "another stands",
          one(pin("foo", vouch(expires_at=NOW + DAY), vouch(BOB)))),
    quiet("vouch-expiring", "too few already",
          one(pin("foo", vouch(expires_at=NOW + DAY)), settings=TWO)),
    quiet("vouch-expiring", "expired",
          one(pin("foo", vouch(expires_at=NOW)), settings=Settings(0))),
    quiet("key-weak", "RSA", one(pin(certificate=facts(key_kind="rsa", key_bits=2048)))),
    quiet("signature-weak", "by itself", one(pin(certificate=facts(signature_hash="sha1")))),
    quiet("certificate-unreadable", "weak", one(pin(certificate=facts(key_kind="dsa")))),
    quiet("host-may-sign", "an authority", one(CA)),
    quiet("host-may-sign", "CA:FALSE", one()),
    quiet("authority-cannot-sign", "a CA", one(CA)),
    quiet("authority-cannot-sign", "unreadable",
          one(pin(certificate=facts(is_ca=None), role="authority"))),
    quiet("certificate-partly-read", "all read", one()),
    quiet("names-differ", "the domain itself", one(pin(certificate=facts(names=("FOO.test.",))))),
    quiet("names-differ", "any host in it", one(pin(certificate=facts(names=("a.b.foo.test",))))),
    quiet("names-differ", "an expected host",
          inventory(peer("foo", pin(certificate=facts(names=("x", "mx.isp.test"))),
                         mx_hosts=("mx.isp.test",)))),
    quiet("names-differ", "a wildcard for an expected host",
          inventory(peer("foo", pin(certificate=facts(names=("*.isp.test",))),
                         mx_hosts=("mx.isp.test",)))),
    quiet("names-differ", "no domain to compare with",
          inventory(peer("foo", pin(certificate=facts(names=())), domains=()))),
    quiet("public-ca", "others", one(public_roots=frozenset({facts("root").fingerprint}))),
    quiet("public-ca", "retired",
          one(pin(retired_at=NOW), public_roots=frozenset({facts().fingerprint}))),
    quiet("domain-without-pin", "one of two is trusted", one(pending(), NEXT)),
    quiet("domain-without-pin", "no domain", inventory(peer("foo", pending(), domains=()))),
    quiet("pin-without-domain", "retired", inventory(peer("foo", pin(retired_at=NOW), domains=()))),
    quiet("key-shared", "two pins of one peer", one(pin(), pin(certificate=facts(serial="2")))),
    quiet("key-shared", "one is retired",
          inventory(peer(), peer("bar", pin("bar", certificate=SHARED, retired_at=NOW)))),
    quiet("host-left-out", "no authority", one(pin(certificate=facts(is_ca=True)))),
    quiet("host-left-out", "CA:FALSE", one(CA, pin())),
    quiet("host-left-out", "the authority issued it",
          one(CA, pin(certificate=facts(is_ca=True, issuer="CN=CA", self_signed=False)))),
    quiet("host-left-out", "the authority is not trusted",
          one(replace(CA, retired_at=NOW), pin(certificate=facts(is_ca=True)))),
]  # fmt: skip
"""What each rule leaves alone."""
