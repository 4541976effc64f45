"""Drafts of our own authorities: root and issuing CAs."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

    from trustctl.ca.kinds import PublicKey
    from trustctl.facts.issuance import AuthorityKind, Draft, KeyKind

DAY = 86400


def authority_draft(
    which: AuthorityKind,
    hierarchy: str,
    number: int,
    key: PublicKey,
    now: int,
    *,
    issuer: x509.Certificate | None = None,
    signer: KeyKind | None = None,
    permitted: tuple[str, ...] | None = None,
    days: int | None = None,
) -> Draft:
    """The draft of a root (no ``issuer``) or of an issuing CA.

    Args:
        signer: the kind of the issuer's key.
    """
    from trustctl.ca import profile
    from trustctl.ca.draft import authority_name, draft, new_serial
    from trustctl.ca.kinds import kind_of, spki_of
    from trustctl.commands.ca.work import CLOCK_SKEW_SECONDS
    from trustctl.facts.issuance import Template

    found = profile.load(which)
    spki = spki_of(key)
    end = now + (days or found.days) * DAY
    if issuer is not None:
        end = min(end, int(issuer.not_valid_after_utc.timestamp()))
    template = Template(
        profile=found,
        subject=authority_name(which, hierarchy, number, spki),
        hosts=(),
        public_key=spki,
        serial=new_serial(),
        not_before=now - CLOCK_SKEW_SECONDS,
        not_after=end,
        permitted=permitted,
    )
    return draft(template, issuer, signer or kind_of(key))


def cross_draft(
    profile_name: str,
    of: bytes,
    issuer: x509.Certificate,
    signer: KeyKind,
    now: int,
    *,
    permitted: tuple[str, ...] | None = None,
    days: int | None = None,
    subject: str | None = None,
) -> Draft:
    """The draft that signs an authority's name and key anew under another issuer (RFC 5280, 3.2).

    It ends with the original, and with the issuer.

    Args:
        of: the original certificate's DER. subject: how the inventory lists it; by default as the
            certificate is named, and that is somebody else's text where the CA is.
    """
    from trustctl.ca import profile
    from trustctl.ca.draft import draft, new_serial
    from trustctl.ca.load import load
    from trustctl.commands.ca.work import CLOCK_SKEW_SECONDS
    from trustctl.facts.certificate import parse_certificate
    from trustctl.facts.der import subject_public_key_info
    from trustctl.facts.issuance import Template

    found = profile.load(profile_name)
    original = load(of)
    end = min(
        now + (days or found.days) * DAY,
        int(original.not_valid_after_utc.timestamp()),
        int(issuer.not_valid_after_utc.timestamp()),
    )
    template = Template(
        profile=found,
        subject=subject or parse_certificate(of).subject or "",
        hosts=(),
        public_key=subject_public_key_info(of),
        serial=new_serial(),
        not_before=now - CLOCK_SKEW_SECONDS,
        not_after=end,
        permitted=permitted,
        cross_of=of,
    )
    return draft(template, issuer, signer)


def peer_cross_draft(
    of: bytes,
    issuer: x509.Certificate,
    signer: KeyKind,
    now: int,
    *,
    peer: str,
    permitted: tuple[str, ...],
    days: int | None = None,
) -> Draft:
    """The draft that holds a peer's CA to names.

    Raises:
        InputError: the CA's certificate (``of``) is one that cannot be signed anew.
    """
    from trustctl.errors import InputError

    try:
        return cross_draft(
            "peer-cross", of, issuer, signer, now, permitted=permitted, days=days, subject=peer
        )
    except ValueError as error:  # the library reads less than verifiers do
        raise InputError(
            f"the CA certificate of {said(peer, of)} cannot be signed anew: {error}",
            "its hosts can be pinned by themselves, without it",
        ) from error


def said(peer: str, of: bytes) -> str:
    """A peer's CA, for people: ``foo 0123ABCD``."""
    return f"{peer} {hashlib.sha256(of).hexdigest()[:8].upper()}"
