"""DANE: whether a chain is what the TLSA records of its host say (RFC 6698, RFC 7671, RFC 7672)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from trustctl.facts.der import subject_public_key_info
from trustctl.facts.text import printable
from trustctl.facts.wire import Testimony, TlsaRecord, Verdict

Anchored = Callable[[bytes], bool]
"""Whether a certificate (DER) vouches for the presented chain, for its host's name, now."""

_TRUST_ANCHOR, _END_ENTITY = 2, 3
_FULL = 0
_HASHES = {1: hashlib.sha256, 2: hashlib.sha512}
_SELECTORS = (0, 1)
_CHAIN_LIMIT = 100
_RECORDS_LIMIT = 32
_ASKED_LIMIT = 4
"""A host may present a hundred certificates with the key that its own record names."""


def testify(
    records: Sequence[TlsaRecord],
    authenticated: bool,
    chain: Sequence[bytes],
    *,
    problem: str,
    route_authenticated: bool,
    anchored: Anchored | None,
) -> Testimony:
    """What the TLSA records of a host say of the chain that it presented.

    Only what DNSSEC proves can support: whoever can answer for the host can answer for its DNS.
    A match with DANE-EE needs neither a name nor a date (RFC 7672, 3.1.1); one with DANE-TA is a
    match only where the authority signed the chain: anybody can present it beside their own.

    Args:
        authenticated: whether the resolver says that DNSSEC proves the records.
        chain: as DER, the host's own certificate first.
        problem: why the records could not be looked up (``MailHost.tlsa_problem``): not knowing is
            not the same as none.
        route_authenticated: whether DNSSEC proves the MX records that led to the host; True where
            a person named the host.
        anchored: asked of an authority that a DANE-TA record names; None: nobody can tell.
    """

    def say(verdict: Verdict, detail: str) -> Testimony:
        return Testimony("dane", verdict, detail)

    if problem:
        return say("inconclusive", f"TLSA records cannot be looked up: {printable(problem, 160)}")
    proven = "authenticated by DNSSEC" if authenticated else "not authenticated by DNSSEC"
    if not records:
        return say("absent", f"no TLSA records, {proven}")
    if not chain:
        return say("inconclusive", f"{_count(len(records))}, and nothing was presented")
    usable = [one for one in records[:_RECORDS_LIMIT] if _is_usable(one)]
    if not usable:
        return say(
            "inconclusive",
            f"{_count(len(records))}, none usable for mail (RFC 7672, 3.1): {proven}",
        )
    matching, unproven = _find(usable, chain[:_CHAIN_LIMIT], anchored)
    if matching is None and unproven is not None:
        return say(
            "inconclusive",
            f"{_name(unproven)} names an authority of the chain, but it is not known to have "
            f"signed it for this host: {proven}",
        )
    if matching is None:
        return say("contradicts", f"{_count(len(usable))}, none matches: {proven}")
    if not authenticated:
        return say("inconclusive", f"{_name(matching)} matches, but is {proven}")
    if not route_authenticated:
        return say(
            "inconclusive",
            f"{_name(matching)} matches, {proven}, but the MX records that lead here are not",
        )
    return say("supports", f"{_name(matching)} matches, {proven}")


def _is_usable(one: TlsaRecord) -> bool:
    """PKIX-TA and PKIX-EE are not for mail (RFC 7672, 3.1.3); what is malformed is ignored."""
    if one.usage not in (_TRUST_ANCHOR, _END_ENTITY) or one.selector not in _SELECTORS:
        return False
    if one.matching == _FULL:
        return bool(one.data)
    make = _HASHES.get(one.matching)
    return make is not None and len(one.data) == make().digest_size


def _find(
    records: Sequence[TlsaRecord], chain: Sequence[bytes], anchored: Anchored | None
) -> tuple[TlsaRecord | None, TlsaRecord | None]:
    """The record that matches, and one that would if its authority were known to have signed."""
    for one in records:
        if one.usage == _END_ENTITY and _associated(one, chain[0]):
            return one, None
    unproven = None
    asked: dict[bytes, bool] = {}
    for one in records:
        if one.usage != _TRUST_ANCHOR:
            continue
        for der in chain[1:]:
            if not _associated(one, der):
                continue
            if der not in asked and len(asked) < _ASKED_LIMIT:
                asked[der] = anchored is not None and anchored(der)
            if asked.get(der):
                return one, None
            unproven = one
    return None, unproven


def _associated(record: TlsaRecord, der: bytes) -> bool:
    """RFC 6698, 2.1.2 and 2.1.3."""
    content = der
    if record.selector == 1:
        try:
            content = subject_public_key_info(der)
        except ValueError:
            return False
    make = _HASHES.get(record.matching)
    return (content if make is None else make(content).digest()) == record.data


def _name(one: TlsaRecord) -> str:
    return f"TLSA {one.usage} {one.selector} {one.matching}"


def _count(number: int) -> str:
    return f"{number} TLSA record{'' if number == 1 else 's'}"
