"""Looks at what an offline root has signed.

It is not read field by field: the certificate is drafted anew from the request, and has to
be that draft to the byte but for the serial number and the times. So there is nothing in it that
was not asked for.
"""

from __future__ import annotations

import warnings

from cryptography import x509

from trustctl.ca import profile as profiles
from trustctl.ca.draft import draft
from trustctl.ca.kinds import PublicKey, kind_of, load_public_key
from trustctl.ca.offline import PROFILE, Answer, Request
from trustctl.ca.signer import verify
from trustctl.errors import InputError, TrustctlError
from trustctl.facts.der import certificate_fields, signed_parts, subject_public_key_info
from trustctl.facts.issuance import Draft, Template


def check_answer(answer: Answer, request: Request, where: str) -> tuple[Draft, Draft]:
    """The drafts that the answer's root and certificate are, to the byte.

    Raises:
        InputError: the certificate is not what was asked for, the root is none of ours, or a
            signature is not the root's. Nothing else, whatever the bytes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _check(answer, request, where)
        except TrustctlError as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{where}: {error.message}", error.hint) from error
        except Exception as error:  # hostile bytes make the library raise anything
            raise InputError(
                f"{where}: its certificates cannot be read", "copy the file anew"
            ) from error


def _check(answer: Answer, request: Request, where: str) -> tuple[Draft, Draft]:
    if answer.spki != request.spki:
        raise InputError(f"{where} answers another request", "trustctl ca request writes it anew")
    root = x509.load_der_x509_certificate(answer.root)
    root_key = load_public_key(subject_public_key_info(answer.root))
    (attribute,) = root.subject
    root_draft = _redraft(
        answer.root, "root", str(attribute.value), subject_public_key_info(answer.root), None, None
    )
    _demand(answer.root, root_draft, root_key, where, "root")
    if subject_public_key_info(answer.certificate) != request.public_key:
        raise InputError(
            f"{where}: its certificate is for another key", "nothing of it was taken over"
        )
    found = _redraft(
        answer.certificate, PROFILE, request.subject, request.public_key, request.permitted, root
    )
    _demand(answer.certificate, found, root_key, where, "certificate")
    return root_draft, found


def _redraft(
    der: bytes,
    profile: str,
    name: str,
    public_key: bytes,
    permitted: tuple[str, ...] | None,
    issuer: x509.Certificate | None,
) -> Draft:
    """The draft that this certificate has to be: only its serial and times are its own."""
    has = x509.load_der_x509_certificate(der)
    template = Template(
        profile=profiles.load(profile),
        subject=name,
        hosts=(),
        public_key=public_key,
        serial=has.serial_number,
        not_before=int(has.not_valid_before_utc.timestamp()),
        not_after=int(has.not_valid_after_utc.timestamp()),
        permitted=permitted,
    )
    signer = has if issuer is None else issuer
    return draft(template, issuer, kind_of(signer.public_key()))


def _demand(der: bytes, wanted: Draft, root_key: PublicKey, where: str, what: str) -> None:
    certificate_fields(der)  # nothing follows it
    body, algorithm, signature = signed_parts(der)
    if (body, algorithm) != (wanted.tbs, wanted.algorithm):
        raise InputError(
            f"{where}: its {what} is not what was asked for",
            "an older or newer trustctl may draft it otherwise: use the same on both machines",
        )
    try:
        verify(root_key, signature, body)
    except InputError:
        raise InputError(
            f"{where}: the signature of its {what} is not the root's", "copy the file anew"
        ) from None
