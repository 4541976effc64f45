"""The parser: each field of ordinary and of old certificates, checked against what made them."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests import certs, odd
from tests.certs import KeyKind
from tests.facts.conftest import AnchorVerifies
from trustctl.errors import InputError
from trustctl.facts.certificate import CertificateFacts, parse_certificate
from trustctl.facts.parser import _LIMIT_BYTES
from trustctl.policy.weakness import STRONG_CURVES

START = 1_780_000_000
RSA_KEY = bytes.fromhex("06092a864886f70d0101010500")
ML_DSA_65 = bytes.fromhex("0609608648016503040312")
CONSTRAINTS, KEY_USAGE = "2.5.29.19", "2.5.29.15"
NETSCAPE_CA = certs.tlv(
    0x30, bytes.fromhex("06096086480186f8420101"), bytes.fromhex("040403020007")
)


def test_every_field_of_an_ordinary_certificate() -> None:
    """What the builder was told is what the parser tells."""
    made = certs.self_signed(
        ("mx.foo.test", "192.0.2.1", "2001:db8::1"),
        ca=False,
        days=90,
        not_before=START,
        serial=0xABCDEF,
        subject="Foo, Inc.",
    )
    assert parse_certificate(made.der) == CertificateFacts(
        fingerprint=made.fingerprint,
        spki=made.spki,
        subject="CN=Foo\\, Inc.",
        issuer="CN=Foo\\, Inc.",
        serial="abcdef",
        names=("mx.foo.test", "192.0.2.1", "2001:db8::1"),
        not_before=START,
        not_after=START + 90 * 86400,
        is_ca=False,
        self_signed=True,
        key_kind="ec",
        key_bits=256,
        curve="secp256r1",
        signature_hash="sha256",
        version=3,
    )


@pytest.mark.parametrize(
    ("key", "kind", "bits", "curve"),
    [
        ("p256", "ec", 256, "secp256r1"),
        ("p384", "ec", 384, "secp384r1"),
        ("rsa2048", "rsa", 2048, None),
        ("rsa1024", "rsa", 1024, None),
        ("dsa2048", "dsa", 2048, None),
        ("ed25519", "ed25519", None, None),
        ("ed448", "ed448", None, None),
        ("ml-dsa-65", "ml-dsa-65", None, None),
    ],
)
def test_each_kind_of_key(key: KeyKind, kind: str, bits: int | None, curve: str | None) -> None:
    """Kind, size and curve are told for every key that a peer may have; the pin is the key's."""
    made = certs.self_signed(key=key)
    facts = parse_certificate(made.der)
    assert (facts.key_kind, facts.key_bits, facts.curve) == (kind, bits, curve)
    assert facts.spki == made.spki
    assert facts.self_signed
    assert facts.signature_hash == (None if bits is None else "sha256")


def test_a_kind_of_key_is_told_by_its_oid() -> None:
    """ML-DSA is named even where the library in use cannot load the key."""
    spki = certs.tlv(0x30, certs.tlv(0x30, ML_DSA_65), certs.tlv(0x03, b"\0", b"k" * 1952))
    made = odd.altered(certs.self_signed(), spki=spki)
    facts = parse_certificate(made.der)
    assert facts.key_kind == "ml-dsa-65"
    assert facts.spki == hashlib.sha256(spki).hexdigest()
    assert not facts.self_signed


@pytest.mark.parametrize(
    ("curve", "encoding", "told"),
    [
        ("secp256k1", "named_curve", "secp256k1"),
        ("prime239v1", "named_curve", "prime239v1"),
        ("prime239v1", "explicit", "explicit"),
        ("P-256", "explicit", "secp256r1"),
    ],
)
def test_other_elliptic_curves(curve: str, encoding: str, told: str) -> None:
    """A curve that is not in the list of strong ones never gets a strong one's name; one that is,
    spelt out, is recognised."""
    facts = parse_certificate(_on_curve(curve, encoding))
    assert (facts.key_kind, facts.curve) == ("ec", told)


