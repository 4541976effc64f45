"""OCSP responses made beforehand, for stapling (RFC 6960; RFC 5019, 2.2; RFC 6066, 8).

The issuing CA signs them itself (RFC 6960, 4.2.2.2): no second certificate has to be kept alive.
Each answers for one certificate: GnuTLS looks at the first answer alone.
"""

from __future__ import annotations

import hashlib

from trustctl.ca.crl import key_hash, subject
from trustctl.ca.finish import assemble
from trustctl.ca.kinds import signature_algorithm
from trustctl.ca.signer import Signer
from trustctl.facts.der import (
    ENUMERATED,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    encode,
    encode_generalized_time,
    encode_integer,
)
from trustctl.facts.revocation import REASON_CODES, Revoked

# the clients that there are ask and compare by SHA-1 (RFC 5019, 2.1.1); nothing rests on it
_SHA1 = encode(
    SEQUENCE, encode(OBJECT_IDENTIFIER, bytes.fromhex("2b0e03021a")), bytes.fromhex("0500")
)
_BASIC = encode(OBJECT_IDENTIFIER, bytes.fromhex("2b0601050507300101"))
_GOOD = bytes.fromhex("8000")
_SUCCESSFUL = encode(ENUMERATED, b"\0")
_EXPLICIT_0, _REVOKED, _BY_KEY = 0xA0, 0xA1, 0xA2


def sign(
    issuer: bytes,
    signer: Signer,
    serial: int,
    revoked: Revoked | None,
    *,
    this_update: int,
    next_update: int,
) -> bytes:
    """An OCSPResponse for one certificate.

    Args:
        issuer: the certificate of the authority that issued it and signs, in DER.
        revoked: when and why it was revoked; None says good.

    Raises:
        InputError: the signature is not the key's.
    """
    algorithm = signature_algorithm(signer.kind)
    status = _GOOD
    if revoked is not None:
        code = REASON_CODES[revoked.reason]
        why = b"" if code is None else encode(_EXPLICIT_0, encode(ENUMERATED, bytes((code,))))
        status = encode(_REVOKED, encode_generalized_time(revoked.at), why)
    name_hash = hashlib.sha1(subject(issuer), usedforsecurity=False).digest()
    which = encode(
        SEQUENCE,
        _SHA1,
        encode(OCTET_STRING, name_hash),
        encode(OCTET_STRING, key_hash(issuer)),
        encode_integer(serial),
    )
    single = encode(
        SEQUENCE,
        which,
        status,
        encode_generalized_time(this_update),
        encode(_EXPLICIT_0, encode_generalized_time(next_update)),
    )
    body = encode(
        SEQUENCE,
        encode(_BY_KEY, encode(OCTET_STRING, key_hash(issuer))),
        encode_generalized_time(this_update),
        encode(SEQUENCE, single),
    )
    basic = assemble(body, algorithm, signer)
    inner = encode(SEQUENCE, _BASIC, encode(OCTET_STRING, basic))
    return encode(SEQUENCE, _SUCCESSFUL, encode(_EXPLICIT_0, inner))
