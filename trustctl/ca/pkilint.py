"""Asks pkilint, where it is installed (extra ``lint``): the rules of RFC 5280 and RFC 6960.

It takes 0.2 s to load, and 5 ms a document. So it is asked about every certificate of a CA, every
CRL, and one host of each shape in a batch: what differs between hosts of one shape (names, keys,
serials) our own rules look at.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import Any

from trustctl.ca.lint import Remark
from trustctl.errors import InputError
from trustctl.facts.issuance import Draft

_SOURCE = "pkilint"
_NO_AUTHORITY_KEY = "pkix.authority_key_identifier_extension_absent"


@cache
def available() -> bool:
    """Whether the extra is installed."""
    from importlib.util import find_spec

    return find_spec("pkilint") is not None


def certificate(der: bytes, *, sample_of_root: bool = False) -> list[Remark]:
    """What pkilint says of a certificate.

    Args:
        sample_of_root: another key has signed it in the root's place: pkilint cannot see that it
            will sign itself, and needs no authority key identifier (RFC 5280, 4.2.1.1).

    Raises:
        InputError: it cannot be read at all.
    """
    from pkilint import loader

    load = loader.RFC5280CertificateDocumentLoader().load_der_document
    found = _remarks(_certificate_rules(), load, der, "certificate")
    return [one for one in found if not (sample_of_root and one.rule == _NO_AUTHORITY_KEY)]


def crl(der: bytes) -> list[Remark]:
    """What pkilint says of a CRL.

    Raises:
        InputError: it cannot be read at all.
    """
    from pkilint import loader

    load = loader.RFC5280CertificateListDocumentLoader().load_der_document
    return _remarks(_crl_rules(), load, der, "CRL")


def ocsp(der: bytes) -> list[Remark]:
    """What pkilint says of an OCSP response.

    Raises:
        InputError: it cannot be read at all.
    """
    from pkilint import loader

    load = loader.RFC6960OCSPResponseDocumentLoader().load_der_document
    return _remarks(_ocsp_rules(), load, der, "OCSP response")


def shape(draft: Draft, issuer: str) -> tuple[object, ...]:
    """What drafts have in common that differ in names, keys, serials and times alone.

    Args:
        issuer: the authority's name.
    """
    template = draft.template
    # a common name that is too long makes another shape; so does another kind of key
    return (
        template.profile.name,
        issuer,
        len(template.subject) > 64,
        len(template.public_key),
        template.permitted,
        draft.algorithm,
    )


def _remarks(rules: Any, load: Callable[..., Any], der: bytes, what: str) -> list[Remark]:
    from pkilint.validation import ValidationFindingSeverity

    # what goes wrong inside of one of its rules is among its findings; it need not be logged too
    logging.getLogger("pkilint").setLevel(logging.CRITICAL)
    try:
        results = rules.validate(load(der, what).root)
    except Exception as error:  # hostile bytes make it raise anything
        raise InputError(f"pkilint cannot read this {what}", "is it whole?") from error
    levels = {
        ValidationFindingSeverity.FATAL: "error",
        ValidationFindingSeverity.ERROR: "error",
        ValidationFindingSeverity.WARNING: "warning",
    }
    found = []
    for result in results:
        for one in result.finding_descriptions:
            level = levels.get(one.finding.severity)
            if level is not None:
                text = one.finding.code if one.message is None else one.message
                found.append(Remark(one.finding.code, level, text, _SOURCE))
    return sorted(dict.fromkeys(found), key=lambda one: one.level != "error")


@cache
def _certificate_rules() -> Any:
    from pkilint.pkix import certificate, extension, name

    return certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(
            name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS
        ),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )


@cache
def _crl_rules() -> Any:
    from pkilint import pkix
    from pkilint.pkix import crl, extension, name

    return crl.create_pkix_crl_validator_container(
        [
            pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [
            crl.create_issuer_validator_container([]),
            crl.create_validity_validator_container([]),
            crl.create_extensions_validator_container([]),
        ],
    )


@cache
def _ocsp_rules() -> Any:
    from pkilint import pkix
    from pkilint.pkix import extension, name, ocsp

    return ocsp.create_pkix_ocsp_response_validator_container(
        [
            ocsp.create_response_decoder(),
            pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [],
    )
