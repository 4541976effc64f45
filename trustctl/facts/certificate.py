"""A certificate as facts: what can be known of it without trusting it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What can be known of one certificate without trusting it (RFC 5280, section 4.1).

    Everything but ``fingerprint`` may be unreadable: then the field is None (or empty) and
    ``problems`` says so. Text fields are raw and hostile: escape them where they leave.

    Attributes:
        fingerprint: SHA-256 of the DER, 64 lower-case hex digits.
        spki: SHA-256 of the SubjectPublicKeyInfo, 64 lower-case hex digits.
        subject, issuer: RFC 4514 text.
        serial: the serial number in lower-case hex, with a leading ``-`` where negative.
        names: dNSName, iPAddress and common-name host names, in order, without repeats.
        not_before, not_after: seconds since 1970-01-01 UTC.
        is_ca: whether a verifier may take it for an issuer: basicConstraints cA; where there is
            no such extension, True unless keyUsage forbids it (GnuTLS takes every such anchor for
            an issuer, OpenSSL those with keyCertSign); True for X.509 version 1.
        self_signed: whether its own key made its signature (checked, not guessed from names).
        key_kind: ``rsa``, ``dsa``, ``ec``, ``ed25519``, ``ed448``, ``ml-dsa-65``, ... .
        key_bits: size of the modulus or of the curve's field.
        curve: the curve's name as cryptography gives it (``secp256r1``).
        signature_hash: ``sha256``, ``sha1``, ``md5``, ...; None where the algorithm has no
            separate hash (Ed25519) or could not be read.
        version: 1 or 3 (2 exists on paper).
        problems: what could not be read, one short sentence each, of our own words only.
    """

    fingerprint: str
    spki: str | None
    subject: str | None
    issuer: str | None
    serial: str | None
    names: tuple[str, ...]
    not_before: int | None
    not_after: int | None
    is_ca: bool | None
    self_signed: bool
    key_kind: str | None
    key_bits: int | None
    curve: str | None
    signature_hash: str | None
    version: int | None
    problems: tuple[str, ...] = ()


def parse_certificate(der: bytes) -> CertificateFacts:
    """The facts of a certificate; whatever cannot be read of it is None and named in ``problems``.

    Raises:
        InputError: the bytes are no X.509 certificate at all. Nothing else, whatever the bytes.
    """
    # the parsers are loaded where a certificate is read, so that lists and exports start at once
    from trustctl.facts.parser import parse

    return parse(der)
