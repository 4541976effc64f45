"""Tests of trustctl.ca.kinds: what the CA works with, and what it refuses."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa

from trustctl.ca.kinds import (
    generate,
    kind_of,
    load_public_key,
    signature_algorithm,
    spki_of,
    throwaway,
)
from trustctl.errors import UsageError
from trustctl.facts.issuance import KEY_KINDS, KeyKind

# the AlgorithmIdentifiers' OIDs as RFC 5758, 8017, 8410 and 9881 have them
OIDS = {
    "ecdsa-p256": "2a8648ce3d040302",
    "ecdsa-p384": "2a8648ce3d040303",
    "rsa-3072": "2a864886f70d01010b",
    "ed25519": "2b6570",
    "ml-dsa-65": "608648016503040312",
}


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_a_kind_is_what_it_says(kind: KeyKind) -> None:
    """A key that is made is of its kind, private and public, read back too, and no two are one."""
    key = generate(kind)
    assert kind_of(key) == kind_of(key.public_key()) == kind
    spki = spki_of(key.public_key())
    assert kind_of(load_public_key(spki)) == kind
    assert spki != spki_of(generate(kind).public_key())


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_a_throwaway_signs_under_the_same_algorithm(kind: KeyKind) -> None:
    """What is drafted with a throwaway key may be signed by a real one: the algorithm's bytes are
    the same."""
    assert OIDS[kind] in signature_algorithm(kind).hex()
    assert kind == "rsa-3072" or kind_of(throwaway(kind)) == kind


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (rsa.generate_private_key(65537, 2048), "3072 are needed"),
        (ec.generate_private_key(ec.SECP521R1()), "not one that the CA works with"),
        (ec.generate_private_key(ec.SECP256K1()), "not one that the CA works with"),
        (ed448.Ed448PrivateKey.generate(), "not one that the CA works with"),
        (dsa.generate_private_key(2048), "not one that the CA works with"),
    ],
    ids=["rsa-2048", "p521", "secp256k1", "ed448", "dsa"],
)
def test_other_keys_are_refused(key: object, said: str) -> None:
    """A weak or strange key is refused, and the reason is told."""
    with pytest.raises(UsageError) as caught:
        kind_of(key)
    assert said in caught.value.message


@pytest.mark.parametrize("spki", [b"", b"\x30\x00", b"\x30\x82\xff\xff", b"x" * 100])
def test_bytes_that_are_no_key(spki: bytes) -> None:
    """Whatever stands where a key should be is one error of ours."""
    with pytest.raises(UsageError):
        load_public_key(spki)
