"""Compiles trust for Postfix: its TLS policy, and an anchor for each peer that has an authority.

``tls_policy`` has one line for each domain, of hex, names of hashes and fixed words:

``DOMAIN fingerprint match=HEX|HEX``
    exactly these certificates, whatever their names, issuers and dates are.
``DOMAIN secure match=HOST:HOST tafile=PATH``
    the peer's own authority, ``ta/HASH.pem``. The names that are looked for in the host's
    certificate are the peer's expected MX hosts, or the domain and what lies below it; none of them
    comes from DNS. A pinned host certificate is an anchor too, if it cannot sign.
``DOMAIN fingerprint match=NOBODY``
    protected, and nobody is trusted now, or Postfix cannot hold them to it: the mail waits.

Postfix looks a domain's policy up as it was written, and asks DNS for what that is mapped to (UTS
46): another spelling of a domain, with a full-width letter, would pass by its policy.
``tls_spellings`` closes what is written in letters beyond ASCII and is in no table before it.

A digest of a certificate and one of a public key stand in the same place. These are of
certificates: a key would outlive the certificate that people vouched for. Postfix does not look at
the dates of what is pinned so: what has ended is not in the next export.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from trustctl.export.format import Format, Options
from trustctl.facts.fingerprint import colons
from trustctl.facts.names import spellings
from trustctl.facts.pem import pem
from trustctl.facts.records import PeerTrust, TrustedCertificate

POLICY, SPELLINGS = "tls_policy", "tls_spellings"
ANCHORS = "ta"
NOBODY = hashlib.sha256(b"").hexdigest()
"""The digest of nothing: no certificate and no key has it."""
CLOSED = f"fingerprint match={colons(NOBODY)}"
SPELLINGS_TEXT = (
    "# Written by trustctl. Postfix does not find a policy under another spelling of its domain,\n"
    "# and delivers to it all the same: what is written in letters beyond ASCII and stands in no\n"
    "# table before this one waits.\n"
    f"/[^ -~]/ {CLOSED}\n"
).encode()
_IN_DOMAIN = "nexthop:dot-nexthop"


def policy(trust: PeerTrust, anchors: str) -> tuple[str, bytes | None]:
    """What Postfix is to demand of whoever takes the mail of the peer's domains.

    Args:
        anchors: the folder of anchors, as Postfix reaches it.

    Returns:
        The policy, and the content of its anchor's file.
    """
    hosts = [one for one in trust.certificates if one.role == "host"]
    authorities = enforceable(trust)
    if not authorities:
        digests = sorted(colons(one.fingerprint) for one in hosts)
        return (f"fingerprint match={'|'.join(digests)}" if digests else CLOSED), None
    # a host's certificate that may sign would make certificates that pass for the authority's
    members = authorities + [one for one in hosts if not one.may_sign]
    content = b"".join(sorted({pem(one.der) for one in members}))
    names = ":".join(trust.mx_hosts) or _IN_DOMAIN
    return f"secure match={names} tafile={anchors}/{anchor_name(content)}", content


def anchor_name(content: bytes) -> str:
    """The name of an anchor's file: new content gets a new one."""
    return f"{hashlib.sha256(content).hexdigest()}.pem"


def enforceable(trust: PeerTrust) -> list[TrustedCertificate]:
    """The authorities that Postfix can hold to what is known of them: not our own CA, whose
    revocation lists it does not read."""
    return [one for one in trust.certificates if one.role == "authority" and fits(one)]


def fits(one: TrustedCertificate) -> bool:
    """Whether Postfix can hold somebody to it."""
    return one.role == "host" or one.crl is None


def entries(trusts: Sequence[PeerTrust], anchors: str) -> dict[str, str]:
    """Domain -> policy, in order: also as it is written in letters beyond ASCII (RFC 6531)."""
    found: dict[str, str] = {}
    for trust in trusts:
        value = policy(trust, anchors)[0]
        for domain in trust.domains:
            found |= dict.fromkeys(spellings(domain), value)
    return dict(sorted(found.items()))


def parse(text: bytes) -> dict[str, str]:
    """Domain -> policy, of a ``tls_policy``."""
    found = [one.partition(" ") for one in text.decode("utf-8").splitlines()]
    return {domain: value for domain, _space, value in found}


def files(trusts: Sequence[PeerTrust], options: Options) -> Mapping[str, bytes]:
    """The files of a generation, by path."""
    anchors = options.path(ANCHORS)
    lines = [f"{domain} {value}\n" for domain, value in entries(trusts, anchors).items()]
    made = {POLICY: "".join(lines).encode(), SPELLINGS: SPELLINGS_TEXT}
    for trust in trusts:
        content = policy(trust, anchors)[1] if trust.domains else None
        if content is not None:
            made[f"{ANCHORS}/{anchor_name(content)}"] = content
    return made


def closed(made: Mapping[str, bytes]) -> frozenset[str]:
    """The domains whose mail nobody may take now."""
    found = parse(made.get(POLICY, b""))
    return frozenset(one for one, value in found.items() if value == CLOSED and one.isascii())


FORMAT = Format(
    name="postfix",
    help="all that Postfix needs: a TLS policy for each domain, in DIR/trustctl.",
    files=files,
    use="smtp_tls_policy_maps, as --reload sets it; share/doc/postfix.md",
    authorities="kept",
    nested=True,
    fits=fits,
    closed=closed,
)
