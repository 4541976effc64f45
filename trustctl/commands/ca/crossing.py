"""Which CAs of which peers are to be held to which names, and whether that is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trustctl.commands.invocation import typed
from trustctl.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from trustctl.facts.issuance import Authority, Issuance
    from trustctl.facts.records import Cross, Peer, Pin


@dataclass(frozen=True, slots=True)
class Wanted:
    """One CA of a peer that is to be held to names.

    Attributes:
        ca: the hierarchy whose root is to sign. root: that; None where it is not known here.
        added: those of the permitted names that somebody asked for.
        before: what held it until now. remarks: what will be refused then, as far as is known.
        shared: whether the root has issuing CAs of ours below it.
    """

    peer: Peer
    pin: Pin
    der: bytes
    ca: str
    root: Authority | None
    permitted: tuple[str, ...]
    added: tuple[str, ...]
    before: Issuance | None
    due: bool
    remarks: tuple[str, ...]
    shared: bool

    @property
    def cross(self) -> Cross | None:
        return self.pin.cross

    @property
    def said(self) -> str:
        """The CA, for people."""
        return f"{self.peer.name} {self.pin.certificate.fingerprint[:8].upper()}"

    @property
    def end(self) -> str:
        """Until when it is held already."""
        from trustctl.facts.moment import format_date

        return "-" if self.cross is None else format_date(self.cross.not_after)

    @property
    def signing(self) -> Authority:
        """The root, where it signs here."""
        if self.root is None:
            raise ConflictError(f"there is no CA {self.ca}", "trustctl ca list --authorities")
        return self.root


def demand_here(one: Wanted, days: int | None) -> None:
    """Refuse what is due and can only be signed elsewhere.

    Raises:
        ConflictError: it is; with what to type instead.
    """
    if not one.due or one.signing.key != "elsewhere":
        return
    name = one.peer.name
    more = [word for added in one.added for word in ("--permit", added)]
    more += [] if days is None else ["--days", str(days)]
    if one.cross is None or one.cross.root_spki != one.signing.spki:
        more += ["--ca", one.ca]
    raise ConflictError(
        f"the key of {one.signing.name} is not on this machine",
        typed("ca", "cross", name, *more, "--request", f"{name}.json"),
    )


def plan(
    connection: Connection,
    now: int,
    name: str | None,
    added: tuple[str, ...] | None,
    days: int | None,
    hierarchy: str | None,
    refused: list[str],
    *,
    asking: bool = False,
) -> list[Wanted]:
    """What is to be signed for a peer; without one, for all whose CAs are held to names already.

    Args:
        added: what --permit says; None leaves it as it was.
        refused: gets what cannot be done, peer by peer, where none was named.
        asking: the root that is to sign is elsewhere, and may not be known here.

    Raises:
        ConflictError: it cannot be done for the peer that was named.
    """
    from trustctl.inventory import snapshot

    if name is not None:
        peers = list(snapshot.read_peers(connection, where=snapshot.named(name)))
        if not peers:
            raise ConflictError(f"there is no peer {name}", "trustctl list shows the peers")
        return _of_peer(connection, now, peers[0], added, days, hierarchy, asking=asking)
    found = []
    for peer in list(snapshot.read_peers_by_name(connection)):
        crossed = any(pin.cross is not None for pin in peer.pins)
        if not crossed or not _authorities(connection, peer, now):
            continue
        try:
            found += _of_peer(connection, now, peer, None, days, hierarchy)
        except ConflictError as error:
            refused.append(f"{peer.name}: {error.message}")
    return found


def trusted(connection: Connection, peer: Peer, now: int) -> list[Pin]:
    """The peer's trusted CAs, those that last longest last. Whether what holds one is in force does
    not matter: that is what is about to change."""
    from trustctl.inventory.settings import read_settings
    from trustctl.policy.trust import judge

    settings = read_settings(connection)
    return [
        pin
        for pin in sorted(peer.pins, key=lambda one: one.certificate.not_after or 0)
        if pin.role == "authority" and judge(replace(pin, cross=None), settings, now).trusted
    ]


def _authorities(connection: Connection, peer: Peer, now: int) -> dict[str, Pin]:
    """Of the peer's trusted CAs one pin for each key: the one that lasts longest."""
    return {pin.certificate.spki or "": pin for pin in trusted(connection, peer, now)}


