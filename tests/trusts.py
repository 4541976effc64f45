"""What policy would give the exporters: trust in real certificates."""

from __future__ import annotations

from tests import certs, odd
from tests.certs import Made
from trustctl.facts.records import PeerTrust, Role, TrustedCertificate

EXPIRES = 1_900_000_000
HOSTILE = (
    "${run{/bin/sh -c id}}",
    "${readfile{/etc/passwd}}",
    "a\nb: c",
    "tail\\",
    " lead",
    "*",
    "!x",
    "#x",
    "^re",
    "@",
    "lsearch;/f",
    "<; a;b",
    "a:b",
    "nul\0nul",
    "$(id)",
    "\x1b[31mred",
    "\u202egnp.exe",
    "line\u2028break",
    "-----END CERTIFICATE-----",
    "# peer=evil domains=evil.test",
    "set=x pins=y authority=yes",
)
"""Strings that mean something to Exim, Postfix, a terminal or a reader of our own files."""


def trusted(
    made: Made,
    role: Role = "host",
    *,
    may_sign: bool = False,
    issuers: tuple[Made, ...] = (),
    expires: int = EXPIRES,
) -> TrustedCertificate:
    """A certificate as policy hands it on."""
    return TrustedCertificate(
        made.fingerprint, role, made.der, expires, may_sign, tuple([one.der for one in issuers])
    )


def trust(
    peer: str, *certificates: TrustedCertificate, domains: tuple[str, ...] | None = None
) -> PeerTrust:
    """A peer's trust; its domain is PEER.test unless told."""
    return PeerTrust(peer, (f"{peer}.test",) if domains is None else domains, certificates)


def hostile(text: str) -> Made:
    """A certificate whose common name and alternative name are this text."""
    raw = text.encode()
    return odd.altered(
        certs.self_signed("mx.foo.test"),
        subject=odd.common_name(raw),
        extensions=[odd.alternative_names(raw)],
    )
