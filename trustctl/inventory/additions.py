"""Adds certificates, pins and vouches to the inventory: for one ``add`` and for a large import."""

from __future__ import annotations

from sqlalchemy import select

from trustctl.errors import ConflictError
from trustctl.facts.addition import Added, Addition, Evidence, NewProtection, NewVouch
from trustctl.facts.fingerprint import short
from trustctl.facts.names import voucher_key
from trustctl.inventory import schema
from trustctl.inventory.certificates import certificate_row, facts_digest
from trustctl.inventory.known import Known, Scope
from trustctl.inventory.transaction import WriteTransaction


class Additions:
    """Applies additions within one write transaction.

    With ``bulk`` what is there is read once, so that each addition needs no query.
    """

    def __init__(self, transaction: WriteTransaction, *, bulk: bool = False) -> None:
        self._tx = transaction
        self._known = Known()
        self._bulk = bulk
        if bulk:
            self._known.load(transaction.connection, None)

    def add(self, addition: Addition) -> Added:
        """Record the addition; what is there already is not recorded twice.

        Raises:
            ConflictError: a domain belongs to another peer, the certificate or its key is
                distrusted, or it is pinned to this peer in another role.
        """
        tx, known = self._tx, self._known
        facts = addition.certificate.facts
        self._look(
            Scope(
                addition.peer,
                addition.domains,
                facts.fingerprint,
                facts.spki or "",
                tuple(one.facts.fingerprint for one in addition.chain),
            )
        )
        before = tx.changes
        self._refuse(addition)
        peer_id, new_peer = self._peer(addition.peer)
        new_domains = self._add_domains(addition.peer, addition.domains, peer_id)
        self._add_hosts(addition.peer, addition.mx_hosts, peer_id)
        stored = self._store(addition.certificate)
        shared = known.sharing(facts.spki or facts.fingerprint, addition.peer)
        pin_id, new_pin = self._add_pin(addition, peer_id, stored)
        self._store_chain(addition, peer_id)
        vouches = sum(
            self._add_vouch(addition.peer, peer_id, facts.fingerprint, one)
            for one in addition.vouches
        )
        return Added(
            peer=addition.peer,
            fingerprint=facts.fingerprint,
            pin_id=pin_id,
            new_peer=new_peer,
            new_pin=new_pin,
            new_domains=new_domains,
            new_vouches=vouches,
            shared_with=shared,
            changed=tx.changes > before,
        )

    def refuse_from_now(self, kind: str, value: str, reason: str) -> None:
        """Take note of a distrust that this transaction has just recorded."""
        self._known.distrusts[kind, value] = reason

    def protect(self, protection: NewProtection) -> None:
        """Protect a peer's domains without a certificate: their mail waits until there is one.

        Raises:
            ConflictError: a domain belongs to another peer.
        """
        self._look(Scope(protection.peer, protection.domains))
        self._refuse_domains(protection.peer, protection.domains)
        peer_id, _new = self._peer(protection.peer)
        self._add_domains(protection.peer, protection.domains, peer_id)
        self._add_hosts(protection.peer, protection.mx_hosts, peer_id)

    def vouch(self, peer: str, peer_id: int, fingerprint: str, new: NewVouch) -> bool:
        """Record a vouch for a pin that is there; False where the same statement stands already."""
        self._look(Scope(peer, (), fingerprint))
        return self._add_vouch(peer, peer_id, fingerprint, new)

    def _look(self, scope: Scope) -> None:
        if not self._bulk:
            self._tx.flush()
            self._known.load(self._tx.connection, scope)

    def _peer(self, name: str) -> tuple[int, bool]:
        """The peer's id, and whether it had to be made."""
        known = self._known.peers.get(name)
        if known is not None:
            return known, False
        tx = self._tx
        peer_id = self._known.peers[name] = tx.new_id(schema.peer)
        tx.insert(schema.peer, id=peer_id, name=name, added_at=tx.now, changed_seq=tx.next_seq)
        tx.record("peer.add", name, {}, peer_id)
        return peer_id, True

    def _refuse(self, addition: Addition) -> None:
        facts = addition.certificate.facts
        for kind, value in (("fingerprint", facts.fingerprint), ("spki", facts.spki)):
            reason = self._known.distrusts.get((kind, value or ""))
            if reason is not None:
                what = "certificate" if kind == "fingerprint" else "key"
                raise ConflictError(
                    f"{addition.peer}: the {what} of {short(facts.fingerprint)} is distrusted: "
                    f"{reason}",
                    "ask the peer for a new certificate with a new key",
                )
        self._refuse_domains(addition.peer, addition.domains)

    def _refuse_domains(self, peer: str, domains: tuple[str, ...]) -> None:
        for domain in domains:
            owner = self._known.domains.get(domain)
            if owner is not None and owner != peer:
                raise ConflictError(
                    f"{domain} belongs to the peer {owner}, not to {peer}",
                    f"type --peer {owner}, or trustctl unprotect {domain} first",
                )

    def _add_domains(self, peer: str, domains: tuple[str, ...], peer_id: int) -> tuple[str, ...]:
        new = [one for one in dict.fromkeys(domains) if one not in self._known.domains]
        for domain in new:
            self._tx.insert(schema.domain, name=domain, peer_id=peer_id, added_at=self._tx.now)
            self._tx.record("domain.protect", domain, {"peer": peer}, peer_id)
            self._known.domains[domain] = peer
        return tuple(new)

    def _add_hosts(self, peer: str, hosts: tuple[str, ...], peer_id: int) -> None:
        for host in dict.fromkeys(hosts):
            if (peer_id, host) not in self._known.hosts:
                self._known.hosts.add((peer_id, host))
                self._tx.insert(schema.mx_host, peer_id=peer_id, name=host)
                self._tx.record("mx.add", host, {"peer": peer})

    def _store(self, evidence: Evidence) -> dict[str, str]:
        """Keep the certificate; where it is new, its fingerprint and its row's digest, for the
        journal."""
        fingerprint = evidence.facts.fingerprint
        if fingerprint in self._known.certificates:
            return {}
        row = certificate_row(evidence)
        self._tx.insert(schema.certificate, **row)
        self._known.certificates.add(fingerprint)
        return {fingerprint: facts_digest(row)}

    def _add_pin(
        self, addition: Addition, peer_id: int, stored: dict[str, str]
    ) -> tuple[int, bool]:
        facts = addition.certificate.facts
        fingerprint = facts.fingerprint
        existing = self._known.pins.get((peer_id, fingerprint))
        if existing is not None:
            pin_id, role = existing
            if role != addition.role:
                raise ConflictError(
                    f"{short(fingerprint)} is pinned to {addition.peer} already, in the role "
                    f"{role}",
                    f"trustctl retire {fingerprint} --peer {addition.peer} first",
                )
            return pin_id, False
        pin_id = self._tx.new_id(schema.pin)
        self._tx.insert(
            schema.pin,
            id=pin_id,
            peer_id=peer_id,
            fingerprint=fingerprint,
            role=addition.role,
            added_at=self._tx.now,
            added_by=self._tx.actor,
            retired_at=None,
            retired_reason=None,
        )
        details: dict[str, object] = {
            "peer": addition.peer,
            "pin": pin_id,
            "role": addition.role,
            "stored": stored,
        }
        self._tx.record("pin.add", fingerprint, details, peer_id)
        self._known.pins[peer_id, fingerprint] = (pin_id, addition.role)
        self._known.remember_key(facts.spki or fingerprint, addition.peer)
        return pin_id, True

    def _store_chain(self, addition: Addition, peer_id: int) -> None:
        fingerprint = addition.certificate.facts.fingerprint
        issuers = [one.facts.fingerprint for one in addition.chain]
        if not issuers or self._known.chains.get(fingerprint) == issuers:
            return
        stored: dict[str, str] = {}
        for one in addition.chain:
            stored |= self._store(one)
        self._tx.flush()
        chain = schema.chain
        self._tx.connection.execute(chain.delete().where(chain.c.fingerprint == fingerprint))
        for position, issuer in enumerate(issuers):
            self._tx.insert(chain, fingerprint=fingerprint, position=position, issuer=issuer)
        self._known.chains[fingerprint] = issuers
        # the chain is the certificate's: every peer that pins it is exported anew
        pin = schema.pin.c
        query = select(pin.peer_id).where(pin.fingerprint == fingerprint)
        pinning = set(self._tx.connection.execute(query).scalars())
        details: dict[str, object] = {"issuers": issuers, "stored": stored}
        self._tx.record("chain.set", fingerprint, details, *sorted(pinning | {peer_id}))

    def _add_vouch(self, peer: str, peer_id: int, fingerprint: str, new: NewVouch) -> bool:
        statement = (voucher_key(new.voucher), new.channel, new.note, new.expires_at)
        said = self._known.vouches.setdefault((peer_id, fingerprint), set())
        if statement in said:
            return False
        said.add(statement)
        tx = self._tx
        vouch_id = tx.new_id(schema.vouch)
        tx.insert(
            schema.vouch,
            id=vouch_id,
            peer_id=peer_id,
            fingerprint=fingerprint,
            voucher=new.voucher,
            channel=new.channel,
            note=new.note,
            at=tx.now,
            expires_at=new.expires_at,
        )
        details: dict[str, object] = {
            "channel": new.channel,
            "expires_at": new.expires_at,
            "note": new.note,
            "peer": peer,
            "vouch": vouch_id,
            "voucher": new.voucher,
        }
        tx.record("vouch.add", fingerprint, details, peer_id)
        return True
