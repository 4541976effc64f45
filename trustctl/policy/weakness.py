"""Which keys and signatures are too weak to be pinned."""

from __future__ import annotations

from trustctl.facts.certificate import CertificateFacts

MINIMUM_RSA_BITS = 2048
"""NIST SP 800-131A rev. 2: less than 112 bits of security is disallowed."""

STRONG_CURVES = frozenset(
    {
        "secp256r1",
        "secp384r1",
        "secp521r1",
        "brainpoolP256r1",
        "brainpoolP384r1",
        "brainpoolP512r1",
    }
)
"""RFC 8422, 5.1.1, deprecates every other; RFC 8734 brings Brainpool's back for TLS 1.3."""

WEAK_HASHES = frozenset({"md2", "md4", "md5", "sha1"})
_STRONG_KINDS = ("ed25519", "ed448", "ml-dsa", "slh-dsa")


def weak_key(facts: CertificateFacts) -> str | None:
    """Why the key is too weak; None where it is not, or could not be read."""
    match facts.key_kind:
        case "rsa" if facts.key_bits is not None and facts.key_bits < MINIMUM_RSA_BITS:
            return f"its RSA key has {facts.key_bits} bits, {MINIMUM_RSA_BITS} are needed"
        case "dsa":
            return "its key is DSA, which TLS no longer has (RFC 8446)"
        case "ec" if facts.curve is not None and facts.curve not in STRONG_CURVES:
            return "its elliptic curve is deprecated (RFC 8422, 5.1.1)"
    return None


def weak_signature(facts: CertificateFacts) -> str | None:
    """Why the signature is too weak; None where it is not. A self-signature proves nothing anyway,
    so its hash does not matter (RFC 9155, 5)."""
    if facts.self_signed or facts.signature_hash not in WEAK_HASHES:
        return None
    return f"it is signed with {facts.signature_hash.upper()}, which can be forged"


def unreadable_key(facts: CertificateFacts) -> bool:
    """Whether the key's strength cannot be told: then it is not trusted."""
    kind = facts.key_kind
    if kind is None or facts.spki is None:
        return True
    if kind == "rsa":
        return facts.key_bits is None
    if kind == "ec":
        return facts.curve is None
    return kind != "dsa" and not kind.startswith(_STRONG_KINDS)
