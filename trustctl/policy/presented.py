"""How a certificate that a host presented stands to what is pinned for its peer."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.fingerprint import short
from trustctl.facts.live import Comparison
from trustctl.facts.names import covers, within
from trustctl.facts.records import Cross, Peer, Pin, Settings
from trustctl.policy.chain import Signed, arrange, follows, leads_to
from trustctl.policy.trust import Verdict, judge
from trustctl.policy.weakness import weak_signature

_LATELY = 30 * 86400
"""A pin that expired no longer ago can still be what a renewal renews."""
_ABOVE_LIMIT = 15
"""GnuTLS refuses more than 16 certificates; and each pair of one name is a signature to check."""
_REFUSED = frozenset({"distrusted", "revoked"})
"""What no authority brings back, though it signed it."""


def compare(
    leaf: CertificateFacts,
    chain: Sequence[CertificateFacts],
    host: str,
    peer: Peer | None,
    settings: Settings,
    now: int,
    *,
    signed: Signed,
    announced: Collection[int] = (),
    refused: Collection[str] = (),
    carried: Sequence[CertificateFacts] = (),
) -> Comparison:
    """The standing of ``leaf`` among the peer's pins at ``now`` (seconds since 1970 UTC).

    Args:
        chain: what was presented above it. host: the name that was asked for.
        signed: whether the second one's key made the first one's signature.
        announced: ids of the pins that are to replace others.
        refused: fingerprints and SPKI pins that no authority brings back: what is distrusted, and
            what our own CA revoked.
        carried: the issuers that exports have beside ``leaf`` where it is pinned.
    """
    if peer is None:
        return Comparison("unpinned", "no peer has this host: nothing to compare with")
    judged = [
        (pin, judge(pin, settings, now))
        for pin in peer.pins
        if pin.retired_at is None or pin.retired_at > now
    ]
    authorities = [pin for pin, verdict in judged if verdict.trusted and pin.role == "authority"]
    same = [one for one in judged if one[0].certificate.fingerprint == leaf.fingerprint]
    for pin, verdict in same:
        if not _REFUSED.isdisjoint({one.code for one in verdict.reasons}):
            return _not_trusted(pin, verdict)
    if leaf.fingerprint in refused or leaf.spki in refused:
        return Comparison("untrusted", "it, or its key, is distrusted or was revoked")
    found = [
        _pinned(pin, leaf, host, announced, named=bool(authorities))
        for pin, verdict in same
        if verdict.trusted and pin.role == "host"
    ]
    found += [
        one
        for pin in authorities
        if (one := _signed_by(pin, leaf, chain, host, now, signed, refused)) is not None
    ]
    if found:
        best = next((one for one in found if one.accepted), found[0])
        if authorities or not best.accepted or _leads(leaf, chain, carried, now, signed):
            return best
        why = f"pinned for {peer.name}, but what it presents above it leads to nothing exported"
        return Comparison("untrusted", why, best.pin)
    if same:
        return _not_trusted(*same[0])
    gone = [pin for pin in peer.pins if pin.certificate.fingerprint == leaf.fingerprint]
    if gone:
        return Comparison("other", f"a certificate that was retired for {peer.name}", gone[-1].id)
    if (renewed := _renewed(leaf, judged, now)) is not None:
        return renewed
    if any(verdict.trusted for _pin, verdict in judged):
        return Comparison("other", f"none of the certificates pinned for {peer.name}")
    return Comparison("unpinned", f"no pin of {peer.name} is trusted: nothing to compare with")


def _pinned(
    pin: Pin, leaf: CertificateFacts, host: str, announced: Collection[int], *, named: bool
) -> Comparison:
    """What exactly this certificate comes to; ``named``: the domain has an authority, so names are
    checked, and a host's certificate that may sign is not exported."""
    if named and not covers(leaf.names, host):
        why = f"pinned, but its names are not {host}, and {pin.peer} has an authority"
        return Comparison("other", why, pin.id)
    if named and leaf.is_ca is not False:
        why = f"pinned, but it may sign, and {pin.peer} has an authority: it is not exported"
        return Comparison("other", why, pin.id)
    if pin.id in announced:
        return Comparison("next", f"the announced next certificate of {pin.peer}", pin.id)
    return Comparison("pinned", f"pinned for {pin.peer}", pin.id)


