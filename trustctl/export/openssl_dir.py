"""``openssl-dir``: a folder of certificates under the hashes of their subjects (``-CApath``).

OpenSSL finds a certificate there by ``X509_NAME_hash_ex`` of the name that it looks for: hash, dot,
and a number from 0 on for each further one with that hash (openssl-rehash(1)).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from trustctl.export.bundle import block
from trustctl.export.format import Format, Options, certificates
from trustctl.facts.pem import pem
from trustctl.facts.records import PeerTrust, TrustedCertificate


def files(trusts: Sequence[PeerTrust], options: Options) -> Mapping[str, bytes]:
    """One file a certificate, under a comment line; those of the same subject in order of
    fingerprint. Revocation lists are under their issuer's hash, with ``r`` before the number."""
    domains = {trust.peer: ",".join(trust.domains) or "-" for trust in trusts}
    found: defaultdict[str, list[bytes]] = defaultdict(list)
    for peer, one in certificates(trusts):
        if (name := subject_hash(one.der)) is not None:
            found[name].append(block(peer, domains[peer], one.fingerprint, one.der, one.not_after))
    for authority, crl in options.lists:
        if (name := subject_hash(authority)) is not None:
            found[f"{name}.r"].append(pem(crl, "X509 CRL"))
    return {
        f"{name if name.endswith('r') else f'{name}.'}{number}": text
        for name, texts in found.items()
        for number, text in enumerate(texts)
    }


def subject_hash(der: bytes) -> str | None:
    """The subject's hash, 8 hex digits; None where OpenSSL does not read the certificate, and so
    would never take it."""
    from OpenSSL import crypto

    try:
        certificate = crypto.load_certificate(crypto.FILETYPE_ASN1, der)
        return f"{certificate.subject_name_hash():08x}"
    except crypto.Error:
        return None


def readable(certificate: TrustedCertificate) -> bool:
    """Whether OpenSSL reads the certificate: with one that it does not, a server refuses a whole
    file."""
    return subject_hash(certificate.der) is not None


FORMAT = Format(
    name="openssl-dir",
    help="A folder of hashed names, for OpenSSL's -CApath.",
    files=files,
    use="openssl verify -CApath {current}",
    authorities="held",
    carries="always",
    fits=readable,
)
