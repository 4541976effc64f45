"""Signs a draft: the TBS bytes that were looked at, committed to, and nothing else."""

from __future__ import annotations

import hashlib

from trustctl.ca.signer import Signer, verify
from trustctl.errors import InputError
from trustctl.facts.der import SEQUENCE, encode, encode_bits
from trustctl.facts.issuance import Draft


def finish(draft: Draft, signer: Signer) -> bytes:
    """The certificate's DER. The signature is checked before it is given away.

    Raises:
        InputError: the draft was altered, or the signature is not the key's (a failing token).
    """
    if hashlib.sha256(draft.tbs).hexdigest() != draft.tbs_sha256:
        raise InputError("the draft was altered after it was looked at")
    return assemble(draft.tbs, draft.algorithm, signer)


def assemble(body: bytes, algorithm: bytes, signer: Signer) -> bytes:
    """A signed structure: certificate, CRL, BasicOCSPResponse (RFC 5280, 4.1.1 and 5.1.1).

    Raises:
        InputError: the signature is not the key's.
    """
    signature = signer.sign(body)
    verify(signer.public_key, signature, body)
    return encode(SEQUENCE, body, algorithm, encode_bits(signature))
