"""What the private CA is asked for, what it signs, and what became of it: the shared records.

All times are whole seconds since 1970-01-01 UTC. Hashes are 64 lower-case hex digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

KeyKind = Literal["ecdsa-p256", "ecdsa-p384", "rsa-3072", "ed25519", "ml-dsa-65"]
KEY_KINDS: tuple[KeyKind, ...] = ("ecdsa-p256", "ecdsa-p384", "rsa-3072", "ed25519", "ml-dsa-65")
FOREIGN_KINDS = ("rsa-2048", "ecdsa-p521", "ecdsa-brainpool", "ed448")
"""The kinds of key that a peer's CA may have beside these: none of our own is one."""
AuthorityKind = Literal["root", "issuing"]
DEFAULT_HIERARCHY = "main"


@dataclass(frozen=True, slots=True)
class Profile:
    """What a certificate of one kind may be (share/profiles/NAME.toml).

    Attributes:
        ca: whether it may sign. path_length: how many authorities may follow below it.
        days: its lifetime unless told. maximum_days: the longest that may be asked for.
        key_kinds: the kinds of key that it may be for.
        key_usage, extended_key_usage: RFC 5280, 4.2.1.3 and 4.2.1.12, by cryptography's names.
        names_from_request: whether a certificate request may say which hosts it is for.
    """

    name: str
    description: str
    ca: bool
    path_length: int | None
    days: int
    maximum_days: int
    key_kinds: tuple[str, ...]
    key_usage: tuple[str, ...]
    extended_key_usage: tuple[str, ...]
    names_from_request: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """What a certificate is to hold, before anybody signs it.

    Attributes:
        subject: the common name. hosts: dNSNames, LDH A-labels.
        public_key: SubjectPublicKeyInfo in DER.
        serial: a positive integer of at most 20 octets (RFC 5280, 4.1.2.2).
        permitted: domains that a CA below is held to, by critical name constraints; None for none.
        cross_of: the certificate (DER) whose subject and key identifier are taken over, so that
            what was issued below it finds its path.
    """

    profile: Profile
    subject: str
    hosts: tuple[str, ...]
    public_key: bytes
    serial: int
    not_before: int
    not_after: int
    permitted: tuple[str, ...] | None = None
    cross_of: bytes | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A TBSCertificate that is ready to be signed.

    Attributes:
        tbs: its DER. algorithm: the AlgorithmIdentifier that its signature will have.
        sample: the same TBS signed with a throwaway key: what lint looks at.
    """

    template: Template
    tbs: bytes
    tbs_sha256: str
    algorithm: bytes
    sample: bytes
    spki: str


@dataclass(frozen=True, slots=True)
class Authority:
    """One of our own authorities.

    Attributes:
        hierarchy: the CA that it belongs to; several can stand side by side.
        number: 1 for the first of its kind in the hierarchy, 2 after a rollover.
        key: where its key is: ``file:NAME``, ``pkcs11:URI``, or ``elsewhere`` (an offline root's).
        permitted: the domains that its name constraints permit; None where it has none.
    """

    id: int
    hierarchy: str
    kind: AuthorityKind
    number: int
    key: str
    fingerprint: str
    spki: str
    der: bytes
    subject: str
    not_before: int
    not_after: int
    permitted: tuple[str, ...] | None
    added_at: int
    retired_at: int | None = None

    @property
    def name(self) -> str:
        """How people name it: ``main/issuing-1``."""
        return f"{self.hierarchy}/{self.kind}-{self.number}"


@dataclass(frozen=True, slots=True)
class Issuance:
    """One certificate that an authority of ours signed, or was about to sign.

    Attributes:
        issuer: the SPKI pin of the authority that signs.
        serial: lower-case hex. tbs_sha256: of the TBSCertificate.
        fingerprint: None where the signature was never made (a killed run).
    """

    id: int
    issuer: str
    serial: str
    tbs_sha256: str
    profile: str
    subject: str
    hosts: tuple[str, ...]
    spki: str
    not_before: int
    not_after: int
    at: int
    by: str
    fingerprint: str | None = None
    revoked_at: int | None = None
    revoked_reason: str | None = None
