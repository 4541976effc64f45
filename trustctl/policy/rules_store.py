"""Audit rules about trust stores that were read back: what is in them, and should not be."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence

from trustctl.facts.audit import AuditFacts
from trustctl.facts.finding import Severity
from trustctl.facts.store import Place
from trustctl.policy.held import again
from trustctl.policy.pins import name_of, renew
from trustctl.policy.rule import Seen, rule
from trustctl.policy.store import Judged, Standing, judged, label_of, lacking

_ERROR, _WARNING, _NOTICE = Severity.ERROR, Severity.WARNING, Severity.NOTICE
_ANEW = "trustctl export --to DIR --format pem"
_SYSTEM = "trustctl export --format debian"
_ALONE = f"{_SYSTEM} --only-peers"
_OWN = "/etc/ssl/certs"
"""Where the system's store is on a Debian, and on what is made of it."""
_NAMED = 3
_SYSTEM_NAME = "system"
_IMPOSTOR = "whoever holds its key can be any host, of any peer, to all that verify with this store"


def _anew(place: str, system: str = _SYSTEM) -> str:
    """What writes a store anew, by its name or that of a file in it."""
    of_system = place in (_SYSTEM_NAME, _OWN) or place.startswith(f"{_OWN}/")
    return system if of_system else _ANEW


def _each(facts: AuditFacts, standing: Standing) -> Iterator[Judged]:
    for _store, found in judged(facts):
        yield from (one for one in found if one.standing == standing)


