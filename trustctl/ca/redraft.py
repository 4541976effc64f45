"""Looks at what an offline root has signed.

It is not read field by field: the certificate is drafted anew from the request, and has to
be that draft to the byte but for the serial number and the times. So there is nothing in it that
was not asked for.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography import x509

from trustctl.ca import crossfile
from trustctl.ca import profile as profiles
from trustctl.ca.crossfile import CrossAnswer
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
    with _hostile(where):
        if answer.spki != request.spki:
            raise InputError(
                f"{where} answers another request", "trustctl ca request writes it anew"
            )
        root, root_draft, root_key = _root(answer.root, where)
        if subject_public_key_info(answer.certificate) != request.public_key:
            raise InputError(
                f"{where}: its certificate is for another key", "nothing of it was taken over"
            )
        found = _redraft(
            answer.certificate,
            PROFILE,
            request.subject,
            request.public_key,
            request.permitted,
            root,
        )
        _demand(answer.certificate, found, root_key, where, "certificate")
        return root_draft, found


def check_cross(answer: CrossAnswer, of: bytes, where: str) -> tuple[Draft, Draft]:
    """The drafts that the answer's root and cross-certificate are, to the byte.

    Args:
        of: the certificate (DER) of the peer's CA, as it is known here.

    Raises:
        InputError: as :func:`check_answer`; also where it would outlast the peer's CA.
    """
    with _hostile(where):
        root, root_draft, root_key = _root(answer.root, where)
        public_key = subject_public_key_info(of)
        if subject_public_key_info(answer.certificate) != public_key:
            raise InputError(
                f"{where}: its certificate is for another key", "nothing of it was taken over"
            )
        found = _redraft(
            answer.certificate, crossfile.PROFILE, answer.peer, public_key, answer.permitted, root,
            cross_of=of,
        )  # fmt: skip
        _demand(answer.certificate, found, root_key, where, "certificate")
        end = x509.load_der_x509_certificate(of).not_valid_after_utc
        if found.template.not_after > int(end.timestamp()):
            raise InputError(
                f"{where}: its certificate outlasts the peer's CA, which ends on {end:%Y-%m-%d}",
                "have it signed anew",
            )
        return root_draft, found


@contextmanager
def _hostile(where: str) -> Iterator[None]:
    """Whatever hostile bytes make the library raise is one error of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except InputError:
            raise
        except TrustctlError as error:
            raise InputError(f"{where}: {error.message}", error.hint) from error
        except Exception as error:  # hostile bytes make the library raise anything
            raise InputError(
                f"{where}: its certificates cannot be read", "copy the file anew"
            ) from error


def _root(der: bytes, where: str) -> tuple[x509.Certificate, Draft, PublicKey]:
    """A root, the draft that it is to the byte, and its key."""
    root, public_key = x509.load_der_x509_certificate(der), subject_public_key_info(der)
    key = load_public_key(public_key)
    (attribute,) = root.subject
    found = _redraft(der, "root", str(attribute.value), public_key, None, None)
    _demand(der, found, key, where, "root")
    return root, found, key


def _redraft(
    der: bytes,
    profile: str,
    name: str,
    public_key: bytes,
    permitted: tuple[str, ...] | None,
    issuer: x509.Certificate | None,
    cross_of: bytes | None = None,
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
        cross_of=cross_of,
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
