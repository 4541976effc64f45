"""Reads a certificate request (PKCS #10): its key, that its owner holds it, the hosts it names."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from trustctl.errors import InputError, UsageError
from trustctl.facts.names import parse_host

_LIMIT_BYTES = 1 << 17


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What a certificate request says (RFC 2986, 4), its signature checked.

    Attributes:
        public_key: SubjectPublicKeyInfo in DER.
        hosts: the dNSNames it asks for, LDH A-labels; its common name where it has none.
        ignored: what it asks for and does not get, in our own words.
    """

    public_key: bytes
    hosts: tuple[str, ...]
    ignored: tuple[str, ...]


def parse_request(data: bytes, where: str) -> RequestFacts:
    """The facts of a request in PEM or DER.

    Raises:
        InputError: it is none, names what is no host, or its signature is not its key's. Nothing
            else, whatever the bytes.
    """
    if b"PRIVATE KEY-----" in data:
        raise InputError(
            f"{where} holds a PRIVATE KEY",
            "nothing of it was stored or shown; give the request alone: the key stays where it is",
        )
    if len(data) > _LIMIT_BYTES:
        raise InputError(f"{where} has {len(data)} bytes: this is no certificate request")
    if data.count(b"-----BEGIN") > 1:
        raise InputError(f"{where} holds more than one request", "one at a time is signed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _parse(data, where)
        except InputError:
            raise
        except UsageError as error:
            raise InputError(
                f"{where}: {error.message}", "ask for a request with host names"
            ) from (error)
        except Exception as error:  # hostile bytes make the library raise anything
            raise InputError(
                f"{where} is no certificate request", "openssl req -new makes one: PKCS #10"
            ) from error


def _parse(data: bytes, where: str) -> RequestFacts:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from trustctl.facts.fallback import host_like

    request = (
        x509.load_pem_x509_csr(data) if b"-----BEGIN" in data else x509.load_der_x509_csr(data)
    )
    if not request.is_signature_valid:
        raise InputError(
            f"{where}: its signature is not its key's", "whoever sent it does not hold the key"
        )
    names: list[str] = []
    ignored: list[str] = []
    for extension in request.extensions:
        value = extension.value
        if not isinstance(value, x509.SubjectAlternativeName):
            ignored.append(f"the extension {extension.oid.dotted_string}")
            continue
        for one in value:
            if isinstance(one, x509.DNSName):
                names.append(one.value.lower())
            else:
                ignored.append(f"a name of the kind {type(one).__name__}")
    for attribute in request.subject:
        text = str(attribute.value)
        if attribute.oid != x509.NameOID.COMMON_NAME:
            ignored.append(f"the subject's {attribute.oid.dotted_string}")
        elif not names and host_like(text):
            names.append(text.lower())
        elif text.lower() not in names:
            ignored.append("the subject's common name")
    hosts = tuple(dict.fromkeys(parse_host(one) for one in names))
    key = request.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return RequestFacts(key, hosts, tuple(dict.fromkeys(ignored)))
