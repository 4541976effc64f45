"""Revocation as facts: what was revoked, what was signed about it, and until when that holds.

All times are whole seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trustctl.facts.issuance import Authority, Issuance

REASON_CODES: dict[str, int | None] = {
    "unspecified": None,  # is left out (RFC 5280, 5.3.1)
    "key-compromise": 1,
    "ca-compromise": 2,
    "affiliation-changed": 3,
    "superseded": 4,
    "cessation-of-operation": 5,
    "privilege-withdrawn": 9,
}
"""Why a certificate is revoked, and the CRLReason for it."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """A certificate of ours that was revoked. ``not_after``: until when it would have been good."""

    serial: int
    at: int
    reason: str
    not_after: int


@dataclass(frozen=True, slots=True)
class CrlContent:
    """What a CRL says.

    Attributes:
        issuer: the issuer's Name in DER. base: the number that a delta is to be applied to.
        entries: each revokedCertificates element in DER, in the CRL's order.
        freshest: where deltas to it are to be found, as the value of its FreshestCRL extension.
    """

    issuer: bytes
    number: int
    base: int | None
    this_update: int
    next_update: int
    entries: tuple[bytes, ...]
    freshest: bytes | None = None


@dataclass(frozen=True, slots=True)
class SignedStatus:
    """A CRL or an OCSP response that is in use, for an audit.

    Attributes:
        kind: what it is, for people. subject: of which authority or host.
        fix: the command that signs the next one.
    """

    kind: Literal["CRL", "delta CRL", "OCSP response"]
    subject: str
    this_update: int
    next_update: int
    fix: str


@dataclass(frozen=True, slots=True)
class Lists:
    """What a CA of ours says of what it revoked.

    Attributes:
        authorities: the DER of those whose certificates may still be met, roots first.
        signed: of each of them, the certificate and its newest CRL, in DER; None where one has
            none: OpenSSL wants a list of each CA in a chain.
        revoked: how many certificates it revoked that have not ended.
    """

    authorities: tuple[bytes, ...]
    signed: tuple[tuple[bytes, bytes], ...] | None
    revoked: int


@dataclass(frozen=True, slots=True)
class CaFacts:
    """Our own CA, for an audit.

    Attributes:
        leaf_days: the usual lifetime of a host's certificate.
        statuses: the CRLs and staples that are in use.
        unlisted: by authority, how many certificates are revoked and on no CRL yet.
        hosts: the certificates of our hosts that are not revoked, each with its hierarchy.
        unfinished: what was about to be signed and was not.
    """

    authorities: tuple[Authority, ...] = ()
    leaf_days: int = 0
    statuses: tuple[SignedStatus, ...] = ()
    unlisted: tuple[tuple[str, int], ...] = ()
    hosts: tuple[tuple[str, Issuance], ...] = ()
    unfinished: tuple[Issuance, ...] = ()