def test_a_curve_with_another_generator_is_not_taken_for_the_named_one() -> None:
    """P-256 spelt out, but for the generator (CVE-2020-0601): whoever chose it knows a private key
    for any public one."""
    twice = ec.derive_private_key(2, ec.SECP256R1()).public_key()
    once = ec.derive_private_key(1, ec.SECP256R1()).public_key()
    form = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    der = _on_curve("P-256", "explicit")
    assert once.public_bytes(*form) in der
    facts = parse_certificate(der.replace(once.public_bytes(*form), twice.public_bytes(*form)))
    assert facts.curve not in STRONG_CURVES
    assert not facts.self_signed


def _on_curve(curve: str, encoding: str) -> bytes:
    return certs.openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{curve}",
        "-pkeyopt", f"ec_param_enc:{encoding}", "-nodes", "-keyout", "/dev/null",
        "-subj", "/CN=mx.foo.test", "-outform", "DER",
    )  # fmt: skip


def test_an_absurdly_large_rsa_key_is_read_at_once() -> None:
    """A modulus of 900,000 bytes is only measured: nothing is computed with it."""
    numbers = certs.tlv(
        0x30, certs.tlv(0x02, b"\0" + b"\xff" * 900_000), certs.tlv(0x02, b"\x01\0\x01")
    )
    spki = certs.tlv(0x30, certs.tlv(0x30, RSA_KEY), certs.tlv(0x03, b"\0", numbers))
    facts = parse_certificate(odd.altered(certs.self_signed(), spki=spki).der)
    assert facts.key_kind == "rsa"
    assert facts.key_bits in (None, 7_200_000)
    assert not facts.self_signed


def test_version_1_may_sign() -> None:
    """X.509 version 1 has no CA flag, and GnuTLS takes such an anchor for an issuer."""
    facts = parse_certificate(odd.altered(certs.self_signed(), version=b"", extensions=()).der)
    assert (facts.version, facts.is_ca, facts.names) == (1, True, ("mx.foo.test",))
    assert facts.self_signed


@pytest.mark.parametrize("number", [b"\x02\x01\x01", b"\x02\x01\x09"])
def test_a_version_that_no_tool_makes_is_read_leniently(number: bytes) -> None:
    """Version 2 or 10: said to be strange, and taken for one that may sign."""
    facts = parse_certificate(
        odd.altered(certs.self_signed(ca=False), version=certs.tlv(0xA0, number)).der
    )
    assert (facts.version, facts.is_ca) == (1, True)
    assert facts.problems == ("the strict parser refuses it; it was read by a lenient one",)
    assert facts.names == ("mx.foo.test",)


@pytest.mark.parametrize(
    ("content", "serial"),
    [(b"\xff", "-1"), (b"\x80\x01", "-7fff"), (b"\0", "0"), (b"\0\xff", "ff")],
)
def test_serial_numbers_that_should_not_be(content: bytes, serial: str) -> None:
    """Negative and zero serials are read, without a warning (8 of Debian's roots have such)."""
    facts = parse_certificate(odd.altered(certs.self_signed(), serial=certs.tlv(0x02, content)).der)
    assert facts.serial == serial
    assert facts.names == ("mx.foo.test",)


@pytest.mark.parametrize(
    ("tag", "text", "seconds"),
    [
        (0x17, b"491231235959Z", 2524607999),
        (0x17, b"500101000000Z", -631152000),
        (0x18, b"20500101000000Z", 2524608000),
        (0x18, b"99991231235959Z", 253402300799),
        (0x17, b"260230000000Z", None),
        (0x17, b"garbage", None),
        (0x18, b"00000101000000Z", -62167219200),
        (0x18, b"20261301000000Z", None),
        (0x17, b"", None),
    ],
)
def test_times_at_the_edge_and_times_that_are_none(
    tag: int, text: bytes, seconds: int | None
) -> None:
    """UTCTime's century turns at 1950 (RFC 5280, 4.1.2.5.1); an impossible time is unreadable, and
    the other end, the names and the key are still told."""
    good = certs.tlv(0x17, b"260101000000Z")
    validity = certs.tlv(0x30, good, certs.tlv(tag, text))
    facts = parse_certificate(odd.altered(certs.self_signed(), validity=validity).der)
    assert facts.not_after == seconds
    assert facts.not_before == 1767225600
    assert facts.key_kind == "ec"
    assert ("its not-after time cannot be read" in facts.problems) == (seconds is None)


