"""Reads single fields of a certificate that pyca/cryptography refuses, by asn1crypto."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cached_property
from typing import Any

from trustctl.facts.der import children, element, subject_public_key_info

_HOST = re.compile(r"(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+\.?", re.ASCII)
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def host_like(text: str) -> bool:
    """Whether a common name looks like a host's (RFC 6125, 6.4.4)."""
    return len(text) <= 253 and _HOST.fullmatch(text) is not None


class Reader:
    """The fields of one certificate; each method may raise anything: the caller expects it."""

    def __init__(self, der: bytes) -> None:
        self._der = der

    @cached_property
    def _certificate(self) -> Any:
        from asn1crypto import x509

        return x509.Certificate.load(self._der, strict=True)

    @cached_property
    def _tbs(self) -> Any:
        return self._certificate["tbs_certificate"]

    def key(self) -> tuple[str | None, int | None, str | None]:
        """Kind, bits and curve of the key."""
        oid = self._key_oid()
        if oid in _KEY_OIDS:
            return _KEY_OIDS[oid], None, None
        info = self._tbs["subject_public_key_info"]
        kind = info.algorithm
        if kind == "rsa":
            return "rsa", info.bit_size, None
        if kind == "ec":
            form, curve = info.curve
            return "ec", None, str(curve) if form == "named" else "explicit"
        return str(kind), None, None

    def _key_oid(self) -> str:
        # asn1crypto does not get as far as the OID of an algorithm that it does not know
        from asn1crypto import core

        info = subject_public_key_info(self._der)
        algorithm = children(info, element(info, 0, len(info)))[0]
        oid = children(info, algorithm)[0]
        return str(core.ObjectIdentifier.load(info[oid.start : oid.end], strict=True).dotted)

    def names(self) -> tuple[str, ...]:
        """dNSName, iPAddress and host-like common names."""
        found: list[str] = []
        for alternatives in self._extension("subject_alt_name"):
            for name in alternatives:
                if name.name == "dns_name":
                    # its own bytes: .native would make U-labels of A-labels
                    found.append(name.chosen.contents.decode("ascii", "backslashreplace"))
                elif name.name == "ip_address":
                    found.append(str(name.native))
        for rdn in self._tbs["subject"].chosen:
            for attribute in rdn:
                value = attribute["value"].native
                if attribute["type"].native == "common_name" and host_like(str(value)):
                    found.append(str(value))
        return tuple(dict.fromkeys(found))

    def is_ca(self) -> bool:
        """basicConstraints cA; without it, whether keyUsage leaves it open."""
        # an extension twice is a contradiction: what may sign may sign
        if constraints := self._extension("basic_constraints"):
            return any(bool(one["ca"].native) for one in constraints)
        usages = self._extension("key_usage")
        return not usages or any("key_cert_sign" in one.native for one in usages)

    def states_ca(self) -> bool:
        """Whether basicConstraints are there, and say cA."""
        return any(bool(one["ca"].native) for one in self._extension("basic_constraints"))

    def alternative_dns_names(self) -> set[str]:
        """The dNSNames, as they are written."""
        listed = [one for each in self._extension("subject_alt_name") for one in each]
        return {one.chosen.contents.decode() for one in listed if one.name == "dns_name"}

    def constraints(self, part: str) -> list[tuple[str, str]]:
        """The name constraints: the kind of each (``dns_name``, ``ip_address``, ...), and what a
        dNSName is.

        Args:
            part: ``permitted_subtrees`` or ``excluded_subtrees``.
        """
        found = self._extension("name_constraints")
        bases = [one["base"] for each in found for one in (each[part] if each[part].native else ())]
        return [
            (one.name, one.chosen.contents.decode() if one.name == "dns_name" else "")
            for one in bases
        ]

    def _extension(self, name: str) -> list[Any]:
        return [
            one["extn_value"].parsed
            for one in self._tbs["extensions"]
            if one["extn_id"].native == name
        ]

    def subject(self) -> str:
        """The subject as text."""
        return str(self._tbs["subject"].human_friendly)

    def issuer(self) -> str:
        """The issuer as text."""
        return str(self._tbs["issuer"].human_friendly)

    def serial(self) -> str:
        """The serial number in hex."""
        return f"{self._tbs['serial_number'].native:x}"

    def version(self) -> int:
        """3, or 1 for anything older."""
        return 3 if self._tbs["version"].native == "v3" else 1

    def not_before(self) -> int:
        """Seconds since 1970 UTC."""
        return _moment(self._tbs["validity"]["not_before"].native)

    def not_after(self) -> int:
        """Seconds since 1970 UTC."""
        return _moment(self._tbs["validity"]["not_after"].native)

    def signature_hash(self) -> str | None:
        """The hash of the signature algorithm; None where it has none of its own."""
        algorithm = self._certificate["signature_algorithm"]
        name = str(algorithm["algorithm"].native)
        if weak := _WEAK_OIDS.get(algorithm["algorithm"].dotted):
            return weak
        if name in ("ed25519", "ed448") or algorithm["algorithm"].dotted in _KEY_OIDS:
            return None
        return str(algorithm.hash_algo)


def _moment(value: datetime) -> int:
    return int((value - _EPOCH).total_seconds())


_WEAK_OIDS = {
    "1.2.840.113549.1.1.3": "md4",
    "1.2.840.113549.2.2": "md2",
    "1.2.840.113549.2.4": "md4",
    "1.2.840.113549.2.5": "md5",
    "1.3.14.3.2.26": "sha1",
}
"""Weak signatures that asn1crypto has no name for: some certificates name the hash alone."""

_KEY_OIDS = {
    "1.3.101.112": "ed25519",
    "1.3.101.113": "ed448",
    "2.16.840.1.101.3.4.3.17": "ml-dsa-44",
    "2.16.840.1.101.3.4.3.18": "ml-dsa-65",
    "2.16.840.1.101.3.4.3.19": "ml-dsa-87",
}
"""Algorithms without parameters: one OID for the key and for the signature (RFC 8410, RFC 9881)."""
