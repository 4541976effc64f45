"""Compiles who may send as which domain, for the Postfix that receives: the map that
publish/postfix_policy.py reads.

A line is ``DOMAIN TAB VALUE``, the value as for Exim (export/exim_server.py), but for the end of
each pin, which Postfix does not tell: ``pins=HEX/SECONDS[:HEX/SECONDS...]``. ``whole`` holds the
SHA-256 of the map: another one, half of one or none is taken for no map at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from trustctl.export.exim_server import FOLDER, TEXT, value
from trustctl.facts.records import Inbound, PeerTrust

WHOLE = f"{FOLDER}/whole"


def compile_senders(peers: Iterable[tuple[PeerTrust, Inbound]]) -> dict[str, bytes]:
    """The files for receiving, by path in a generation.

    Raises:
        DatabaseError: it is not what trustctl stores.
    """
    entries: dict[str, str] = {}
    for trust, asked in peers:
        entries |= dict.fromkeys(trust.domains, value(trust, asked, ends=True))
    text = "".join(f"{domain}\t{said}\n" for domain, said in sorted(entries.items())).encode()
    return {TEXT: text, WHOLE: f"{hashlib.sha256(text).hexdigest()}\n".encode()}


def parse(text: bytes) -> dict[str, dict[str, str]]:
    """Domain -> what is said of it, of a ``senders.map``."""
    found = [one.partition("\t") for one in text.decode("ascii").splitlines()]
    return {
        domain: dict(each.split("=", 1) for each in said.split(" ")) for domain, _tab, said in found
    }