def _leads(
    leaf: CertificateFacts,
    chain: Sequence[CertificateFacts],
    carried: Sequence[CertificateFacts],
    now: int,
    signed: Signed,
) -> bool:
    """Whether GnuTLS finds a path to a pinned certificate: alone, or below a self-signed one, it is
    its own anchor; what else is presented above it has to lead to an issuer that is exported."""
    above = [one for one in chain[:_ABOVE_LIMIT] if not one.self_signed]
    if not arrange(leaf, above, (), signed).above:
        return True
    known = [*above, *carried]
    arranged = arrange(leaf, known, (), signed)
    return follows(arranged, range(len(above), len(known)), now)


def _signed_by(
    pin: Pin,
    leaf: CertificateFacts,
    chain: Sequence[CertificateFacts],
    host: str,
    now: int,
    signed: Signed,
    refused: Collection[str],
) -> Comparison | None:
    """What the peer's authority makes of it; None where that did not sign it."""
    top = pin.certificate
    if top.fingerprint == leaf.fingerprint:
        return None
    known = [one for one in chain[:_ABOVE_LIMIT] if one.fingerprint != top.fingerprint]
    bad = {one.fingerprint for one in known if not _may_carry(one, refused)}
    known.append(top)
    above = arrange(leaf, known, bad, signed)
    goal = len(known) - 1
    if not leads_to(above, goal):
        return None
    what = f"signed by the authority of {pin.peer}"
    if not covers(leaf.names, host):
        return Comparison("other", f"{what}, for other names than {host}", pin.id)
    if pin.cross is not None and not _permitted(leaf.names, pin.cross):
        return Comparison("other", f"{what}, for names that this is not held to", pin.id)
    if not _valid(leaf, now) or not follows(above, {goal}, now):
        return Comparison("other", f"{what}, and not valid", pin.id)
    if (weak := weak_signature(leaf)) is not None:
        return Comparison("other", f"{what}, and {weak}", pin.id)
    return Comparison("authority", what, pin.id)


def _may_carry(one: CertificateFacts, refused: Collection[str]) -> bool:
    """Whether a verifier goes through this intermediate certificate."""
    if one.fingerprint in refused or one.spki in refused:
        return False
    return one.is_ca is True and weak_signature(one) is None


def _permitted(names: Sequence[str], cross: Cross) -> bool:
    """Whether all the names are below those that the authority is held to (RFC 5280, 4.2.1.10);
    addresses never are."""
    plain = [one.lower().removesuffix(".").removeprefix("*.") for one in names]
    return all(any(within(one, each) for each in cross.permitted) for one in plain)


def _valid(facts: CertificateFacts, now: int) -> bool:
    if facts.not_before is None or facts.not_after is None:
        return False
    return facts.not_before <= now <= facts.not_after


def _not_trusted(pin: Pin, verdict: Verdict) -> Comparison:
    if {one.code for one in verdict.reasons} == {"pending"}:
        return Comparison("pending", f"pending for {pin.peer}: nobody has vouched for it", pin.id)
    why = "; ".join(one.text for one in verdict.reasons) or "not in the role host"
    return Comparison("untrusted", f"pinned for {pin.peer}, not trusted: {why}", pin.id)


def _renewed(
    leaf: CertificateFacts, judged: Sequence[tuple[Pin, Verdict]], now: int
) -> Comparison | None:
    """That it has the key of a pin that is trusted, or would be but for its recent end."""
    if leaf.spki is None or not _valid(leaf, now):
        return None
    for pin, verdict in judged:
        facts = pin.certificate
        if facts.spki != leaf.spki or pin.role != "host":
            continue
        codes = {one.code for one in verdict.reasons}
        if codes <= {"expired"} and now - (facts.not_after or 0) <= _LATELY:
            why = f"a new certificate with the key of {short(facts.fingerprint)} of {pin.peer}"
            return Comparison("renewed", why, pin.id, facts.fingerprint)
    return None
