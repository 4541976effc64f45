"""Signs a draft: the TBS bytes that were looked at, committed to, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from trustctl.ca.signer import KeySigner, Signer, verify
from trustctl.errors import InputError
from trustctl.facts.der import SEQUENCE, encode, encode_bits
from trustctl.facts.issuance import Draft


def finish(draft: Draft, signer: Signer, *, check: bool = True) -> bytes:
    """The certificate's DER. The signature is checked before it is given away, with ``check``.

    Raises:
        InputError: the draft was altered, or the signature is not the key's (a failing token).
    """
    if hashlib.sha256(draft.tbs).hexdigest() != draft.tbs_sha256:
        raise InputError("the draft was altered after it was looked at")
    return assemble(draft.tbs, draft.algorithm, signer, check=check)


def finish_all(drafts: Iterable[Draft], signer: Signer) -> list[bytes]:
    """Each one's certificate in DER.

    The first signature is checked always: so the key fits, and what signs works. A token is another
    machine: each of its signatures is checked. Those of a key in this process's memory are not,
    after the first: whoever could alter one could alter what would check it, and to check takes
    nearly three times as long as to sign (of RSA, where a faulty one would tell the key, OpenSSL
    checks each by itself).

    Raises:
        InputError: as :func:`finish`.
    """
    each = not isinstance(signer, KeySigner)
    return [finish(one, signer, check=each or not at) for at, one in enumerate(drafts)]


def assemble(body: bytes, algorithm: bytes, signer: Signer, *, check: bool = True) -> bytes:
    """A signed structure: certificate, CRL, BasicOCSPResponse (RFC 5280, 4.1.1 and 5.1.1).

    Raises:
        InputError: the signature is not the key's.
    """
    signature = signer.sign(body)
    if check:
        verify(signer.public_key, signature, body)
    return encode(SEQUENCE, body, algorithm, encode_bits(signature))
