"""Makes real certificates: those that a peer would have. Odd ones come from tests/odd.py."""

from __future__ import annotations

import base64
import datetime
import functools
import hashlib
import ipaddress
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa
from cryptography.x509.oid import NameOID

from trustctl.facts.der import certificate_fields, encode

KeyKind = Literal["p256", "p384", "rsa2048", "rsa1024", "dsa2048", "ed25519", "ed448", "ml-dsa-65"]
HashName = Literal["sha256", "sha384", "sha1", "md5"]
PrivateKey = (
    ec.EllipticCurvePrivateKey
    | rsa.RSAPrivateKey
    | dsa.DSAPrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | mldsa.MLDSA65PrivateKey
)
_HASHLESS = (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey, mldsa.MLDSA65PrivateKey)
DAY = 86400
_STRONG: dict[str, hashes.SHA256 | hashes.SHA384] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
}
# the builder refuses to sign with these, as it should; a hostile peer does not
_WEAK = {"sha1": hashes.SHA1(), "md5": hashes.MD5()}  # noqa: S303
_WEAK_RSA = {"md5": "2a864886f70d010104", "sha1": "2a864886f70d010105"}
_ECDSA_WITH_SHA1 = "2a8648ce3d0401"


@dataclass(frozen=True)
class Made:
    """A certificate and its private key."""

    der: bytes
    key: PrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate in PEM."""
        return pem(self.der)

    @property
    def key_pem(self) -> bytes:
        """The private key in PEM (PKCS #8, not encrypted)."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @property
    def key_der(self) -> bytes:
        """The private key in DER (PKCS #8, not encrypted)."""
        return self.key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the DER, 64 lower-case hex digits."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def spki(self) -> str:
        """SHA-256 of the SubjectPublicKeyInfo, 64 lower-case hex digits."""
        public = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return hashlib.sha256(public).hexdigest()

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate as cryptography sees it."""
        return x509.load_der_x509_certificate(self.der)


@functools.cache
def _slow_key(kind: KeyKind) -> PrivateKey:
    if kind == "dsa2048":
        return dsa.generate_private_key(2048)
    return rsa.generate_private_key(65537, 1024 if kind == "rsa1024" else 2048)


def new_key(kind: KeyKind = "p256") -> PrivateKey:
    """A private key; a fresh one, but for RSA and DSA, of which a process makes one each."""
    match kind:
        case "p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "p384":
            return ec.generate_private_key(ec.SECP384R1())
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "ed448":
            return ed448.Ed448PrivateKey.generate()
        case "ml-dsa-65":
            return mldsa.MLDSA65PrivateKey.generate()
        case _:
            return _slow_key(kind)


def self_signed(
    names: str | Iterable[str] = "mx.foo.test",
    *,
    ca: bool | None = None,
    days: float = 90,
    not_before: int | None = None,
    key: KeyKind | PrivateKey = "p256",
    signed_with: HashName = "sha256",
    subject: str | None = None,
    serial: int | None = None,
) -> Made:
    """A self-signed certificate for ``names`` (host names and addresses).

    Args:
        ca: basicConstraints' cA; None leaves the extension out.
        not_before: seconds since 1970 UTC; the default is a day ago.
        subject: the common name; the default is the first name.
    """
    private = new_key(key) if isinstance(key, str) else key
    return _make(names, private, None, ca, days, not_before, signed_with, subject, serial)


def authority(
    name: str = "Foo CA",
    *,
    days: float = 900,
    not_before: int | None = None,
    key: KeyKind | PrivateKey = "p256",
    signed_with: HashName = "sha256",
) -> Made:
    """A self-signed authority."""
    private = new_key(key) if isinstance(key, str) else key
    return _make((), private, None, True, days, not_before, signed_with, name, None)


def issue(
    issuer: Made,
    names: str | Iterable[str] = "mx.foo.test",
    *,
    ca: bool | None = False,
    days: float = 90,
    not_before: int | None = None,
    key: KeyKind | PrivateKey = "p256",
    signed_with: HashName = "sha256",
    subject: str | None = None,
    serial: int | None = None,
) -> Made:
    """A certificate for ``names``, signed by ``issuer`` (with ``ca=True``: an intermediate)."""
    private = new_key(key) if isinstance(key, str) else key
    return _make(names, private, issuer, ca, days, not_before, signed_with, subject, serial)


def request(*hosts: str) -> bytes:
    """A certificate request (PKCS #10) in PEM, for a fresh key."""
    names = x509.SubjectAlternativeName([x509.DNSName(one) for one in hosts])
    builder = x509.CertificateSigningRequestBuilder(x509.Name([])).add_extension(names, True)
    made = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM)


def _make(
    names: str | Iterable[str],
    private: PrivateKey,
    issuer: Made | None,
    ca: bool | None,
    days: float,
    not_before: int | None,
    signed_with: HashName,
    subject: str | None,
    serial: int | None,
) -> Made:
    hosts = (names,) if isinstance(names, str) else tuple(names)
    common = subject if subject is not None else (hosts[0] if hosts else "peer")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    begins = int(time.time()) - DAY if not_before is None else not_before
    start = datetime.datetime.fromtimestamp(begins, datetime.UTC)
    signer = private if issuer is None else issuer.key
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if issuer is None else issuer.certificate.subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number() if serial is None else serial)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=days))
    )
    if hosts:
        alternatives = x509.SubjectAlternativeName([_general_name(one) for one in hosts])
        builder = builder.add_extension(alternatives, critical=False)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    made = builder.sign(
        signer, None if isinstance(signer, _HASHLESS) else _STRONG.get(signed_with, hashes.SHA256())
    )
    der = made.public_bytes(serialization.Encoding.DER)
    return Made(_weakly(der, signer, signed_with) if signed_with in _WEAK else der, private)


