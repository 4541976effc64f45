"""Who plays what: the partner, and then each attacker, for one protected domain."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from cryptography.hazmat.primitives import serialization

from trustctl.facts.proof import INSTALLED, Attempt, Damage, OldTls, PlayedHost
from trustctl.prove.stand import OTHER_DOMAIN, OTHER_HOST, Genuine, Stand, World
from trustctl.prove.throwaway import Made, leaf, like

GENUINE, ATTACKER, OTHER, NOBODY = (f"203.0.113.{at}" for at in (10, 20, 30, 254))
_ELSEWHERE = "prove-attacker.test"
_OLD: tuple[tuple[OldTls, str], ...] = (("TLSv1.1", "TLS 1.1"), ("TLSv1", "TLS 1.0"))
Records = dict[str, dict[str, tuple[str, ...]]]
_DAMAGES: dict[Damage, str] = {
    "missing": "the map of pins is gone",
    "empty": "the map of pins is empty",
    "broken": "the map of pins is zeroed",
    "no-set": "the trust sets are gone",
}


def attempts(stand: Stand, world: World) -> list[Attempt]:
    """Everything that is played for the domain of this stand, the installed data first."""
    found = [*_strangers(stand, world, INSTALLED)]
    if stand.genuine is None:
        why = "no certificate is trusted: all its mail waits"
        found.append(replace(_partner(stand, PlayedHost()), obstacle=why))
        return [*found, *_strangers(stand, world, "throwaway")]
    found.append(_partner(stand, stand.genuine.host))
    found += _strangers(stand, world, "throwaway")
    found += _insiders(stand, stand.genuine, world)
    found += _confusions(stand, world)
    found += _damages(stand, world)
    return found


def _attempt(
    stand: Stand,
    attack: str,
    about: str,
    data: str,
    host: PlayedHost,
    *,
    zone: Records | None = None,
    address: str = ATTACKER,
) -> Attempt:
    return Attempt(
        attack,
        about,
        stand.peer,
        stand.domain,
        data,
        "deferred",
        {address: host},
        route(stand.domain, stand.host, address) if zone is None else zone,
        f"prove@{stand.domain}",
    )


def route(domain: str, host: str, address: str) -> Records:
    """DNS that sends a domain's mail to this host."""
    zone: Records = {domain: {"MX": (f"10 {host}.",)}}
    zone.setdefault(host, {})["A"] = (address,)
    return zone


def _partner(stand: Stand, host: PlayedHost) -> Attempt:
    one = _attempt(stand, "none", "the true peer", "throwaway", host, address=GENUINE)
    return replace(one, expected="delivered")


def _strangers(stand: Stand, world: World, data: str) -> Iterator[Attempt]:
    """Attackers who have nothing of the peer's."""

    def play(attack: str, about: str, host: PlayedHost, zone: Records | None = None) -> Attempt:
        return _attempt(stand, attack, about, data, host, zone=zone)

    own = presenting(leaf((stand.host,), world.now))
    yield play("self-signed", "another certificate for the right name", own)
    for model in stand.models[:1]:
        facts = world.facts[model.fingerprint]
        if facts.is_ca and model.role == "authority":
            forged = like(model.der, facts, world.now)
            made = leaf((stand.host,), world.now, issuer=forged)
            host = presenting(made, forged)
        else:
            host = presenting(like(model.der, facts, world.now))
        yield play("other-key", "the same names, another key", host)
    certified = leaf((stand.host,), world.now, issuer=world.public_ca)
    yield play(
        "public-ca",
        "a public CA's certificate, right name",
        presenting(certified, world.public_ca),
    )
    yield play("stripped", "STARTTLS is stripped", PlayedHost())
    yield play("refused", "STARTTLS is offered, and then refused", PlayedHost(refuses=True))
    yield play(
        "tlsa",
        "a TLSA record vouches for the attacker",
        own,
        {**_routed(stand), f"_25._tcp.{stand.host}": {"TLSA": (f"3 1 1 {_key_hash(own)}",)}},
    )
    elsewhere = route(_ELSEWHERE, f"mx.{_ELSEWHERE}", ATTACKER)
    yield play(
        "renamed",
        "DNS answers with another domain's records",
        own,
        {**elsewhere, stand.domain: {"MX": (f"{_ELSEWHERE}: 10 mx.{_ELSEWHERE}.",)}},
    )
    yield play(
        "alias",
        "DNS says that the domain is another's alias",
        own,
        {**elsewhere, stand.domain: {"CNAME": (_ELSEWHERE,)}},
    )
    yield play("no-mx", "no MX: the domain's own address", own, {stand.domain: {"A": (ATTACKER,)}})
    capitals = play("capitals", "the domain in capitals", own)
    yield replace(capitals, recipient=f"prove@{stand.domain.upper()}")
    spelling = play("spelling", "the domain with a full-width letter", own)
    yield replace(spelling, recipient=f"prove@{_widened(stand.domain)}")
    postmaster = play("postmaster", "mail to postmaster", own)
    yield replace(postmaster, recipient=f"postmaster@{stand.domain}")


