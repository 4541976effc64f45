"""The X.509 certificates of PyPI's cryptography-vectors: strange ones that others have met."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import cryptography_vectors
import pytest

from trustctl.errors import InputError
from trustctl.facts.certificate import parse_certificate
from trustctl.intake.pem import split_certificates

ROOT = Path(cryptography_vectors.__file__).parent / "x509"
OTHERS = {
    "PKITS_data/ReadMe.txt": "a text",
    "PKITS_data/pkits.ldif": "an LDAP directory",
    "PKITS_data/pkits.schema": "an LDAP schema",
    "PKITS_data/pkcs12/": "PKCS #12: private keys",
    "PKITS_data/certpairs/": "pairs of cross-certificates",
    "PKITS_data/crls/": "revocation lists",
    "PKITS_data/smime/": "signed mail",
    "ocsp/": "answers about revocation",
    "requests/": "certificate requests",
    "custom/crl_": "revocation lists",
    "custom/invalid_signature_crl.pem": "a revocation list",
    "custom/valid_signature_crl.pem": "a revocation list",
    "custom/ca/ca_key.pem": "a private key",
    "custom/ca/rsa_key.pem": "a private key",
    "cryptography-scts-tbs-precert.der": "what is signed, without the signature",
    "cryptography.io.with_garbage.pem": "a certificate beside a private key",
    "cryptography.io.chain_with_garbage.pem": "a chain beside a private key",
    "cryptography.io.with_headers.pem": "a certificate beside a private key",
}
"""What is no certificate, or must not be taken for one, and why: refused, each of them."""
PARTLY = {
    "badasn1time.pem": "a time that is none",
    "e-trust.ru.der": "a key of a kind that only Russia has",
    "custom/unsupported_subject_public_key_info.pem": "a key of a kind that nobody has",
    "custom/rsa_pss_cert_no_sig_params.der": "PSS without its parameters",
    "custom/invalid_utf8_common_name.pem": "broken UTF-8",
    "custom/long-form-name-attribute.pem": "a length in five bytes",
    "custom/name_attribute_unsupported_tag.pem": "a name of a type that is none",
}
"""Certificates of which something cannot be read, and what: all others are read in full."""
SAMPLE = 24
"""One of so many is shown to OpenSSL as well."""


def _files() -> Iterator[str]:
    for path in sorted(ROOT.rglob("*")):
        if path.is_file() and path.suffix not in (".py", ".pyc"):
            yield path.relative_to(ROOT).as_posix()


def _certificates() -> list[tuple[str, bytes]]:
    return [
        (name, der)
        for name in _files()
        if not name.startswith(tuple(OTHERS))
        for der in split_certificates((ROOT / name).read_bytes(), name)
    ]


def test_what_is_no_certificate_is_refused() -> None:
    """Every file that is left out of the other tests is refused, for a reason in one line."""
    refused = [name for name in _files() if name.startswith(tuple(OTHERS))]
    assert len(refused) > 1000
    for name in refused:
        with pytest.raises(InputError) as caught:
            split_certificates((ROOT / name).read_bytes(), name)
        assert "\n" not in caught.value.message, name


def test_every_certificate_is_parsed() -> None:
    """All the others are certificates: the fingerprint is right, and what could not be read of a
    few is said."""
    found = _certificates()
    assert len(found) > 500
    unread = []
    for name, der in found:
        facts = parse_certificate(der)
        assert facts.fingerprint == hashlib.sha256(der).hexdigest(), name
        assert facts.spki is not None, name
        if any("cannot be read" in one for one in facts.problems):
            unread.append(name)
    assert sorted(unread) == sorted(PARTLY)


def test_openssl_reads_the_same() -> None:
    """Serial number, dates and key are those that ``openssl x509`` prints, where it can."""
    compared = 0
    for name, der in _certificates()[::SAMPLE]:
        asked = ("openssl", "x509", "-inform", "DER", "-noout", "-serial", "-dates", "-pubkey")
        ran = subprocess.run(asked, input=der, capture_output=True, check=False)
        facts = parse_certificate(der)
        told = dict(re.findall(r"^(\w+)=(.*)$", ran.stdout.decode(), re.MULTILINE))
        if ran.returncode or "Bad time" in str(told):
            continue
        assert facts.serial is not None
        assert int(told["serial"].lower(), 16) == int(facts.serial, 16), name
        assert _moment(told["notBefore"]) == facts.not_before, name
        assert _moment(told["notAfter"]) == facts.not_after, name
        key = ran.stdout.split(b"-----BEGIN PUBLIC KEY-----")[1].split(b"-----END")[0]
        assert hashlib.sha256(base64.b64decode(key)).hexdigest() == facts.spki, name
        compared += 1
    assert compared > 15


def _moment(text: str) -> int:
    return int(datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC).timestamp())
