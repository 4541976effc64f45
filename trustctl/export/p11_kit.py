"""``p11-kit``: anchors with constraints attached to them, for GnuTLS and what else asks p11-kit.

p11-kit's trust module reads certificates and, beside them, extensions that are to be taken as if
the certificate with that public key had them (p11-kit's persistent format, as ca-certificates'
``*.p11-kit`` files in Fedora have it). GnuTLS goes by them: whoever may sign, an authority or a
host whose own certificate may, is held to its peer's domains.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from trustctl.export.format import Format, Options, certificates
from trustctl.facts.der import SEQUENCE, encode, subject_public_key_info
from trustctl.facts.pem import pem
from trustctl.facts.records import PeerTrust

_OID, _OCTETS, _BOOLEAN = 0x06, 0x04, 0x01
_NAME_CONSTRAINTS = bytes((0x55, 0x1D, 0x1E))
_PERMITTED, _EXCLUDED = 0xA0, 0xA1
_EMAIL, _DNS, _ADDRESS = 0x81, 0x82, 0x87


def files(trusts: Sequence[PeerTrust], options: Options) -> Mapping[str, bytes]:
    """A file for each certificate, with what is attached to its key.

    Where several peers have the same authority, it is held to the domains of them all: p11-kit
    knows it by its key. Our own CA is held to nothing.
    """
    held: defaultdict[bytes, set[str]] = defaultdict(set)
    for trust in trusts:
        for one in trust.certificates:
            if (one.role == "authority" or one.may_sign) and one.crl is None:
                held[subject_public_key_info(one.der)].update(trust.domains)
    made = {}
    for peer, one in certificates(trusts):
        label = f"{peer}-{one.fingerprint[:16]}"
        key = subject_public_key_info(one.der)
        text = f'[p11-kit-object-v1]\nlabel: "{label}"\ntrusted: true\nx-distrusted: false\n'
        parts = [text.encode("ascii") + pem(one.der)]
        if key in held:
            parts.append(_attached(label, key, name_constraints(held[key])))
        made[f"anchors/{one.fingerprint}.p11-kit"] = b"\n".join(parts)
    return made


def _attached(label: str, key: bytes, value: bytes) -> bytes:
    """Name constraints, as an extension that is critical, for whatever has this key."""
    oid = encode(_OID, _NAME_CONSTRAINTS)
    extension = encode(SEQUENCE, oid, encode(_BOOLEAN, b"\xff"), encode(_OCTETS, value))
    hexed = "".join(f"%{one:02x}" for one in extension)
    text = (
        f'[p11-kit-object-v1]\nlabel: "{label}"\nclass: x-certificate-extension\n'
        f'object-id: 2.5.29.30\nvalue: "{hexed}"\n'
    )
    return text.encode("ascii") + pem(key, "PUBLIC KEY")


def name_constraints(domains: set[str]) -> bytes:
    """These domains and what is below them, and no address (RFC 5280, 4.2.1.10).

    Without any domain nothing is left: no name is below ``invalid``.
    """
    names = sorted(domains) or ["invalid"]
    permitted = [encode(SEQUENCE, encode(_DNS, one.encode("ascii"))) for one in names]
    permitted += [
        encode(SEQUENCE, encode(_EMAIL, form.encode("ascii")))
        for one in names
        for form in (one, f".{one}")
    ]
    excluded = [encode(SEQUENCE, encode(_ADDRESS, bytes(size))) for size in (8, 32)]
    return encode(SEQUENCE, encode(_PERMITTED, *permitted), encode(_EXCLUDED, *excluded))


FORMAT = Format(
    name="p11-kit",
    help="Anchors with constraints attached, for p11-kit's trust module.",
    files=files,
    use="link {current}/anchors as a folder of the trust module (share/doc/formats.md)",
    authorities="kept",
)
