"""For each audit rule about trust stores, stores in which it fires and does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tests.policy.cases import fires, quiet
from tests.policy.inventory import (
    DAY,
    NOW,
    digest,
    facts,
    inventory,
    peer,
    pending,
    pin,
    target,
)  # fmt: skip
from trustctl.facts.audit import AuditFacts
from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.fingerprint import short
from trustctl.facts.records import Cross, Peer, Revocation
from trustctl.facts.store import Place, Store, StoredCertificate, Stores, Unread
from trustctl.facts.target import SystemStore
from trustctl.facts.text import ELLIPSIS

STORE = "/etc/ssl/peers.pem"
CA = facts("ca", is_ca=True, names=(), subject="O=X,CN=Foo CA")
ROOTS = [facts(f"root{at}", is_ca=True, names=(), subject=f"CN=Root {at},O=X") for at in range(5)]
OTHER = facts("other")
HOSTILE = facts("x", names=("\x1b[31m" + "a" * 99,))
INERT = "\\x1b[31m" + "a" * 51 + ELLIPSIS
HELD = facts("cross")
CROSS = Cross(
    HELD.fingerprint, digest("root"), digest("root key"), NOW + DAY, ("foo.test",), (),
    NOW - DAY, NOW + DAY,
)  # fmt: skip


def at(line: int) -> str:
    """That line of the store."""
    return f"{STORE}, line {line}"


def called(name: str, made: CertificateFacts) -> str:
    """How a finding names a certificate."""
    return f"{name} {short(made.fingerprint)}"


def store(
    *certificates: CertificateFacts,
    peers: tuple[Peer, ...] = (),
    unread: tuple[Unread, ...] = (),
    keys: tuple[Place, ...] = (),
    repeats: tuple[Place, ...] = (),
    refused: Mapping[str, str] | None = None,
    ours: frozenset[str] = frozenset(),
    public: tuple[CertificateFacts, ...] = (),
) -> AuditFacts:
    """A store that holds these certificates, a line apart; ``repeats`` are of the first."""
    held = [
        StoredCertificate(one, Place(STORE, line + 1), () if line else repeats)
        for line, one in enumerate(certificates)
    ]
    found = Stores((Store(STORE, 1, tuple(held), unread, keys),), refused or {}, ours)
    roots = frozenset(one.spki for one in public if one.spki)
    return inventory(*peers, stores=found, public_roots=roots)


FOO, BAR = peer(), peer("bar")
AUTHORITY = peer("foo", pin(certificate=CA, role="authority"))
HELD_CA = peer("foo", pin(certificate=CA, role="authority", cross=CROSS))
SIGNING = peer("foo", pin(certificate=facts(is_ca=True)))
UNSURE = peer("foo", pin(certificate=facts(is_ca=None)))
PENDING = peer("foo", pending())
IN = facts(), facts("bar")

FIRING = [
    fires("store-stranger-may-sign", "a CA", store(CA),
          (at(1), f"{called('Foo CA', CA)}: it may sign, and no peer pins it")),
    fires("store-stranger-may-sign", "who knows", store(facts(is_ca=None), peers=(BAR,)),
          (at(1), f"{called('mx.foo.test', facts())}: it may sign, and no peer pins it")),
    fires("store-stranger-may-sign", "in the second of two stores",
          inventory(stores=Stores((store().stores.found[0], store(CA).stores.found[0]))),
          (at(1), f"{called('Foo CA', CA)}: it may sign, and no peer pins it")),
    fires("store-stranger", "a host", store(facts(), OTHER, peers=(FOO,)),
          (at(2), f"{called('mx.other.test', OTHER)}: no peer pins it")),
    fires("store-stranger", "its name is hostile", store(HOSTILE),
          (at(1), f"{called(INERT, HOSTILE)}: no peer pins it")),
    fires("store-distrusted", "by its fingerprint",
          store(OTHER, refused={OTHER.fingerprint: "distrusted (fingerprint): stolen"}),
          (at(1), f"{called('mx.other.test', OTHER)}: distrusted (fingerprint): stolen")),
    fires("store-distrusted", "by its key, though it is pinned and vouched for",
          store(facts(), peers=(FOO,), refused={facts().spki or "": "distrusted (spki): stolen"}),
          (at(1), f"{called('mx.foo.test', facts())}: distrusted (spki): stolen")),
    fires("store-distrusted", "though it is a public CA",
          store(ROOTS[0], public=(ROOTS[0],), refused={ROOTS[0].fingerprint: "x"}),
          (at(1), f"{called('Root 0', ROOTS[0])}: x")),
    fires("store-untrusted", "pending", store(facts(), peers=(PENDING,)),
          (at(1), f"{called('foo', facts())}: pending: nobody has vouched for it")),
    fires("store-untrusted", "expired",
          store(facts(), peers=(peer("foo", pin(certificate=facts(not_after=NOW - DAY))),)),
          (at(1), f"{called('foo', facts())}: expired 2027-01-14T08:00:00Z")),
    fires("store-untrusted", "retired",
          store(facts(), peers=(peer("foo", pin(retired_at=NOW - DAY)),)),
          (at(1), f"{called('foo', facts())}: retired 2027-01-14T08:00:00Z")),
    fires("store-untrusted", "revoked",
          store(facts(), peers=(peer("foo", pin(revocation=Revocation(NOW, "superseded"))),)),
          (at(1), f"{called('foo', facts())}: revoked by our CA 2027-01-15T08:00:00Z: superseded")),
    fires("store-untrusted", "what holds a CA to names, whose pin is pending",
          store(HELD, peers=(peer("foo", pending(certificate=CA, role="authority", cross=CROSS)),)),
          (at(1), f"{called('foo', CA)}: pending: nobody has vouched for it")),
    fires("store-public-ca", "one", store(ROOTS[0], public=(ROOTS[0],)),
          (STORE, "1 public CA: Root 0")),
    fires("store-public-ca", "five", store(*ROOTS, public=tuple(ROOTS)),
          (STORE, "5 public CAs: Root 0, Root 1, Root 2 and 2 more")),
    fires("store-public-ca", "another certificate of its key, and pinned",
          store(facts(spki=ROOTS[0].spki), peers=(FOO,), public=(ROOTS[0],)),
          (STORE, "1 public CA: mx.foo.test")),
    fires("store-may-sign-for-all", "beside another peer",
          store(CA, IN[1], peers=(AUTHORITY, BAR)),
          (at(1), f"{called('foo', CA)} (authority) may sign for all others here (1)")),
    fires("store-may-sign-for-all", "exim-gencert's, pinned as a host, beside a stranger",
          store(facts(is_ca=True), OTHER, peers=(SIGNING,)),
          (at(1), f"{called('foo', facts())} (host) may sign for all others here (1)")),
    fires("store-may-sign-for-all", "nobody knows whether it may",
          store(facts(is_ca=None), IN[1], peers=(UNSURE, BAR)),
          (at(1), f"{called('foo', facts())} (host) may sign for all others here (1)")),
    fires("store-may-sign-for-all", "as it is, beside what would hold it",
          store(CA, HELD, IN[1], peers=(HELD_CA, BAR)),
          (at(1), f"{called('foo', CA)} (authority) may sign for all others here (1)")),
    fires("store-unreadable", "two blocks",
          store(facts(), unread=(Unread(Place(STORE, 7), "cut"), Unread(Place("x.der"), "text"))),
          (at(7), "cut"), ("x.der", "text")),
    fires("store-private-key", "one", store(facts(), keys=(Place(STORE, 3),)),
          (at(3), "a private key")),
    fires("system-store-differs", "two things",
          inventory(FOO, targets=(target(system=SystemStore(("a", "b"))),)),
          ("/etc/exim4", "a"), ("/etc/exim4", "b")),
    fires("system-store-may-differ", "one thing",
          inventory(FOO, targets=(target(system=SystemStore((), ("c",))),)), ("/etc/exim4", "c")),
    fires("store-empty", "nothing", store(peers=(FOO,)), (STORE, "it holds no certificate")),
    fires("store-empty", "nothing that can be read", store(unread=(Unread(Place(STORE, 1), "x"),)),
          (STORE, "it holds no certificate")),
    fires("store-lacks", "a trusted pin", store(facts(), peers=(FOO, BAR)),
          (STORE, f"1 trusted pin is not in it: {called('bar', IN[1])}")),
    fires("store-lacks", "several", store(peers=tuple(peer(f"p{at}") for at in range(5))),
          (STORE, "5 trusted pins are not in it: "
           + ", ".join(called(f"p{at}", facts(f"p{at}")) for at in range(3)) + " and 2 more")),
    fires("store-twice", "two places",
          store(facts(), peers=(FOO,), repeats=(Place(STORE, 8), Place("b.pem", 1))),
          (at(8), f"{called('mx.foo.test', facts())} stands in {at(1)} already"),
          ("b.pem, line 1", f"{called('mx.foo.test', facts())} stands in {at(1)} already")),
]  # fmt: skip

_GOOD = store(*IN, peers=(FOO, BAR))
QUIET = [
    quiet("store-stranger-may-sign", "all are pinned", _GOOD),
    quiet("store-stranger-may-sign", "a host that may not", store(OTHER)),
    quiet("store-stranger-may-sign", "a public CA", store(ROOTS[0], public=(ROOTS[0],))),
    quiet("store-stranger-may-sign", "our own", store(CA, ours=frozenset([CA.fingerprint]))),
    quiet("store-stranger", "no store is looked at", inventory(FOO)),
    quiet("store-stranger", "pinned, though not trusted", store(facts(), peers=(PENDING,))),
    quiet("store-stranger", "one that may sign", store(CA)),
    quiet("store-distrusted", "another one is",
          store(facts(), peers=(FOO,), refused={digest("x"): "stolen"})),
    quiet("store-untrusted", "trusted", _GOOD),
    quiet("store-untrusted", "by one of two peers",
          store(facts(), peers=(PENDING, peer("bar", pin("bar", certificate=facts()))))),
    quiet("store-untrusted", "what holds a trusted CA to names", store(HELD, peers=(HELD_CA,))),
    quiet("store-untrusted", "pending, and not in the store", store(peers=(PENDING,))),
    quiet("store-public-ca", "peers alone", _GOOD),
    quiet("store-may-sign-for-all", "no one may", _GOOD),
    quiet("store-may-sign-for-all", "it is alone", store(CA, peers=(AUTHORITY,))),
    quiet("store-may-sign-for-all", "with its own peer's hosts alone",
          store(CA, OTHER, peers=(
              replace(AUTHORITY, pins=(*AUTHORITY.pins, pin("foo", certificate=OTHER))),))),
    quiet("store-may-sign-for-all", "held to names", store(HELD, IN[1], peers=(HELD_CA, BAR))),
    quiet("store-unreadable", "all can be read", _GOOD),
    quiet("store-private-key", "none", _GOOD),
    quiet("system-store-differs", "what was exported, and a notice",
          inventory(FOO, targets=(target(system=SystemStore((), ("c",))),))),
    quiet("system-store-may-differ", "another kind of target", inventory(FOO)),
    quiet("store-empty", "one", _GOOD),
    quiet("store-lacks", "all are there", _GOOD),
    quiet("store-lacks", "a pending pin", store(peers=(PENDING,))),
    quiet("store-lacks", "what holds it is there", store(HELD, peers=(HELD_CA,))),
    quiet("store-twice", "each once", _GOOD),
]  # fmt: skip
