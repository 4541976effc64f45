"""The revocation lists and staples of our own CA, as files of a generation.

``crl/NAME.pem``
    the CRLs of every authority of our CA NAME, the root's first: an OpenSSL build wants one of each
    CA in a chain. Without one of them the file is left out, and what needs it waits.
``crl/_all.pem``
    the same of all our CAs, where there are several; for a domain that has two as authorities.
``ocsp/NAME/HOST.ocsp``
    a signed OCSP response in DER, for the server HOST to staple.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trustctl.export.exim import ALL_CAS
from trustctl.facts.pem import pem

LONGEST_NAME = 255


def compile_revocation(
    crls: Mapping[str, Sequence[bytes] | None], staples: Mapping[str, Mapping[str, bytes]]
) -> dict[str, bytes]:
    """Path -> content.

    Args:
        crls: by CA, the DER of all its CRLs; None where one is missing.
        staples: by CA, the DER of each response by the name of its file, without ``.ocsp``.
    """
    found: dict[str, bytes] = {}
    texts = {
        name: b"".join([pem(one, "X509 CRL") for one in ders])
        for name, ders in sorted(crls.items())
        if ders
    }
    for name, text in texts.items():
        found[f"crl/{name}.pem"] = text
    if len(crls) > 1 and len(texts) == len(crls):
        found[f"crl/{ALL_CAS}.pem"] = b"".join(texts.values())
    for ca, responses in sorted(staples.items()):
        for host, der in sorted(responses.items()):
            if len(host) + len(".ocsp") <= LONGEST_NAME:
                found[f"ocsp/{ca}/{host}.ocsp"] = der
    return found
