"""The certificate that nobody can have: made again from its sentence, and good for nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec

from tests.export.stores import run
from trustctl.facts import nobody
from trustctl.facts.certificate import parse_certificate
from trustctl.facts.pem import pem

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B


def test_its_key_is_made_from_a_sentence() -> None:
    """The first coordinate is the sentence's hash, the second the smaller root of the curve's
    equation (P-256, FIPS 186-4, D.1.2.3): whoever made it knows as little of its private key as
    everybody."""
    x = int.from_bytes(hashlib.sha256(nobody.SENTENCE.encode()).digest(), "big")
    y = pow((pow(x, 3, _P) - 3 * x + _B) % _P, (_P + 1) // 4, _P)
    assert (y * y - pow(x, 3, _P) + 3 * x - _B) % _P == 0
    key = x509.load_der_x509_certificate(nobody.DER).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert key.public_numbers() == ec.EllipticCurvePublicNumbers(x, min(y, _P - y), ec.SECP256R1())


def test_it_is_good_for_nothing() -> None:
    """It ended in 1970, signs nobody, and not even itself."""
    found = parse_certificate(nobody.DER)
    assert found.fingerprint == nobody.FINGERPRINT
    assert found.not_after == 86400
    assert found.is_ca is False
    assert not found.problems
    made = x509.load_der_x509_certificate(nobody.DER)
    key = made.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert made.signature_hash_algorithm is not None
    with pytest.raises(InvalidSignature):
        key.verify(
            made.signature,
            made.tbs_certificate_bytes,
            ec.ECDSA(made.signature_hash_algorithm),
        )


def test_openssl_and_gnutls_take_not_even_itself(tmp_path: Path) -> None:
    """As the only certificate that is trusted, shown to itself."""
    file = tmp_path / "nobody.pem"
    file.write_bytes(pem(nobody.DER))
    assert run("openssl", "verify", "-CAfile", file, file).returncode == 2
    done = run("certtool", "--verify", "--load-ca-certificate", file, "--infile", file)
    assert done.returncode != 0
