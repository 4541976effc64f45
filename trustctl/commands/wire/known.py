"""The peers that hosts are compared with, read once, and the comparison."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from trustctl.facts.addition import Evidence
from trustctl.facts.certificate import CertificateFacts, parse_certificate
from trustctl.facts.live import Comparison, LiveHost
from trustctl.facts.names import within
from trustctl.facts.records import Peer, Settings
from trustctl.facts.wire import Sighting, WireSettings
from trustctl.policy.trust import judge

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection


@dataclass(frozen=True, slots=True)
class Known:
    """The inventory's part of a look at hosts.

    Attributes:
        peers: by name. announced: ids of pins that are to replace others.
        authorities: the DER of certificates that are pinned in the role authority.
        refused: fingerprints and SPKI pins that are distrusted, or that our own CA revoked.
        issuers: by the fingerprint of a pinned certificate, those that exports have beside it.
    """

    peers: dict[str, Peer]
    settings: Settings
    wire: WireSettings
    announced: frozenset[int]
    authorities: dict[str, bytes] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    issuers: dict[str, tuple[bytes, ...]] = field(default_factory=dict)

    def owner(self, name: str) -> str | None:
        """The peer whose domain or expected host this is, or whose domain it lies within."""
        best = ""
        found: str | None = None
        for peer in self.peers.values():
            if name in peer.mx_hosts:
                return peer.name
            for domain in peer.domains:
                if within(name, domain) and len(domain) > len(best):
                    best, found = domain, peer.name
        return found

    def addresses(self, peer: str | None, now: int) -> frozenset[str]:
        """The addresses that a peer's trusted certificates name: those may be dialled. What is
        pending names what whoever presented it likes."""
        one = self.peers.get(peer or "")
        if one is None:
            return frozenset()
        return frozenset(
            name
            for pin in one.pins
            if judge(pin, self.settings, now).trusted
            for name in pin.certificate.names
            if ":" in name or name.rpartition(".")[2].isdigit()
        )


def read(connection: Connection, where: ColumnElement[bool] | None = None) -> Known:
    """The peers for which this holds, and the settings."""
    from trustctl.inventory import announcements, distrusts, revocations, snapshot
    from trustctl.inventory.settings import read_settings, read_wire

    peers = {one.name: one for one in snapshot.read_peers(connection, where=where)}
    pins = [pin for one in peers.values() for pin in one.pins]
    signing = [pin.certificate.fingerprint for pin in pins if pin.role == "authority"]
    signed = [
        pin.certificate.fingerprint
        for pin in pins
        if pin.role == "host" and not pin.certificate.self_signed
    ]
    chains = snapshot.chains(connection, signed) if signed else {}
    denied = distrusts.distrusted_fingerprints(connection)
    issuers = {one for chain in chains.values() for one in chain}.difference(denied)
    ders = snapshot.ders(connection, sorted(issuers)) if issuers else {}
    return Known(
        peers=peers,
        settings=read_settings(connection),
        wire=read_wire(connection),
        announced=frozenset(one.pin for one in announcements.of_peers(connection)),
        authorities=snapshot.ders(connection, signing) if signing else {},
        refused=frozenset(denied).union(
            revocations.lost_keys(connection), *revocations.newest(connection).values()
        ),
        issuers={
            leaf: tuple([ders[one] for one in chain if one in ders])
            for leaf, chain in chains.items()
        },
    )


NOTHING = Known({}, Settings(), WireSettings(), frozenset())
"""Where there is no inventory yet."""


class Judge:
    """Compares sightings with what is known; each certificate is read once."""

    def __init__(self, known: Known, now: int) -> None:
        self._known = known
        self._now = now
        self._facts = {
            pin.certificate.fingerprint: pin.certificate
            for peer in known.peers.values()
            for pin in peer.pins
        }
        self._pinned = frozenset(self._facts)

    @property
    def peers(self) -> frozenset[str]:
        """The names of the peers that there are."""
        return frozenset(self._known.peers)

    def live(self, sighting: Sighting, peer: str | None, domains: tuple[str, ...]) -> LiveHost:
        """What the sighting means for this peer."""
        if sighting.outcome == "presented":
            leaf = self._read(sighting.chain[0])
            if leaf is not None:
                found = self._compare(leaf, sighting, peer)
                return LiveHost(peer or "", domains, sighting, leaf, found)
            sighting = replace(
                sighting, outcome="garbled", detail="what it presented is no certificate", chain=()
            )
        return LiveHost(peer or "", domains, sighting)

    def evidence(self, sighting: Sighting, *, whole: bool = False) -> tuple[Evidence, ...]:
        """The presented chain with its facts, its own certificate first; what is no certificate at
        all is left out. Of what is pinned already, the certificate alone, unless ``whole``."""
        chain = sighting.chain
        if not whole and chain and hashlib.sha256(chain[0]).hexdigest() in self._pinned:
            chain = chain[:1]
        read = [(self._read(der), der) for der in chain]
        return tuple(Evidence(facts, der) for facts, der in read if facts is not None)

    def _read(self, der: bytes) -> CertificateFacts | None:
        from trustctl.errors import InputError

        fingerprint = hashlib.sha256(der).hexdigest()
        if fingerprint not in self._facts:
            try:
                self._facts[fingerprint] = parse_certificate(der)
            except InputError:
                return None
        return self._facts[fingerprint]

    def _compare(self, leaf: CertificateFacts, sighting: Sighting, peer: str | None) -> Comparison:
        from trustctl.facts import verifier
        from trustctl.facts.selfsign import is_signed_by
        from trustctl.policy.presented import compare

        one = self._known.peers.get(peer or "")
        known, pins = self._known, () if one is None else one.pins
        signing = {pin.certificate.fingerprint for pin in pins if pin.role == "authority"}
        tops = {
            print_: known.authorities[print_] for print_ in signing if print_ in known.authorities
        }
        carried = known.issuers.get(leaf.fingerprint, ())
        ders = {**tops, leaf.fingerprint: sighting.chain[0]}
        pinned = not leaf.self_signed and leaf.fingerprint in self._pinned
        above = self._read_all(sighting.chain[1:] if tops or pinned else (), ders)
        beside = self._read_all(carried, ders)
        if tops:
            leaf = replace(leaf, names=verifier.host_names(sighting.chain[0], leaf.names))

        def signed(lower: CertificateFacts, upper: CertificateFacts) -> bool:
            der = ders[upper.fingerprint]
            if tops and not verifier.permits(der, leaf.names):
                return False
            if tops and upper.fingerprint not in tops and not verifier.states_ca(der):
                return False
            return is_signed_by(ders[lower.fingerprint], lower, der, upper, unsure=False)

        return compare(
            leaf,
            above,
            sighting.endpoint.host,
            one,
            known.settings,
            self._now,
            signed=signed,
            announced=known.announced,
            refused=known.refused,
            carried=beside,
        )

    def _read_all(self, ders: Sequence[bytes], known: dict[str, bytes]) -> list[CertificateFacts]:
        """The facts of those that are certificates at all; their DER goes into ``known``."""
        found = []
        for der in ders:
            if (facts := self._read(der)) is not None:
                found.append(facts)
                known[facts.fingerprint] = der
        return found
