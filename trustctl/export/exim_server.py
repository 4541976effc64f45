"""Compiles who may send as which domain, for the Exim that receives: a map, constant lists.

The map's value holds hex, networks and fixed words, and nothing else:

``peer=NAME mode=require|offer [pins=HEX[:HEX...]] [hosts=CIDR[;CIDR...]] [relay=yes]``
    ``pins`` are certificates that the peer's own servers present; without any nobody can be
    verified now. Nothing is ever empty: Exim would take the next part for its value.

A server learns the domain after the handshake. What it has then is the client's certificate, and
whether that leads to any authority that is trusted, not to which. So an authority's pin can bind
nobody here, and only host certificates are compiled (share/doc/receiving.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from trustctl.errors import DatabaseError
from trustctl.export import cdb
from trustctl.export.bundle import refuse_strange
from trustctl.export.exim import GUARD
from trustctl.facts.records import Inbound, PeerTrust

FOLDER = "inbound"
"""The folder of a generation with what is for receiving."""
SENDERS, TEXT = f"{FOLDER}/senders.cdb", f"{FOLDER}/senders.map"
ANCHORS = f"{FOLDER}/anchors/README"
_ANCHORS_TEXT = (
    b"Exim is told to look for trusted certificates in this folder, and finds none: a client is\n"
    b"known by its own certificate. Exim sends the names in a *file* to every client; of a folder\n"
    b"it sends none.\n"
)
_NETWORK = re.compile(r"[0-9a-f.:]+/[0-9]{1,3}", re.ASCII)


def value(trust: PeerTrust, asked: Inbound, *, ends: bool = False) -> str:
    """What the map says of each of the peer's domains.

    Args:
        ends: with each pin its end, as ``HEX/SECONDS``: for a server that sees no date.

    Raises:
        DatabaseError: it is not what trustctl stores.
    """
    refuse_strange(trust)
    if asked.mode not in ("require", "offer") or not all(map(_NETWORK.fullmatch, asked.networks)):
        raise DatabaseError(
            f"what is asked of whoever sends as {trust.peer!r} is not what trustctl stores",
            "trustctl journal verify, then restore a backup",
        )
    hosts = [one for one in trust.certificates if one.role == "host"]
    pins = sorted(
        f"{one.fingerprint}/{one.not_after}" if ends else one.fingerprint.upper() for one in hosts
    )
    parts = [f"peer={trust.peer}", f"mode={asked.mode}"]
    parts += [f"pins={':'.join(pins)}"] if pins else []
    parts += [f"hosts={';'.join(asked.networks)}"] if asked.networks else []
    return " ".join([*parts, "relay=yes"] if asked.relay else parts)


def compile_senders(peers: Iterable[tuple[PeerTrust, Inbound]]) -> dict[str, bytes]:
    """The files for receiving, by path in a generation.

    Raises:
        DatabaseError: it is not what trustctl stores.
    """
    entries: dict[str, str] = {}
    for trust, asked in peers:
        said = value(trust, asked)
        entries |= dict.fromkeys(trust.domains, said)
    ordered = sorted(entries.items())
    return {
        SENDERS: cdb.build([GUARD, *((key.encode(), said.encode()) for key, said in ordered)]),
        TEXT: "".join(f"{key}\t{said}\n" for key, said in ordered).encode(),
        ANCHORS: _ANCHORS_TEXT,
    }
