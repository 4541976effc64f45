"""The minimal ``ca-certificates.crt``: the trusted certificates and nothing else."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from trustctl.errors import DatabaseError
from trustctl.facts.compiled import CompiledPeer
from trustctl.facts.fingerprint import colons
from trustctl.facts.moment import format_moment
from trustctl.facts.pem import pem
from trustctl.facts.records import PeerTrust

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,252}", re.ASCII)
_HINT = "trustctl journal verify shows what was changed; then restore a backup"


def blocks(trust: PeerTrust) -> tuple[bytes, ...]:
    """The peer's part of a bundle, in order of fingerprint.

    A CA that is held to names is there as its cross-certificate with our root above it: a bundle's
    reader may want a path to a root (OpenSSL does), and all names are one another's neighbours in
    it anyway.
    """
    domains = ",".join(trust.domains) or "-"
    found: dict[str, tuple[bytes, int]] = {}
    for one in trust.certificates:
        if one.held is None:
            found[one.fingerprint] = one.der, one.not_after
        else:
            found[one.held.fingerprint] = one.held.der, one.held.not_after
            found[one.held.root_fingerprint] = one.held.root, one.held.root_not_after
    return tuple(
        [
            block(trust.peer, domains, fingerprint, *found[fingerprint])
            for fingerprint in sorted(found)
        ]
    )


def block(peer: str, domains: str, fingerprint: str, der: bytes, not_after: int) -> bytes:
    """One certificate under a comment line: peer, domains, fingerprint, expiry.

    No text of the certificate's or of a person's gets here: peers' names and domains are validated
    where they enter and looked at once more (:func:`refuse_strange`), the rest is hex and digits.
    """
    return line(peer, domains, fingerprint, not_after) + pem(der) + b"\n"


def line(peer: str, domains: str, fingerprint: str, not_after: int) -> bytes:
    """The comment line alone."""
    text = (
        f"# peer={peer} domains={domains} sha256={colons(fingerprint)} "
        f"expires={format_moment(not_after)}\n"
    )
    return text.encode("ascii")


def refuse_strange(trust: PeerTrust) -> None:
    """Refuse what trustctl never stores, but somebody with the database's file at hand might: names
    of letters that mean something in a map or a comment, a certificate under another's fingerprint.

    Raises:
        DatabaseError: there is such a thing.
    """
    crls = [one.crl for one in trust.certificates if one.crl is not None]
    if not all(map(_NAME.fullmatch, (*trust.domains, *trust.mx_hosts, trust.peer, *crls))):
        raise DatabaseError(f"the inventory holds a name that is none, of {trust.peer!r}", _HINT)
    for one in trust.certificates:
        parts = [(one.fingerprint, one.der)]
        if one.held is not None:
            parts.append((one.held.fingerprint, one.held.der))
            parts.append((one.held.root_fingerprint, one.held.root))
        for fingerprint, der in parts:
            if hashlib.sha256(der).hexdigest() != fingerprint:
                raise DatabaseError(
                    f"the inventory holds another certificate under {fingerprint!r}", _HINT
                )


def compile_peer(trust: PeerTrust) -> CompiledPeer:
    """The peer's blocks alone, for a target that is a bundle.

    Raises:
        DatabaseError: it is not what trustctl stores.
    """
    refuse_strange(trust)
    return CompiledPeer(trust.peer, blocks=blocks(trust))


def bundle(peers: Iterable[CompiledPeer]) -> bytes:
    """All blocks, in order of peer and fingerprint."""
    return b"".join(
        one for peer in sorted(peers, key=lambda peer: peer.peer) for one in peer.blocks
    )
