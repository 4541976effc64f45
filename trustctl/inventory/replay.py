"""Replays the journal: what each table must hold if nothing but trustctl ever wrote it."""

from __future__ import annotations

from typing import Any

from trustctl.facts.moment import parse_stamp
from trustctl.inventory.dane import ReplayDane
from trustctl.inventory.inbound import ReplayInbound
from trustctl.inventory.replay_ca import ReplayCa
from trustctl.inventory.replay_wire import ReplayWire
from trustctl.inventory.settings import OF_TRUST


class Replay:
    """The state that the entries applied so far amount to, keyed as the tables are."""

    def __init__(self) -> None:
        self.ca = ReplayCa()
        self.dane = ReplayDane()
        self.inbound = ReplayInbound()
        self.wire = ReplayWire()
        self.domains: dict[str, tuple[str, int]] = {}
        self.hosts: set[tuple[str, str]] = set()
        self.pins: dict[int, tuple[Any, ...]] = {}
        self.vouches: dict[int, tuple[Any, ...]] = {}
        self.withdrawals: dict[int, tuple[Any, ...]] = {}
        self.distrusts: dict[tuple[str, str], tuple[Any, ...]] = {}
        self.settings: dict[str, str] = {}
        self.chains: dict[str, list[tuple[int, str]]] = {}
        self.generations: dict[tuple[str, str, int], tuple[Any, ...]] = {}
        self.current: dict[tuple[str, str], int] = {}
        self.certificates: dict[str, str] = {}
        self._added: dict[str, int] = {}
        self._touched: dict[str, int] = {}
        self._pinning: dict[str, set[str]] = {}

    def apply(
        self, seq: int, at_text: str, actor: str, action: str, subject: str, d: dict[str, Any]
    ) -> None:
        """Apply one entry.

        Raises:
            KeyError, TypeError, ValueError: it tells of something that cannot be.
        """
        at = parse_stamp(at_text)
        match action:
            case "peer.add":
                self._added[subject] = at
                self._touch(seq, subject)
            case "domain.protect":
                self.domains[subject] = (d["peer"], at)
                self._touch(seq, d["peer"])
            case "domain.unprotect":
                del self.domains[subject]
                self._touch(seq, d["peer"])
            case "mx.add":
                self.hosts.add((d["peer"], subject))
            case "pin.add":
                self.certificates.update(d["stored"])
                self.pins[d["pin"]] = (d["peer"], subject, d["role"], at, actor, None, None)
                self._pinning.setdefault(subject, set()).add(d["peer"])
                self._touch(seq, d["peer"])
            case "pin.retire":
                self.pins[d["pin"]] = (*self.pins[d["pin"]][:5], at, d["reason"])
                self._touch(seq, d["peer"])
            case "chain.set":
                self.certificates.update(d["stored"])
                self.chains[subject] = list(enumerate(d["issuers"]))
                self._touch(seq, *self._pinning[subject])
            case "vouch.add":
                self.vouches[d["vouch"]] = (
                    d["peer"], subject, d["voucher"], d["channel"], d["note"], at, d["expires_at"],
                )  # fmt: skip
                self._touch(seq, d["peer"])
            case "vouch.withdraw":
                self.withdrawals[d["vouch"]] = (at, actor, d["reason"])
                self._touch(seq, d["peer"])
            case "distrust.add":
                self.distrusts[d["kind"], subject] = (d["reason"], at, actor)
                self._touch(seq, *d["peers"])
            case "setting.set":
                self.settings[subject] = d["value"]
                if subject in OF_TRUST:
                    self._touch(seq, *self._added)
            case "generation.publish" | "generation.rollback":
                place = (subject, d["format"])
                self.generations[*place, d["number"]] = (
                    d["created_at"], d["as_of"], d["journal_seq"], d["manifest_sha256"],
                )  # fmt: skip
                self.current[place] = d["number"]
            case "target.forget":
                gone = (subject, d["format"])
                self.current.pop(gone, None)
                self.generations = {k: v for k, v in self.generations.items() if k[:2] != gone}
            case "ca.revoke" | "ca.cross":
                self.ca.apply(at, actor, action, subject, d)
                self._touch(seq, *d["peers"])
            case "dane.next-key" | "dane.publish":
                self.dane.apply(at, actor, action, subject, d)
            case "inbound.set" if subject in self._added:
                self.inbound.apply(at, actor, subject, d)
                self._touch(seq, subject)
            case "observe" | "testimony" | "announce":
                self.wire.apply(at, actor, action, subject, d)
                if "stored" in d:
                    self.certificates.update(d["stored"])
                    if d["issuers"]:
                        self.chains[d["fingerprint"]] = list(enumerate(d["issuers"]))
            case "renew":
                self.wire.apply(at, actor, action, subject, d)
                self._touch(seq, d["peer"])
            case _:
                self.ca.apply(at, actor, action, subject, d)

    def _touch(self, seq: int, *peers: str) -> None:
        for peer in peers:
            self._touched[peer] = seq

    @property
    def peers(self) -> dict[str, tuple[int, int]]:
        """Each peer's name -> when it was added, and the entry that last changed its export."""
        return {name: (at, self._touched[name]) for name, at in self._added.items()}
