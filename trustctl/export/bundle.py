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
from trustctl.facts.records import PeerTrust, TrustedCertificate

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,252}", re.ASCII)
_HINT = "trustctl journal verify shows what was changed; then restore a backup"


def block(peer: str, domains: str, certificate: TrustedCertificate, text: bytes) -> bytes:
    """One certificate under a comment line: peer, domains, fingerprint, expiry.

    No text of the certificate's or of a person's gets here: peers' names and domains are validated
    where they enter and looked at once more (:func:`refuse_strange`), the rest is hex and digits.
    """
    line = (
        f"# peer={peer} domains={domains} sha256={colons(certificate.fingerprint)} "
        f"expires={format_moment(certificate.not_after)}\n"
    )
    return line.encode("ascii") + text + b"\n"


def refuse_strange(trust: PeerTrust) -> None:
    """Refuse what trustctl never stores, but somebody with the database's file at hand might: names
    of letters that mean something in a map or a comment, a certificate under another's fingerprint.

    Raises:
        DatabaseError: there is such a thing.
    """
    crls = [one.crl for one in trust.certificates if one.crl is not None]
    if not all(map(_NAME.fullmatch, (*trust.domains, trust.peer, *crls))):
        raise DatabaseError(f"the inventory holds a name that is none, of {trust.peer!r}", _HINT)
    for one in trust.certificates:
        if hashlib.sha256(one.der).hexdigest() != one.fingerprint:
            raise DatabaseError(
                f"the inventory holds another certificate under {one.fingerprint!r}", _HINT
            )


def compile_peer(trust: PeerTrust) -> CompiledPeer:
    """The peer's blocks alone, for a target that is a bundle.

    Raises:
        DatabaseError: it is not what trustctl stores.
    """
    refuse_strange(trust)
    domains = ",".join(trust.domains) or "-"
    return CompiledPeer(
        trust.peer,
        blocks=tuple(
            [
                block(trust.peer, domains, one, pem(one.der))
                for one in sorted(trust.certificates, key=_fingerprint)
            ]
        ),
    )


def bundle(peers: Iterable[CompiledPeer]) -> bytes:
    """All blocks, in order of peer and fingerprint."""
    return b"".join(
        one for peer in sorted(peers, key=lambda peer: peer.peer) for one in peer.blocks
    )


def _fingerprint(certificate: TrustedCertificate) -> str:
    return certificate.fingerprint
