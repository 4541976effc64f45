"""Which keys and signatures are too weak, and which cannot be told."""

from __future__ import annotations

from typing import Any

import pytest

from tests import certs
from tests.certs import HashName, KeyKind
from tests.policy.inventory import facts
from trustctl.facts.certificate import parse_certificate
from trustctl.policy.weakness import (
    STRONG_CURVES,
    WEAK_HASHES,
    unreadable_key,
    weak_key,
    weak_signature,
)


@pytest.mark.parametrize(
    ("kind", "bits", "curve", "weak"),
    [
        ("rsa", 2047, None, True),
        ("rsa", 2048, None, False),
        ("rsa", 1, None, True),
        ("dsa", 2048, None, True),
        ("dsa", None, None, True),
        ("ec", 192, "secp192r1", True),
        ("ec", 256, "secp256k1", True),
        ("ec", None, "explicit", True),
        ("ec", None, "1.2.3", True),
        ("ed25519", None, None, False),
        ("ed448", None, None, False),
        ("ml-dsa-65", None, None, False),
        *(("ec", None, curve, False) for curve in sorted(STRONG_CURVES)),
    ],
)
def test_keys(kind: str, bits: int | None, curve: str | None, weak: bool) -> None:
    """RSA below 2048 bits, DSA, and every curve but those that TLS still has."""
    known = facts(key_kind=kind, key_bits=bits, curve=curve)
    assert (weak_key(known) is not None) == weak
    assert not unreadable_key(known)


@pytest.mark.parametrize(
    "changes",
    [
        {"key_kind": None},
        {"spki": None},
        {"key_kind": "rsa", "key_bits": None},
        {"key_kind": "ec", "curve": None},
        {"key_kind": "1.2.643.7.1.1.1.1"},
        {"key_kind": "x25519"},
        {"key_kind": ""},
    ],
)
def test_a_key_whose_strength_cannot_be_told_is_not_trusted(changes: dict[str, Any]) -> None:
    """An unknown kind, a size or a curve that could not be read: never taken for a strong one."""
    assert unreadable_key(facts(**changes))


@pytest.mark.parametrize("name", sorted(WEAK_HASHES))
def test_signatures(name: str) -> None:
    """A weak hash counts, but for a self-signature that was checked: that one proves nothing."""
    assert weak_signature(facts(signature_hash=name, self_signed=False)) is not None
    assert weak_signature(facts(signature_hash=name, self_signed=True)) is None
    assert weak_signature(facts(signature_hash="sha256", self_signed=False)) is None


@pytest.mark.parametrize(
    ("key", "signed_with", "weak"),
    [
        ("p256", "sha256", False),
        ("p384", "sha384", False),
        ("rsa2048", "sha256", False),
        ("ed25519", "sha256", False),
        ("ml-dsa-65", "sha256", False),
        ("rsa1024", "sha256", True),
        ("dsa2048", "sha256", True),
        ("rsa2048", "sha1", True),
        ("rsa2048", "md5", True),
        ("p256", "sha1", True),
    ],
)
def test_real_certificates(key: KeyKind, signed_with: HashName, weak: bool) -> None:
    """What the parser reads of a real one that a CA issued is what policy judges."""
    root = certs.authority(key="p256" if key in ("dsa2048", "rsa1024") else key)
    known = parse_certificate(certs.issue(root, key=key, signed_with=signed_with).der)
    assert (weak_key(known) is not None or weak_signature(known) is not None) == weak
    assert not unreadable_key(known)


@pytest.mark.parametrize("key", ["p256", "rsa2048"])
def test_a_forged_self_signature_is_no_excuse(key: KeyKind) -> None:
    """Another's SHA-1 signature under equal names: weak, where the real self-signature is not."""
    real = certs.self_signed(key=key, signed_with="sha1")
    forged = certs.issue(
        certs.self_signed(key=key), subject="mx.foo.test", key="p256", signed_with="sha1"
    )
    assert weak_signature(parse_certificate(real.der)) is None
    assert weak_signature(parse_certificate(forged.der)) is not None
