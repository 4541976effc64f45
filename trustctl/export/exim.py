"""Compiles trust for Exim: a trust set and a map entry for each domain, constant configuration.

The map's value holds hex, file names of hashes and fixed words, and nothing else. Its shapes:

``set=HASH.pem [turns=HASH:HASH[:HASH...]] pins=HEX[:HEX...] names=off``
    exactly these certificates: the pin check binds, so the host's name does not matter and the set
    may hold the issuers that a build needs to find a path. ``turns`` are parts of it, for OpenSSL.
``set=HASH.pem [pathset=HASH.pem] authority=yes names=on [crl=NAME.pem] via=HEX[:HEX...] [pins=...]
[deny=HEX:...]``
    the peer's own CA, host names checked. OpenSSL adds the system's authorities to any set and goes
    on to a root: ``via`` is what a path has to lead through there, ``pathset`` has what is above it
    too, and no other library is given that. ``deny`` are the certificates that are distrusted. A
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
from trustctl.facts.der import VERSION, certificate_fields
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

_TURNS = 4
"""A host is tried so often at the most."""

_MARKED, _FOR_SERVERS = "TRUSTED CERTIFICATE", bytes.fromhex("300c300a06082b06010505070301")
"""OpenSSL's own format (X509_CERT_AUX): behind the certificate, what it is trusted for (serverAuth,
RFC 5280, 4.2.1.12)."""

_DIRECTORY = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9._-]*)+", re.ASCII)


def compile_peer(
    trust: PeerTrust,
    distrusted: Sequence[str] = (),
    revoked: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> CompiledPeer:
    """The peer's map entries, trust set and bundle blocks.

    Args:
        distrusted: the fingerprints that no authority may bring back.
        revoked: by the name of a CA of ours, the fingerprints of what it signed and does not count:
            what it revoked last, and peers' CAs.

    Raises:
        DatabaseError: it is not what trustctl stores.
    """
    refuse_strange(trust)
    certificates = sorted(trust.certificates, key=_fingerprint)
    bundled = blocks(trust)
    if not trust.domains:
        return CompiledPeer(trust.peer, blocks=bundled)
    contents, value = _entry(certificates)
    if not contents:
        entries = tuple([(domain, CLOSED) for domain in trust.domains])
        return CompiledPeer(trust.peer, entries, blocks=bundled)
    sets = {key: (hashlib.sha256(one).hexdigest() + ".pem", one) for key, one in contents.items()}
    words = [f"{key}={name}" for key, (name, _content) in sets.items()]
    turns = {hashlib.sha256(one).hexdigest(): one for one in _turns(certificates)}
    if len(turns) > 1:
        words.append(f"turns={':'.join(turns)}")
        sets |= {name: (f"{name}.pem", one) for name, one in turns.items()}
    value = " ".join([*words, value])
    denied = set(distrusted).union(*(revoked.get(one.crl or "", ()) for one in certificates))
    if denied and "authority=yes" in value:
        value += f" deny={':'.join(sorted(denied)).upper()}"
    return CompiledPeer(
        trust.peer,
        tuple([(domain, value) for domain in trust.domains]),
        tuple(sets.values()),
        bundled,
    )


def _entry(certificates: list[TrustedCertificate]) -> tuple[dict[str, bytes], str]:
    """The trust sets by their word in the map, and the rest of its value; without any, nobody is
    trusted."""
    authorities = [one for one in certificates if one.role == "authority"]
    hosts = [one for one in certificates if one.role == "host"]
    if authorities:
        # a host's certificate that may sign would make certificates that pass for the authority's
        hosts = [one for one in hosts if not one.may_sign]
        pins = f" pins={_pins(hosts)}" if hosts else ""
        via = sorted({one.fingerprint if one.held is None else one.held.fingerprint
                      for one in authorities})  # fmt: skip
        value = f"authority=yes names=on{_crl(authorities)} via={_hex(via)}{pins}"
        return _below(authorities, hosts), value
    if not hosts:
        return {}, ""
    return {"set": _exactly(hosts, hosts)}, f"pins={_pins(hosts)} names=off"


def _exactly(hosts: list[TrustedCertificate], chosen: list[TrustedCertificate]) -> bytes:
    """Those hosts' certificates that are chosen, and what is known above all of them."""
    own = [one.der for one in hosts]
    issuers = {issuer for one in hosts for issuer in one.issuers}.difference(own)
    return b"".join([*(pem(one.der) for one in chosen), *sorted(map(_end, issuers))])


def _turns(certificates: list[TrustedCertificate]) -> list[bytes]:
    """The trust set of pinned hosts in parts: none has two certificates that signed themselves and
    have one name, of which OpenSSL would look for either and find one."""
    hosts = [one for one in certificates if one.role == "host"]
    turns: list[list[TrustedCertificate]] = []
    if len(hosts) > 1 and len(hosts) == len(certificates):
        named: list[set[bytes]] = []
        for one in hosts:
            name = _own_name(one.der)
            at = next((at for at, seen in enumerate(named) if name not in seen), len(named))
            if at == len(named):
                turns.append([])
                named.append(set())
            turns[at].append(one)
            named[at] |= {name} if name else set()
    return [_exactly(hosts, one) for one in turns[:_TURNS]]


def _own_name(der: bytes) -> bytes:
    """The name of a certificate that was issued by its own name; else none."""
    issuer, subject = _names(der)
    return subject.lower() if issuer == subject else b""


def _names(der: bytes) -> tuple[bytes, bytes]:
    """Issuer and subject as they stand there; two that differ where that cannot be told."""
    try:
        fields = certificate_fields(der)
    except ValueError:
        return b"", der
    first = 1 if fields[0].tag == VERSION else 0
    issuer, subject = (der[one.start : one.end] for one in (fields[first + 2], fields[first + 4]))
    return issuer, subject


def _below(
    authorities: list[TrustedCertificate], hosts: list[TrustedCertificate]
) -> dict[str, bytes]:
    """``set``: what a path may end at. ``pathset``, where that is more: with what else a library
    needs that goes on to a root, and that is told by ``via`` what to take."""
    # the cross-certificate alone: with our root beside it, whatever else is below the root would be
    # taken for this peer's, from a host that DNS named
    ends = {one.der if one.held is None else one.held.der for one in authorities}
    above = {one.held.root for one in authorities if one.held is not None}
    above.update(issuer for one in (*authorities, *hosts) for issuer in one.issuers)
    members = {*map(pem, ends), *(pem(one.der) for one in hosts)}
    sets = {"set": b"".join(sorted(members))}
    more = {_end(one) for one in above - ends} - members
    return {**sets, "pathset": b"".join(sorted(members | more))} if more else sets


def _end(der: bytes) -> bytes:
    """An issuer, as both libraries let a path end there: OpenSSL does at what signed itself, or at
    what is marked so. The marked block is none to GnuTLS, which takes the plain one."""
    issuer, subject = _names(der)
    return (b"" if issuer == subject else pem(der + _FOR_SERVERS, _MARKED)) + pem(der)


def _crl(authorities: list[TrustedCertificate]) -> str:
    names = {one.crl for one in authorities if one.crl is not None}
    if not names:
        return ""
    return f" crl={names.pop() if len(names) == 1 else ALL_CAS}.pem"


def _pins(certificates: list[TrustedCertificate]) -> str:
    return _hex([one.fingerprint for one in certificates])


def _hex(fingerprints: list[str]) -> str:
    # Exim's ${sha256:} gives upper case without colons
    return ":".join(fingerprints).upper()


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