def _widened(domain: str) -> str:
    """Another spelling of the domain: DNS is asked for the same (UTS 46)."""
    return chr(ord(domain[0]) - ord("a") + ord("\uff41")) + domain[1:]


def _routed(stand: Stand) -> Records:
    return route(stand.domain, stand.host, ATTACKER)


def _insiders(stand: Stand, genuine: Genuine, world: World) -> Iterator[Attempt]:
    """Attackers whom somebody trusts, though not for this; and what the peer had once."""
    signed = leaf((stand.host,), world.now, issuer=world.other)
    yield _attempt(
        stand,
        "other-peer",
        "signed by another trusted peer's CA",
        "throwaway",
        presenting(signed, world.other),
    )
    if stand.authority is not None:
        wrong = leaf((f"mx.{_ELSEWHERE}",), world.now, issuer=stand.authority)
        yield _attempt(
            stand,
            "other-name",
            "the peer's CA, but another host's name",
            "throwaway",
            presenting(wrong, stand.authority),
        )
    for name, about, host in (
        ("own-ca", "another certificate of the pinned one's CA", stand.of_same_ca),
        ("expired", "the pinned certificate, expired", stand.expired),
        ("revoked", "one that our own CA revoked", stand.revoked),
        ("distrusted", "the true key, but distrusted", genuine.host),
    ):
        if host is not None:
            yield _attempt(stand, name, about, stand.variant(name), host)
    for newest, said in _OLD:
        about = f"the true peer, held down to {said}"
        host = replace(genuine.host, newest=newest)
        old = _attempt(stand, "old-tls", about, "throwaway", host, address=GENUINE)
        yield replace(old, expected="either")


def _confusions(stand: Stand, world: World) -> Iterator[Attempt]:
    """Mail led to another trusted peer's host, whose certificate is right for that peer's mail."""
    host = presenting(world.other)
    zone = route(stand.domain, OTHER_HOST, OTHER)
    spoofed = _attempt(
        stand, "spoofed", "MX spoofed to another peer's host", "throwaway", host, zone=zone
    )
    spoofed = replace(spoofed, hosts={OTHER: host})
    yield spoofed
    both: Records = {**zone, OTHER_DOMAIN: {"MX": (f"10 {OTHER_HOST}.",)}}
    beside = f"prove@{OTHER_DOMAIN}"
    two = replace(spoofed, zone=both, attack="two-domains", beside=beside)
    yield replace(two, about="so, and one mail to both peers' domains")
    yield replace(two, about="so, the other domain first", beside_first=True)
    about = "so, and both peers' mails wait for one connection"
    yield replace(two, attack="waiting", about=about, waiting=True)


def _damages(stand: Stand, world: World) -> Iterator[Attempt]:
    """Data that are not what was written."""
    host = presenting(leaf((stand.host,), world.now))
    for damage, about in _DAMAGES.items():
        one = _attempt(stand, f"data-{damage}", about, "throwaway", host)
        yield replace(one, damage=damage)


def presenting(made: Made, *issuers: Made) -> PlayedHost:
    """A host that presents this certificate, and its issuers."""
    return PlayedHost("".join(one.pem for one in (made, *issuers)), made.key_pem)


def _key_hash(host: PlayedHost) -> str:
    """The SHA-256 of its public key (RFC 6698, 2.1.3)."""
    key = serialization.load_pem_private_key(host.key.encode("ascii"), None)
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(public).hexdigest()


def without_answer(zone: Mapping[str, Mapping[str, tuple[str, ...]]]) -> Records:
    """The same DNS, but the hosts are where nobody answers."""
    return {
        name: {kind: (NOBODY,) if kind == "A" else data for kind, data in kinds.items()}
        for name, kinds in zone.items()
    }
