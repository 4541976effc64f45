"""Signatures: whether a certificate made its own is checked, and weak ones are named."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests import certs, odd
from tests.certs import KeyKind
from trustctl.facts.certificate import parse_certificate
from trustctl.facts.selfsign import is_signed_by


def test_a_self_signature_is_checked() -> None:
    """A forged twin with the same names and another key's signature is not self-signed."""
    real = certs.self_signed("mx.foo.test")
    twin = certs.issue(real, "mx.foo.test", subject="mx.foo.test")
    assert parse_certificate(real.der).self_signed
    facts = parse_certificate(twin.der)
    assert facts.subject == facts.issuer
    assert not facts.self_signed


@pytest.mark.parametrize("flip", [-1, -20])
def test_one_bit_of_the_signature_and_it_is_self_signed_no_more(flip: int) -> None:
    """A damaged signature is no proof of anything; the certificate is read all the same."""
    der = bytearray(certs.self_signed().der)
    der[flip] ^= 1
    facts = parse_certificate(bytes(der))
    assert not facts.self_signed
    assert facts.names == ("mx.foo.test",)


def test_what_an_authority_issued_is_not_self_signed() -> None:
    """A leaf of the peer's own CA, and that CA."""
    root = certs.authority("Foo CA")
    leaf = parse_certificate(certs.issue(root).der)
    assert (leaf.self_signed, leaf.issuer, leaf.is_ca) == (False, "CN=Foo CA", False)
    assert parse_certificate(root.der).self_signed
    assert parse_certificate(root.der).names == ()


@pytest.mark.parametrize(
    ("key", "signed_with"), [("p256", "sha1"), ("rsa2048", "sha1"), ("rsa2048", "md5")]
)
def test_weak_signatures_are_named(key: KeyKind, signed_with: certs.HashName) -> None:
    """The hash is told whether the certificate signed itself (which is checked) or another did."""
    own = parse_certificate(certs.self_signed(key=key, signed_with=signed_with).der)
    assert (own.signature_hash, own.self_signed) == (signed_with, True)
    root = certs.authority(key=key)
    other = parse_certificate(certs.issue(root, signed_with=signed_with).der)
    assert (other.signature_hash, other.self_signed) == (signed_with, False)


@pytest.mark.parametrize(
    ("oid", "name"), [("2a864886f70d010103", "md4"), ("2a864886f70d0205", "md5")]
)
def test_weak_signatures_that_libraries_do_not_know(oid: str, name: str) -> None:
    """MD4, and a bare hash where a signature algorithm belongs, are weak and not just unknown."""
    algorithm = certs.tlv(0x30, certs.tlv(0x06, bytes.fromhex(oid)), certs.tlv(0x05))
    body, _old, signature = odd.parts(certs.self_signed().der)
    facts = parse_certificate(certs.tlv(0x30, body, algorithm, signature))
    assert (facts.signature_hash, facts.self_signed) == (name, False)


def test_a_signature_that_cannot_be_read_is_said_to_be_so() -> None:
    """An unknown algorithm: no hash, and not silently."""
    algorithm = certs.tlv(0x30, certs.tlv(0x06, b"\x2a\x03\x04"))
    body, _old, signature = odd.parts(certs.self_signed().der)
    facts = parse_certificate(certs.tlv(0x30, body, algorithm, signature))
    assert facts.signature_hash is None
    assert "its signature algorithm cannot be read" in facts.problems


@pytest.mark.parametrize("kind", ["p256", "rsa2048", "ed25519", "ml-dsa-65", "dsa2048"])
def test_whose_key_signed_is_checked(kind: KeyKind) -> None:
    """The issuer's did; another key's of the same name did not; nor did the certificate's own."""
    one, other = (certs.authority("Foo CA", key=certs.new_key(kind)) for _ in range(2))
    leaf = certs.issue(one, "mx.foo.test")
    if kind in ("rsa2048", "dsa2048"):
        other = certs.authority("Foo CA")  # a process makes one such key
    assert _signed(leaf.der, one.der)
    assert not _signed(leaf.der, other.der)
    assert not _signed(leaf.der, leaf.der)


def test_what_cannot_be_checked_is_left_to_who_verifies() -> None:
    """A key that cannot be read disproves nothing."""
    issuer = certs.authority()
    leaf = certs.issue(issuer, "mx.foo.test")
    strange = odd.altered(
        issuer, spki=certs.tlv(0x30, certs.tlv(0x30), certs.tlv(0x03, b"\0x"))
    ).der
    assert _signed(leaf.der, strange)


def _signed(der: bytes, issuer: bytes) -> bool:
    return is_signed_by(der, parse_certificate(der), issuer, parse_certificate(issuer))


@pytest.mark.parametrize("kind", ["p256", "rsa2048", "ed25519", "ml-dsa-65", "dsa2048"])
@pytest.mark.parametrize("other", ["p256", "rsa2048", "ed25519", "ml-dsa-65", "dsa2048"])
def test_another_kind_of_key_signed_nothing(kind: KeyKind, other: KeyKind) -> None:
    """Whatever made the signature: a key of another kind did not."""
    if kind != other:
        issuer, stranger = (certs.authority("Foo CA", key=one) for one in (kind, other))
        assert not _signed(certs.issue(issuer, "mx.foo.test").der, stranger.der)


@pytest.mark.parametrize("digest", ["sha3-256", "sha512"])
@pytest.mark.parametrize("key", ["rsa:2048", "ec"])
def test_whatever_hash_it_was_made_with(digest: str, key: str, tmp_path: Path) -> None:
    """A self-signature of OpenSSL's is taken for one, by any hash."""
    made = certs.openssl(
        "req", "-x509", "-newkey", key, "-nodes", "-keyout", str(tmp_path / "key"), f"-{digest}",
        "-subj", "/CN=mx.foo.test", "-outform", "DER",
        *(["-pkeyopt", "ec_paramgen_curve:P-256"] if key == "ec" else []),
    )  # fmt: skip
    assert parse_certificate(made).self_signed
    assert _signed(made, made)
    assert not _signed(made, certs.self_signed().der)


def test_what_cannot_be_checked_is_what_the_caller_says() -> None:
    """A signature by an algorithm that nobody knows, or a key that is too large to check: a forger
    gains nothing by either where the caller says so; what can be checked is not the caller's."""
    issuer = certs.authority("Foo CA")
    good = certs.issue(issuer, "mx.foo.test").der
    unknown = bytes.fromhex("06082a8648ce3d04037f")
    odd_one = good.replace(bytes.fromhex("06082a8648ce3d040302"), unknown)  # ecdsa-with-SHA256
    assert odd_one.count(unknown) == 2
    top = parse_certificate(issuer.der)
    vast = replace(top, key_kind="rsa", key_bits=16385)
    stranger = certs.authority("Foo CA")
    for unsure in (True, False):
        checked = partial(is_signed_by, unsure=unsure)
        assert checked(odd_one, parse_certificate(odd_one), issuer.der, top) is unsure
        assert checked(good, parse_certificate(good), issuer.der, vast) is unsure
        assert checked(good, parse_certificate(good), issuer.der, top)
        other = parse_certificate(stranger.der)
        assert not checked(good, parse_certificate(good), stranger.der, other)
