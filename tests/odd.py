"""Certificates that no tool makes and an attacker does, put together byte by byte."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from tests.certs import Made, tlv
from trustctl.facts.der import certificate_fields, children, element


def altered(
    made: Made,
    *,
    version: bytes | None = None,
    serial: bytes | None = None,
    validity: bytes | None = None,
    subject: bytes | None = None,
    spki: bytes | None = None,
    extensions: Iterable[bytes] | None = None,
) -> Made:
    """The certificate with fields replaced by these bytes, and signed again with its own key.

    Args:
        version: the whole ``[0]`` element; empty leaves it out (X.509 version 1).
        serial, validity, subject, spki: the whole element; ``subject`` is the issuer too.
        extensions: each a whole Extension; empty leaves the field out.
    """
    assert isinstance(made.key, ec.EllipticCurvePrivateKey)
    old = [made.der[one.start : one.end] for one in certificate_fields(made.der)]
    fields = [
        old[0] if version is None else version,
        old[1] if serial is None else serial,
        old[2],
        old[3] if subject is None else subject,
        old[4] if validity is None else validity,
        old[5] if subject is None else subject,
        old[6] if spki is None else spki,
    ]
    if extensions is None:
        fields += old[7:]
    elif listed := list(extensions):
        fields.append(tlv(0xA3, tlv(0x30, *listed)))
    body = tlv(0x30, *fields)
    signature = made.key.sign(body, ec.ECDSA(hashes.SHA256()))
    der = tlv(0x30, body, parts(made.der)[1], tlv(0x03, b"\0", signature))
    return Made(der, made.key)


def parts(der: bytes) -> tuple[bytes, bytes, bytes]:
    """The three parts of a certificate: what is signed, the algorithm, the signature."""
    found = children(der, element(der, 0, len(der)))
    body, algorithm, signature = (der[one.start : one.end] for one in found)
    return body, algorithm, signature


def extension(oid: str, value: bytes, *, critical: bool | None = None) -> bytes:
    """One Extension around the DER ``value``."""
    arcs = [int(one) for one in oid.split(".")]
    assert all(one < 0x80 for one in arcs), "larger arcs are not needed"
    name = tlv(0x06, bytes([arcs[0] * 40 + arcs[1], *arcs[2:]]))
    flag = b"" if critical is None else tlv(0x01, b"\xff" if critical else b"\0")
    return tlv(0x30, name, flag, tlv(0x04, value))


def common_name(value: bytes, tag: int = 0x0C) -> bytes:
    """A Name that has one common name of these bytes (UTF8String unless told)."""
    attribute = tlv(0x30, tlv(0x06, b"\x55\x04\x03"), tlv(tag, value))
    return tlv(0x30, tlv(0x31, attribute))


def alternative_names(*names: bytes) -> bytes:
    """The extension subjectAltName with these bytes as dNSNames."""
    return extension("2.5.29.17", tlv(0x30, *(tlv(0x82, one) for one in names)))
