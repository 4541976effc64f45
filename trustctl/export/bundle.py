"""The minimal ``ca-certificates.crt``: the trusted certificates and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from trustctl.facts.compiled import CompiledPeer
from trustctl.facts.fingerprint import colons
from trustctl.facts.moment import format_moment
from trustctl.facts.pem import pem
from trustctl.facts.records import PeerTrust, TrustedCertificate


def block(peer: str, domains: str, certificate: TrustedCertificate, text: bytes) -> bytes:
    """One certificate under a comment line: peer, domains, fingerprint, expiry.

    No text of the certificate's or of a person's gets here: peers' names and domains are validated
    where they enter, the rest is hex and digits.
    """
    line = (
        f"# peer={peer} domains={domains} sha256={colons(certificate.fingerprint)} "
        f"expires={format_moment(certificate.not_after)}\n"
    )
    return line.encode("ascii") + text + b"\n"


def compile_peer(trust: PeerTrust) -> CompiledPeer:
    """The peer's blocks alone, for a target that is a bundle."""
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