def _of_peer(
    connection: Connection,
    now: int,
    peer: Peer,
    added: tuple[str, ...] | None,
    days: int | None,
    hierarchy: str | None,
    *,
    asking: bool = False,
) -> list[Wanted]:
    from trustctl.inventory import hierarchies, issuances, snapshot
    from trustctl.policy.held import wanted

    pins = _authorities(connection, peer, now)
    if not pins:
        raise ConflictError(
            f"{peer.name} has no trusted pin in the role authority",
            f"trustctl add CA.pem --peer {peer.name} --role authority --fingerprint",
        )
    ours = hierarchies.hierarchy_of_keys(connection)
    ders = snapshot.ders(connection, [one.certificate.fingerprint for one in peer.pins])
    found = []
    for spki, pin in pins.items():
        if spki in ours:
            raise ConflictError(
                f"the authority of {peer.name} is our own CA {ours[spki]}", "trustctl ca list"
            )
        holding = pin.cross or next((one.cross for one in peer.pins if one.cross), None)
        ca, root = _root(connection, hierarchy, holding, ours, asking=asking)
        more = added if added is not None else () if pin.cross is None else pin.cross.added
        permitted = wanted(peer, more)
        if not permitted:
            raise ConflictError(
                f"{peer.name} has no domain that its CA could be held to",
                "trustctl add CERTIFICATE --peer PEER --domain DOMAIN",
            )
        before = None
        if pin.cross is not None:
            before = issuances.search_fingerprints(connection, [pin.cross.fingerprint])[0]
        der = ders[pin.certificate.fingerprint]
        hosts = [ders[one.certificate.fingerprint] for one in peer.pins if one.role == "host"]
        found.append(
            Wanted(
                peer,
                pin,
                der,
                ca,
                root,
                permitted,
                tuple(one for one in more if one in permitted),
                before,
                _is_due(pin, root, permitted, days, now),
                refusals(der, hosts, permitted),
                root is not None and has_issuing(connection, ca),
            )
        )
    return found


def _root(
    connection: Connection,
    hierarchy: str | None,
    before: Cross | None,
    ours: dict[str, str],
    *,
    asking: bool,
) -> tuple[str, Authority | None]:
    """The root that signs, and its CA's name: of the CA that is named, else of the one that signed
    before (``before``; for this CA, or another one of the peer's)."""
    from trustctl.commands.ca import work
    from trustctl.inventory import authorities

    if hierarchy is None and before is not None:
        hierarchy = ours[before.root_spki]
    if asking:
        known = authorities.hierarchies(connection)
        if hierarchy is not None and hierarchy not in known:
            return hierarchy, None
        if not known:
            raise UsageError("no root is known here: name the CA that is to sign", "--ca peers")
    name = work.pick(connection, hierarchy)
    root = authorities.current(connection, name, "root")
    if asking and root.key != "elsewhere":
        raise ConflictError(
            f"the root of {name} is on this machine: it needs no request",
            "trustctl ca cross PEER; or --ca NAME for a root elsewhere",
        )
    return name, root


def has_issuing(connection: Connection, hierarchy: str) -> bool:
    """Whether there are issuing CAs of ours below a hierarchy's root."""
    from trustctl.inventory.authorities import authorities

    return bool(authorities(connection, hierarchy=hierarchy, kind="issuing"))


def _is_due(
    pin: Pin, root: Authority | None, permitted: tuple[str, ...], days: int | None, now: int
) -> bool:
    from trustctl.commands.ca.making import DAY
    from trustctl.policy.held import is_late
    from trustctl.policy.trust import cross_reasons

    one = pin.cross
    if one is None or root is None or cross_reasons(pin, now) or days is not None:
        return True
    longest = min(pin.certificate.not_after or 0, root.not_after)
    late = is_late(one, now) and longest > one.not_after + DAY
    return late or one.permitted != permitted or one.root != root.fingerprint


def refusals(ca: bytes, hosts: Sequence[bytes], permitted: tuple[str, ...]) -> tuple[str, ...]:
    """What of the certificates that we know of this CA will not be taken, or not by everybody."""
    from trustctl.ca import held
    from trustctl.facts.certificate import parse_certificate
    from trustctl.facts.fingerprint import short
    from trustctl.facts.text import printable

    issuer, found = parse_certificate(ca).subject, []
    for der in hosts:
        facts = parse_certificate(der)
        if facts.issuer != issuer or facts.self_signed:
            continue
        what = short(facts.fingerprint)
        if outside := held.outside(der, facts, permitted):
            shown = printable(" ".join(outside[:5]), 80)
            found.append(f"{what} will be refused, it is also for {shown}")
        if held.by_serial(der):
            found.append(
                f"{what} names its issuer by serial number: OpenSSL will not take it (bundles); "
                "GnuTLS will"
            )
    return tuple(found)