def _weakly(der: bytes, signer: PrivateKey, signed_with: HashName) -> bytes:
    """The certificate signed again, with a weak hash."""
    fields = [der[one.start : one.end] for one in certificate_fields(der)]
    weak = _WEAK[signed_with]
    if isinstance(signer, rsa.RSAPrivateKey):
        algorithm = tlv(0x30, tlv(0x06, bytes.fromhex(_WEAK_RSA[signed_with])), tlv(0x05))
        body = tlv(0x30, *fields[:2], algorithm, *fields[3:])
        signature = signer.sign(body, padding.PKCS1v15(), weak)
    else:
        assert isinstance(signer, ec.EllipticCurvePrivateKey), "no such weak signature"
        assert signed_with == "sha1", "no such weak signature"
        algorithm = tlv(0x30, tlv(0x06, bytes.fromhex(_ECDSA_WITH_SHA1)))
        body = tlv(0x30, *fields[:2], algorithm, *fields[3:])
        signature = signer.sign(body, ec.ECDSA(weak))
    return tlv(0x30, body, algorithm, tlv(0x03, b"\0", signature))


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def pem(der: bytes, label: str = "CERTIFICATE") -> bytes:
    """PEM of any DER (RFC 7468)."""
    text = base64.b64encode(der).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    """What ``openssl ARGUMENTS`` prints."""
    ran = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout


tlv = encode
"""One DER element of these content bytes."""


def s_client(chain: Iterable[Made | bytes]) -> bytes:
    """What ``openssl s_client -starttls smtp -showcerts`` prints for this chain."""
    ders = [one if isinstance(one, bytes) else one.der for one in chain]
    shown = b"".join(
        b" %d s:CN = mx%d\n   i:CN = mx%d\n   a:PKEY: id-ecPublicKey, 256 (bit); "
        b"sigalg: ecdsa-with-SHA256\n" % (at, at, at + 1) + pem(der)
        for at, der in enumerate(ders)
    )
    return (
        b"CONNECTED(00000003)\n---\nCertificate chain\n"
        + shown
        + b"---\nServer certificate\n"
        + pem(ders[0])  # older versions show it in both places
        + b"subject=CN = mx0\n\nissuer=CN = mx1\n\n---\nNo client certificate CA names sent\n"
        b"Peer signing digest: SHA256\nVerification error: self-signed certificate\n---\n"
        b"New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384\n---\n250 HELP\n"
    )