def test_an_explicit_ca_false_is_read() -> None:
    """The encoding that the strict library refuses, and that 13 % of real hosts have."""
    value = certs.tlv(0x30, certs.tlv(0x01, b"\0"))
    made = odd.altered(
        certs.self_signed(),
        extensions=[odd.extension(CONSTRAINTS, value), odd.alternative_names(b"mx.foo.test")],
    )
    facts = parse_certificate(made.der)
    assert facts.is_ca is False
    assert (facts.names, facts.problems) == (("mx.foo.test",), ())
    assert facts.self_signed


TRUE = odd.extension(CONSTRAINTS, certs.tlv(0x30, certs.tlv(0x01, b"\xff")), critical=True)
FALSE = odd.extension(CONSTRAINTS, certs.tlv(0x30), critical=True)
SIGNS = odd.extension(KEY_USAGE, bytes.fromhex("03020204"), critical=True)
SIGNS_NOT = odd.extension(KEY_USAGE, bytes.fromhex("03020780"), critical=True)
BROKEN = odd.extension(CONSTRAINTS, b"\x30\x7f")


@pytest.mark.parametrize(
    ("extensions", "is_ca"),
    [
        ([TRUE], True),
        ([FALSE], False),
        ([FALSE, SIGNS], False),
        ([TRUE, SIGNS_NOT], True),
        ([], True),
        ([SIGNS], True),
        ([SIGNS_NOT], False),
        ([NETSCAPE_CA], True),
        ([FALSE, TRUE], True),
        ([TRUE, FALSE], True),
        ([FALSE, FALSE], False),
        ([SIGNS_NOT, SIGNS], True),
        ([BROKEN], None),
    ],
    ids=[
        "true", "false", "false, usage", "true, other usage", "nothing", "usage", "other usage",
        "netscape", "false then true", "true then false", "false twice", "usages", "broken",
    ],
)  # fmt: skip
def test_whatever_a_verifier_may_take_for_an_issuer_is_one(
    extensions: list[bytes], is_ca: bool | None
) -> None:
    """The CA flag errs on the side of what may sign; what cannot be read is not called harmless."""
    made = odd.altered(
        certs.self_signed(), extensions=[*extensions, odd.alternative_names(b"mx.foo.test")]
    )
    assert parse_certificate(made.der).is_ca is is_ca


@pytest.mark.parametrize("extensions", [[], [SIGNS], [NETSCAPE_CA], [TRUE]])
def test_openssl_or_gnutls_really_takes_it_for_an_issuer(
    extensions: list[bytes], anchor_verifies: AnchorVerifies
) -> None:
    """A certificate without basicConstraints signs for others, in one of the libraries at least:
    why it may not be called CA:FALSE."""
    made = odd.altered(certs.self_signed(), extensions=extensions)
    assert anchor_verifies(made, certs.issue(made, "mx.other.test"))
    assert parse_certificate(made.der).is_ca is True


@pytest.mark.parametrize("extensions", [[FALSE], [SIGNS_NOT], [FALSE, SIGNS]])
def test_what_is_called_no_issuer_signs_for_nobody(
    extensions: list[bytes], anchor_verifies: AnchorVerifies
) -> None:
    """CA:FALSE, or a keyUsage that forbids it: both libraries refuse what it signed."""
    made = odd.altered(certs.self_signed(), extensions=extensions)
    assert not anchor_verifies(made, certs.issue(made, "mx.other.test"))
    assert parse_certificate(made.der).is_ca is False


def test_the_largest_certificate_and_one_byte_more() -> None:
    """One mebibyte is read, one byte more is refused unseen."""
    base = certs.self_signed()
    spare = _LIMIT_BYTES - len(_padded(base, 900_000)) + 900_000
    # an ECDSA signature's length varies by a byte or two
    largest = next(der for _ in range(200) if len(der := _padded(base, spare)) == _LIMIT_BYTES)
    assert parse_certificate(largest).names == ("mx.foo.test",)
    with pytest.raises(InputError, match="1048577 bytes: 1048576 is the limit"):
        parse_certificate(largest + b"\0")


def _padded(base: certs.Made, size: int) -> bytes:
    extra = odd.extension("1.3.6.1.4.1", certs.tlv(0x04, b"\0" * size))
    return odd.altered(base, extensions=[odd.alternative_names(b"mx.foo.test"), extra]).der
