"""Writes the inventory as the JSON Lines that an import reads: what stands, in a fixed order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from trustctl.facts.fingerprint import colons
from trustctl.facts.moment import format_moment
from trustctl.facts.pem import pem
from trustctl.facts.records import Peer, Vouch
from trustctl.inventory import snapshot
from trustctl.inventory.settings import CARRIED, read_texts

_PEERS_AT_ONCE = 500


def dump(connection: Connection) -> Iterator[str]:
    """The lines: settings, distrust, then every peer in order of name.

    A pin stands once for each vouch that stands for it (once without, where it is pending), and a
    peer that has no pin stands once for its domains. What is asked of whoever sends as its domains
    is a line of its own. Retired pins and withdrawn vouches are
    history: the journal keeps them, a dump does not carry them.
    """
    settings = read_texts(connection)
    for name in CARRIED:
        yield _line({"setting": name, "value": settings[name]})
    for one in sorted(snapshot.read_distrusts(connection), key=lambda d: (d.kind, d.value)):
        yield _line({"distrust": colons(one.value), "kind": one.kind, "reason": one.reason})
    peers = snapshot.read_peers_by_name(connection)
    while part := list(islice(peers, _PEERS_AT_ONCE)):
        prints = [pin.certificate.fingerprint for peer in part for pin in peer.pins]
        chains = snapshot.chains(connection, prints)
        issuers = [one for chain in chains.values() for one in chain]
        ders = snapshot.ders(connection, [*prints, *issuers])
        for peer in part:
            yield from _peer(peer, chains, ders)


def _peer(peer: Peer, chains: dict[str, tuple[str, ...]], ders: dict[str, bytes]) -> Iterator[str]:
    head: dict[str, Any] = {"peer": peer.name, "domains": list(peer.domains)}
    if peer.mx_hosts:
        head["mx_hosts"] = list(peer.mx_hosts)
    active = [pin for pin in peer.pins if pin.retired_at is None and not pin.distrusts]
    for pin in sorted(active, key=lambda one: one.certificate.fingerprint):
        fingerprint = pin.certificate.fingerprint
        text = b"".join(pem(ders[one]) for one in (fingerprint, *chains.get(fingerprint, ())))
        said = sorted((one for one in pin.vouches if one.withdrawn_at is None), key=_order)
        line = {**head, "role": pin.role, "certificate": text.decode()}
        if not said:
            yield _line(line)
        for one in said:
            vouch = {"fingerprint": colons(fingerprint), "vouched_by": one.voucher}
            vouch["via"] = one.channel
            if one.note:
                vouch["note"] = one.note
            if one.expires_at is not None:
                vouch["expires"] = format_moment(one.expires_at)
            yield _line({**line, **vouch})
    if not active:
        yield _line(head)
    if (asked := peer.inbound).mode != "off":
        line = {"peer": peer.name, "inbound": asked.mode}
        more = {"relay": asked.relay, "allow_from": list(asked.networks)}
        yield _line({**line, **{key: value for key, value in more.items() if value}})


def _order(one: Vouch) -> tuple[str, str, str, bool, int]:
    return one.voucher, one.channel, one.note, one.expires_at is not None, one.expires_at or 0


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=True)