def _first(names: Sequence[str]) -> str:
    """The first few of the names, and how many more there are."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _adopt(place: Place) -> str:
    return shlex.join(("trustctl", "adopt", place.argument))


@rule(
    "store-stranger-may-sign",
    _ERROR,
    "A store holds a certificate that may sign others, and no peer pins it (`audit --store`)",
    why=_IMPOSTOR,
    source="RFC 5280, 4.2.1.9",
)
def _signing_stranger(facts: AuditFacts) -> Seen:
    for one in _each(facts, "stranger"):
        if one.stored.certificate.is_ca is not False:
            seen = f"{one.name}: it may sign, and no peer pins it"
            yield str(one.stored.place), seen, _adopt(one.stored.place)


@rule(
    "store-stranger",
    _WARNING,
    "A store holds a certificate that no peer pins, and that may not sign (`audit --store`)",
    why="it is trusted, and nobody is known to have vouched for it",
    source="share/doc/migrating.md",
)
def _stranger(facts: AuditFacts) -> Seen:
    for one in _each(facts, "stranger"):
        if one.stored.certificate.is_ca is False:
            place = one.stored.place
            yield str(place), f"{one.name}: no peer pins it", _adopt(place)


@rule(
    "store-distrusted",
    _ERROR,
    "A store holds what is distrusted, or what our own CA revoked (`audit --store`)",
    why="who has its key is believed to be that peer by all that verify with this store",
    source="share/doc/adr/0007-policy.md",
)
def _distrusted(facts: AuditFacts) -> Seen:
    for one in _each(facts, "distrusted"):
        yield str(one.stored.place), f"{one.name}: {one.why}", _anew(one.stored.place.file)


@rule(
    "store-untrusted",
    _ERROR,
    "A store holds a pinned certificate that is not trusted now (`audit --store`)",
    why="the store trusts what people have not vouched for, or no longer do",
    source="share/doc/adr/0007-policy.md",
)
def _untrusted(facts: AuditFacts) -> Seen:
    for one in _each(facts, "untrusted"):
        peer, pin = one.pins[0]
        vouch = (
            f"trustctl vouch {pin.certificate.fingerprint[:16]} --peer {peer.name} --fingerprint"
        )
        wanting = one.state in ("pending", "unvouched")
        seen = f"{name_of(peer, pin)}: {one.why}"
        yield str(one.stored.place), seen, vouch if wanting else _anew(one.stored.place.file)


@rule(
    "store-public-ca",
    _ERROR,
    "A store holds public CAs of this machine (`audit --store`)",
    why="each of them signs for everybody: whoever gets a certificate from one is the peer",
    source="share/doc/adr/0007-policy.md",
)
def _public(facts: AuditFacts) -> Seen:
    for store, found in judged(facts):
        names = [label_of(one.stored.certificate) for one in found if one.standing == "public"]
        if names:
            count = "1 public CA" if len(names) == 1 else f"{len(names)} public CAs"
            yield store.name, f"{count}: {_first(names)}", _anew(store.name, _ALONE)


@rule(
    "store-may-sign-for-all",
    _ERROR,
    "A peer's certificate may sign others, in a store that others share (`audit --store`)",
    why=_IMPOSTOR,
    source="RFC 5280, 4.2.1.9; share/doc/cross.md",
)
def _impostor(facts: AuditFacts) -> Seen:
    for _store, found in judged(facts):
        of_peer = Counter(peer for one in found for peer in one.peers)
        for one in found:
            if one.standing != "trusted" or one.held or one.stored.certificate.is_ca is False:
                continue
            peer, pin = one.pins[0]
            others = len(found) - max(of_peer[name] for name in one.peers)
            if others:
                seen = f"{name_of(peer, pin)} ({pin.role}) may sign for all others here ({others})"
                fix = again(peer) if pin.role == "authority" else renew(peer)
                yield str(one.stored.place), seen, fix


@rule(
    "store-unreadable",
    _WARNING,
    "A store holds what is no certificate, or cannot be read (`audit --store`)",
    why="one bad block can make all of a bundle unusable: then all mail waits",
    source="RFC 7468; share/doc/exim.md",
)
def _unreadable(facts: AuditFacts) -> Seen:
    for store in facts.stores.found:
        for one in store.unread:
            yield str(one.place), one.why, _anew(one.place.file)


@rule(
    "store-private-key",
    _ERROR,
    "A store holds a private key (`audit --store`)",
    why="stores are read by everybody, and a key that left its host has to be replaced",
    source="RFC 5280, 9",
)
def _key(facts: AuditFacts) -> Seen:
    for store in facts.stores.found:
        for one in store.keys:
            yield str(one), "a private key", shlex.join(("chmod", "go-rwx", one.argument))


@rule(
    "store-empty",
    _WARNING,
    "A store holds no certificate at all (`audit --store`)",
    why="nothing verifies against it: all mail that has to be verified waits",
    source="share/doc/exim.md",
)
def _empty(facts: AuditFacts) -> Seen:
    for store in facts.stores.found:
        if not store.certificates:
            yield store.name, "it holds no certificate", _anew(store.name)


@rule(
    "store-lacks",
    _NOTICE,
    "A trusted pin is not in the store (`audit --store`)",
    why="mail to that peer waits where this store alone is verified against",
    source="share/doc/migrating.md",
)
def _lacks(facts: AuditFacts) -> Seen:
    for store in facts.stores.found:
        names = [name_of(peer, pin) for peer, pin in lacking(store, facts)]
        if names:
            count = "1 trusted pin is" if len(names) == 1 else f"{len(names)} trusted pins are"
            yield store.name, f"{count} not in it: {_first(names)}", _anew(store.name)


@rule(
    "store-twice",
    _NOTICE,
    "A certificate stands twice in a store (`audit --store`)",
    why="what is taken out in one place goes on being trusted by the other",
    source="share/doc/migrating.md",
)
def _twice(facts: AuditFacts) -> Seen:
    for _store, found in judged(facts):
        for one in found:
            for place in one.stored.repeats:
                yield (
                    str(place),
                    f"{one.name} stands in {one.stored.place} already",
                    _anew(place.file),
                )


@rule(
    "system-store-differs",
    _ERROR,
    "The system's store does not hold what was exported to it",
    why="an upgrade, another program or a person changed it: all that verify by it trust others",
    source="share/doc/adr/0014-the-systems-store.md",
)
def _system_differs(facts: AuditFacts) -> Seen:
    for target in facts.targets:
        if target.system is not None:
            for one in target.system.differences:
                yield target.state.path, one, _SYSTEM


@rule(
    "system-store-may-differ",
    _WARNING,
    "The system's store holds what was exported, and something of others, or may not for long",
    why="what is in it is trusted by all that verify by it",
    source="share/doc/adr/0014-the-systems-store.md",
)
def _system_fragile(facts: AuditFacts) -> Seen:
    for target in facts.targets:
        if target.system is not None:
            for one in target.system.notices:
                yield target.state.path, one, _SYSTEM
