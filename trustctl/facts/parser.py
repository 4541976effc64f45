"""The one parser that touches hostile DER: pyca/cryptography first, asn1crypto where it gives up.

13 % of the certificates of real mail hosts have an extension that the first library refuses
(an explicit ``cA FALSE``, most of them); OpenSSL and GnuTLS read them, so trustctl must.
"""

from __future__ import annotations

import contextlib
import hashlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from cryptography import x509

from trustctl.errors import InputError
from trustctl.facts import fallback
from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.der import certificate_fields, subject_public_key_info
from trustctl.facts.selfsign import is_self_signed

_T = TypeVar("_T")
_NAMES_KEPT = 1000
_NAME_LENGTH = 1000
_TEXT_LENGTH = 4000
_LIMIT_BYTES = 1 << 20


def parse(der: bytes) -> CertificateFacts:
    """As :func:`trustctl.facts.certificate.parse_certificate`."""
    if len(der) > _LIMIT_BYTES:
        raise InputError(f"a certificate of {len(der)} bytes: {_LIMIT_BYTES} is the limit")
    with warnings.catch_warnings():
        # the library warns of what it tolerates (negative serials); -W error makes that raise
        warnings.simplefilter("ignore")
        try:
            return _parse(der)
        except InputError:
            raise
        except Exception as error:  # the promise: nothing but InputError, whatever the bytes
            raise InputError(f"this certificate cannot be read ({type(error).__name__})") from error


def _parse(der: bytes) -> CertificateFacts:
    try:
        certificate_fields(der)
    except ValueError as error:
        raise InputError("the bytes are no X.509 certificate", "give PEM or DER of one") from error
    reader = fallback.Reader(der)
    problems: list[str] = []
    try:
        certificate: x509.Certificate | None = x509.load_der_x509_certificate(der)
    except Exception:  # ValueError, InvalidVersion, TypeError, ...: the fallback decides
        certificate = None
        problems.append("the strict parser refuses it; it was read by a lenient one")

    def read(
        what: str, first: Callable[[x509.Certificate], _T], then: Callable[[], _T]
    ) -> _T | None:
        """One field by the first parser that can."""
        if certificate is not None:
            with contextlib.suppress(Exception):  # anything can come out of a hostile field
                return first(certificate)
        with contextlib.suppress(Exception):  # as above
            return then()
        problems.append(f"its {what} cannot be read")
        return None

    kind, bits, curve = read("kind of key", _key, reader.key) or (None, None, None)
    names = read("names", _names, reader.names) or ()
    if len(names) > _NAMES_KEPT:
        problems.append(f"it has {len(names)} names; the first {_NAMES_KEPT} are kept")
    version = read("version", lambda c: 3 if c.version is x509.Version.v3 else 1, reader.version)
    facts = CertificateFacts(
        fingerprint=hashlib.sha256(der).hexdigest(),
        spki=hashlib.sha256(subject_public_key_info(der)).hexdigest(),
        subject=_clip(read("subject", lambda c: c.subject.rfc4514_string(), reader.subject)),
        issuer=_clip(read("issuer", lambda c: c.issuer.rfc4514_string(), reader.issuer)),
        serial=read("serial number", lambda c: f"{c.serial_number:x}", reader.serial),
        names=tuple(one[:_NAME_LENGTH] for one in names[:_NAMES_KEPT]),
        not_before=read(
            "not-before time", lambda c: int(c.not_valid_before_utc.timestamp()), reader.not_before
        ),
        not_after=read(
            "not-after time", lambda c: int(c.not_valid_after_utc.timestamp()), reader.not_after
        ),
        is_ca=True if version == 1 else read("CA flag", _is_ca, reader.is_ca),
        self_signed=False,
        key_kind=kind,
        key_bits=bits,
        curve=curve,
        signature_hash=read("signature algorithm", _signature_hash, reader.signature_hash),
        version=version,
    )
    if certificate is not None and is_self_signed(certificate, facts):
        facts = replace(facts, self_signed=True)
    return replace(facts, problems=tuple(dict.fromkeys(problems)))


def _key(certificate: x509.Certificate) -> tuple[str | None, int | None, str | None]:
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

    key = certificate.public_key()
    match key:
        case rsa.RSAPublicKey():
            return "rsa", key.key_size, None
        case ec.EllipticCurvePublicKey():
            return "ec", key.key_size, key.curve.name
        case dsa.DSAPublicKey():
            return "dsa", key.key_size, None
        case ed25519.Ed25519PublicKey():
            return "ed25519", None, None
        case ed448.Ed448PublicKey():
            return "ed448", None, None
    raise ValueError("a kind of key that the fallback names by its OID")


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_each_name(certificate)))


def _each_name(certificate: x509.Certificate) -> Iterator[str]:
    with contextlib.suppress(x509.ExtensionNotFound):
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        for name in san:
            if isinstance(name, x509.DNSName | x509.IPAddress):
                yield str(name.value)
    for attribute in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME):
        value: Any = attribute.value
        if isinstance(value, str) and fallback.host_like(value):
            yield value


def _is_ca(certificate: x509.Certificate) -> bool:
    extensions = certificate.extensions
    with contextlib.suppress(x509.ExtensionNotFound):
        return extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    with contextlib.suppress(x509.ExtensionNotFound):
        return extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    return True


def _signature_hash(certificate: x509.Certificate) -> str | None:
    algorithm = certificate.signature_hash_algorithm
    return None if algorithm is None else algorithm.name


def _clip(text: str | None) -> str | None:
    return None if text is None else text[:_TEXT_LENGTH]
