"""Tests of trustctl.ca.signer: signatures as X.509 carries them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.certs import pem
from tests.tools import output, require
from trustctl.ca.kinds import generate, spki_of
from trustctl.ca.signer import KeySigner, verify
from trustctl.errors import InputError
from trustctl.facts.issuance import KEY_KINDS, KeyKind


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_its_own_signature_and_no_other(kind: KeyKind) -> None:
    """A signature verifies for this key over this data; for other data, another key, or with a bit
    changed it raises."""
    signer, other = KeySigner(generate(kind)), KeySigner(generate(kind))
    signature = signer.sign(b"the data")
    assert signer.kind == kind
    verify(signer.public_key, signature, b"the data")
    altered = bytes((*signature[:-1], signature[-1] ^ 1))
    for key, text, data in (
        (signer.public_key, signature, b"the date"),
        (other.public_key, signature, b"the data"),
        (signer.public_key, altered, b"the data"),
        (signer.public_key, b"", b"the data"),
    ):
        with pytest.raises(InputError, match="not the authority's"):
            verify(key, text, data)


@pytest.mark.parametrize(
    ("kind", "hashed"),
    [("ecdsa-p256", "-sha256"), ("ecdsa-p384", "-sha384"), ("rsa-3072", "-sha256")],
)
def test_openssl_verifies_it(tmp_path: Path, kind: KeyKind, hashed: str) -> None:
    """OpenSSL finds the signature good, with the hash that the algorithm names."""
    require("openssl")
    signer = KeySigner(generate(kind))
    (tmp_path / "key").write_bytes(pem(spki_of(signer.public_key), "PUBLIC KEY"))
    (tmp_path / "signature").write_bytes(signer.sign(b"the data"))
    said = output(
        "openssl", "dgst", hashed, "-verify", str(tmp_path / "key"), "-signature",
        str(tmp_path / "signature"), stdin=b"the data",
    )  # fmt: skip
    assert said == b"Verified OK\n"
