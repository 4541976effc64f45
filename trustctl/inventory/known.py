"""What the inventory holds already, as far as additions ask: dictionaries filled by few queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, select

from trustctl.facts.names import voucher_key
from trustctl.inventory.schema import (
    certificate,
    chain,
    distrust,
    domain,
    mx_host,
    peer,
    pin,
    vouch,
    withdrawal,
)


class Scope(NamedTuple):
    """What an addition is about. ``issuers``: the fingerprints of the chain above the leaf."""

    peer: str = ""
    domains: tuple[str, ...] = ()
    fingerprint: str = ""
    spki: str = ""
    issuers: tuple[str, ...] = ()


class Known:
    """Names, keys and statements that are there; whoever adds one adds it here as well.

    Attributes:
        peers: name -> id. domains: name -> the owner's name. hosts: (peer id, host).
        certificates: fingerprints. pins: (peer id, fingerprint) -> (pin id, role), not retired.
        chains: fingerprint -> issuers' fingerprints. distrusts: (kind, value) -> reason.
        vouches: (peer id, fingerprint) -> statements that stand
            (voucher's key, channel, note, expires_at).
    """

    def __init__(self) -> None:
        self.peers: dict[str, int] = {}
        self.domains: dict[str, str] = {}
        self.hosts: set[tuple[int, str]] = set()
        self.certificates: set[str] = set()
        self.pins: dict[tuple[int, str], tuple[int, str]] = {}
        self.chains: dict[str, list[str]] = {}
        self.distrusts: dict[tuple[str, str], str] = {}
        self.vouches: dict[tuple[int, str], set[tuple[str, str, str, int | None]]] = {}
        self._keys: dict[str, tuple[str, ...]] = {}

    def sharing(self, key: str, peer_name: str) -> tuple[str, ...]:
        """Other peers that pin the key with this SPKI (or fingerprint, where it has none)."""
        return tuple(name for name in self._keys.get(key, ()) if name != peer_name)

    def remember_key(self, key: str, peer_name: str) -> None:
        """Note that the peer pins the key."""
        names = self._keys.get(key, ())
        if peer_name not in names:
            self._keys[key] = (*names, peer_name)

    def load(self, connection: Connection, scope: Scope | None) -> None:
        """Read what bears on ``scope``; everything where it is None."""

        def rows(query: Select[Any], *where: ColumnElement[bool]) -> Sequence[Any]:
            return connection.execute(query.where(*where) if scope else query).all()

        name, names, leaf, spki, prints = scope or Scope()
        self.peers.update(rows(select(peer.c.name, peer.c.id), peer.c.name == name))
        self.domains.update(
            rows(
                select(domain.c.name, peer.c.name).join(peer, peer.c.id == domain.c.peer_id),
                domain.c.name.in_(names),
            )
        )
        peer_id = self.peers.get(name, -1)
        self.hosts.update(
            rows(select(mx_host.c.peer_id, mx_host.c.name), mx_host.c.peer_id == peer_id)
        )
        self.certificates.update(
            row[0]
            for row in rows(
                select(certificate.c.fingerprint), certificate.c.fingerprint.in_([leaf, *prints])
            )
        )
        pins = (
            select(
                pin.c.id,
                pin.c.peer_id,
                pin.c.fingerprint,
                pin.c.role,
                certificate.c.spki,
                peer.c.name,
            )
            .join(certificate, certificate.c.fingerprint == pin.c.fingerprint)
            .join(peer, peer.c.id == pin.c.peer_id)
            .where(pin.c.retired_at.is_(None))
        )
        mine = (certificate.c.fingerprint == leaf) | (certificate.c.spki == spki)
        for pin_id, owner, fingerprint, role, key, owner_name in rows(pins, mine):
            self.pins[owner, fingerprint] = (pin_id, role)
            self.remember_key(key or fingerprint, owner_name)
        chains: dict[str, list[str]] = {}
        for fingerprint, issuer in rows(
            select(chain.c.fingerprint, chain.c.issuer).order_by(
                chain.c.fingerprint, chain.c.position
            ),
            chain.c.fingerprint == leaf,
        ):
            chains.setdefault(fingerprint, []).append(issuer)
        self.chains.update(chains)
        for kind, value, reason in rows(
            select(distrust.c.kind, distrust.c.value, distrust.c.reason),
            distrust.c.value.in_([leaf, spki]),
        ):
            self.distrusts[kind, value] = reason
        stands = (
            select(
                vouch.c.peer_id,
                vouch.c.fingerprint,
                vouch.c.voucher,
                vouch.c.channel,
                vouch.c.note,
                vouch.c.expires_at,
            )
            .outerjoin(withdrawal, withdrawal.c.vouch_id == vouch.c.id)
            .where(withdrawal.c.vouch_id.is_(None))
        )
        for owner, fingerprint, voucher, channel, note, expires_at in rows(
            stands, (vouch.c.peer_id == peer_id) & (vouch.c.fingerprint == leaf)
        ):
            statement = (voucher_key(voucher), channel, note, expires_at)
            self.vouches.setdefault((owner, fingerprint), set()).add(statement)
