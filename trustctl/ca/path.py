"""Finds the path from one of our authorities to its root."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import x509


def path(
    start: x509.Certificate, authorities: Iterable[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """``start`` and what signed it, up to a certificate that signed itself (RFC 5280, 6.1).

    Of several issuers with the same name and key (a rollover's cross-certificates) one that signed
    itself comes first.
    """
    candidates = sorted(authorities, key=lambda one: one.subject != one.issuer)
    found = [start]
    while found[-1].subject != found[-1].issuer or not _signed(found[-1], found[-1]):
        above = next(
            (one for one in candidates if one not in found and _signed(found[-1], one)), None
        )
        if above is None:
            break
        found.append(above)
    return tuple(found)


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    from trustctl.ca.kinds import load_public_key, spki_of
    from trustctl.ca.signer import verify
    from trustctl.errors import TrustctlError

    if certificate.issuer != issuer.subject:
        return False
    key = issuer.public_key()
    try:
        verify(
            load_public_key(spki_of(key)),  # type: ignore[arg-type]
            certificate.signature,
            certificate.tbs_certificate_bytes,
        )
    except TrustctlError:
        return False
    return True
