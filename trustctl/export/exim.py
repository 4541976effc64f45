"""Compiles trust for Exim: a trust set and a map entry for each domain, constant configuration.

The map's value holds hex, file names of hashes and fixed words, and nothing else. Its shapes:

``set=HASH.pem pins=HEX[:HEX...] names=off``
    exactly these certificates: the pin check binds, so the host's name does not matter and the set
    may hold the issuers that a build needs to find a path.
``set=HASH.pem authority=yes names=on [crl=NAME.pem] [pins=HEX...] [deny=HEX:...]``
    the peer's own CA, host names checked; ``deny`` are the certificates that are distrusted. A
    pinned host certificate is taken too, if it cannot sign: one that can would be a second CA.
    Where the CA is one of ours, what it revoked is refused too: ``crl`` names the list, and
    ``deny`` has the newest of it, for the time until somebody can sign the next list.
    Nothing is ever empty: Exim would take the next part for its value.
``closed=yes``
    protected, and nobody is trusted now: its mail waits.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from trustctl.errors import UsageError
from trustctl.export.bundle import blocks, refuse_strange
from trustctl.facts.compiled import CompiledPeer
from trustctl.facts.pem import pem
from trustctl.facts.records import PeerTrust, TrustedCertificate
from trustctl.resources import resource

CLOSED = "closed=yes"
GUARD = (b"*", b"map=whole")
"""An entry of every map, under a key that is no domain. A map without it (zeroed by a failing disk,
or some other file) protects everything: all mail waits, where it would have gone unverified."""
NOBODY = "nobody.pem"
NOBODY_TEXT = (
    b"# Written by trustctl. There is no certificate in this file on purpose: nothing verifies\n"
    b"# against it, so mail that would need it waits.\n"
)
"""A trust set that verifies nothing: GnuTLS and OpenSSL refuse to start TLS with it."""

ALL_CAS = "_all"
"""The list of all our CAs together; no CA can have this name."""

_DIRECTORY = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9._-]*)+", re.ASCII)


def compile_peer(
    trust: PeerTrust,
    distrusted: Sequence[str] = (),
    revoked: Mapping[str, Sequence[str]] = MappingProxyType({}),
    *,
    binds: bool = True,
) -> CompiledPeer:
    """The peer's map entries, trust set and bundle blocks.

    Args:
        distrusted: the fingerprints that no authority may bring back.
        revoked: by the name of a CA of ours, the fingerprints of what it signed and does not count:
            what it revoked last, and peers' CAs.
        binds: whether this Exim holds an anchor to its name constraints (share/doc/cross.md).

    Raises:
        DatabaseError: it is not what trustctl stores.
    """
    refuse_strange(trust)
    certificates = sorted(trust.certificates, key=_fingerprint)
    texts = {
        # the cross-certificate alone: with our root beside it, whatever else is below the root
        # would be taken for this peer's, from a host that DNS named
        one.fingerprint: pem(one.held.der if one.held is not None and binds else one.der)
        for one in certificates
    }
    bundled = blocks(trust)
    if not trust.domains:
        return CompiledPeer(trust.peer, blocks=bundled)
    content, value = _trust_set(certificates, texts)
    if content is None:
        entries = tuple([(domain, CLOSED) for domain in trust.domains])
        return CompiledPeer(trust.peer, entries, blocks=bundled)
    name = hashlib.sha256(content).hexdigest() + ".pem"
    value = f"set={name} {value}"
    denied = set(distrusted).union(*(revoked.get(one.crl or "", ()) for one in certificates))
    if denied and "authority=yes" in value:
        value += f" deny={':'.join(sorted(denied)).upper()}"
    return CompiledPeer(
        trust.peer,
        tuple([(domain, value) for domain in trust.domains]),
        ((name, content),),
        bundled,
    )


def _trust_set(
    certificates: list[TrustedCertificate], texts: dict[str, bytes]
) -> tuple[bytes | None, str]:
    """The set's content and the rest of the map's value; None where nobody is trusted."""
    authorities = [one for one in certificates if one.role == "authority"]
    hosts = [one for one in certificates if one.role == "host"]
    if authorities:
        # a host's certificate that may sign would make certificates that pass for the authority's
        hosts = [one for one in hosts if not one.may_sign]
        members = [texts[one.fingerprint] for one in (*authorities, *hosts)]
        pins = f" pins={_pins(hosts)}" if hosts else ""
        return b"".join(sorted(set(members))), f"authority=yes names=on{_crl(authorities)}{pins}"
    if not hosts:
        return None, ""
    members = [texts[one.fingerprint] for one in hosts]
    issuers = {issuer for one in hosts for issuer in one.issuers}
    if issuers:
        members += sorted({pem(one) for one in issuers} - set(members))
    return b"".join(members), f"pins={_pins(hosts)} names=off"


def _crl(authorities: list[TrustedCertificate]) -> str:
    names = {one.crl for one in authorities if one.crl is not None}
    if not names:
        return ""
    return f" crl={names.pop() if len(names) == 1 else ALL_CAS}.pem"


def _pins(certificates: list[TrustedCertificate]) -> str:
    # Exim's ${sha256:} gives upper case without colons
    return ":".join([one.fingerprint.upper() for one in certificates])


def _fingerprint(certificate: TrustedCertificate) -> str:
    return certificate.fingerprint


def configuration(directory: str, *, receives: bool = False) -> dict[str, str]:
    """The router and the transport for the data under ``directory``/trustctl: constant texts.

    Args:
        directory: an absolute path, such as ``/etc/exim4``.
        receives: what the server needs too (``acl``, ``main``): somebody's inbound is not off.

    Returns:
        ``router`` and ``transport``: what belongs at the start of those sections.

    Raises:
        UsageError: the path has characters that mean something to Exim.
    """
    if not _DIRECTORY.fullmatch(directory) or "/.." in directory:
        raise UsageError(
            f"{directory}: Exim's folder may have letters, digits, '.', '_' and '-' in its path",
            "export to a folder such as /etc/exim4",
        )
    folder = resource("share") / "exim"
    places = {"@DIR@": f"{directory}/trustctl", "@OWN@": f"{directory}/trustctl-host/current"}
    texts = {}
    for name in ("router", "transport", *(("acl", "main") if receives else ())):
        text = (folder / f"{name}.conf").read_text("ascii")
        for word, place in places.items():
            text = text.replace(word, place)
        texts[name] = text
    return texts
