"""How a certificate that a host presented stands to what is pinned for its peer."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.fingerprint import short
from trustctl.facts.live import Comparison
from trustctl.facts.names import covers
from trustctl.facts.records import Peer, Pin, Settings
from trustctl.policy.chain import Signed, arrange, leads_to
from trustctl.policy.trust import Verdict, judge

_LATELY = 30 * 86400
"""A pin that expired no longer ago can still be what a renewal renews."""


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
) -> Comparison:
    """The standing of ``leaf`` among the peer's pins at ``now`` (seconds since 1970 UTC).

    Args:
        chain: what was presented above it. host: the name that was asked for.
        signed: whether the second one's key made the first one's signature.
        announced: ids of the pins that are to replace others.
    """
    if peer is None:
        return Comparison("unpinned", "nothing is pinned for it yet")
    judged = [
        (pin, judge(pin, settings, now))
        for pin in peer.pins
        if pin.retired_at is None or pin.retired_at > now
    ]
    authorities = [pin for pin, verdict in judged if verdict.trusted and pin.role == "authority"]
    same = [one for one in judged if one[0].certificate.fingerprint == leaf.fingerprint]
    for pin, verdict in same:
        if verdict.trusted and pin.role == "host":
            return _pinned(pin, leaf, host, announced, named=bool(authorities))
    for pin in authorities:
        if (found := _signed_by(pin, leaf, chain, host, now, signed)) is not None:
            return found
    if same:
        return _not_trusted(*same[0])
    if (renewed := _renewed(leaf, judged, now)) is not None:
        return renewed
    gone = [pin for pin in peer.pins if pin.certificate.fingerprint == leaf.fingerprint]
    if gone:
        return Comparison("other", f"a certificate that was retired for {peer.name}", gone[-1].id)
    if any(verdict.trusted for _pin, verdict in judged):
        return Comparison("other", f"none of the certificates pinned for {peer.name}")
    return Comparison("unpinned", f"no pin of {peer.name} is trusted: nothing to compare with")


def _pinned(
    pin: Pin, leaf: CertificateFacts, host: str, announced: Collection[int], *, named: bool
) -> Comparison:
    if named and not covers(leaf.names, host):
        why = f"pinned, but its names are not {host}, and the domain has an authority"
        return Comparison("other", why, pin.id)
    if pin.id in announced:
        return Comparison("next", f"the announced next certificate of {pin.peer}", pin.id)
    return Comparison("pinned", f"pinned for {pin.peer}", pin.id)


def _signed_by(
    pin: Pin,
    leaf: CertificateFacts,
    chain: Sequence[CertificateFacts],
    host: str,
    now: int,
    signed: Signed,
) -> Comparison | None:
    """What the peer's authority makes of it; None where that did not sign it."""
    top = pin.certificate
    if top.fingerprint == leaf.fingerprint:
        return None
    known = [one for one in chain if one.fingerprint != top.fingerprint] + [top]
    above = arrange(leaf, known, (), signed)
    goal = len(known) - 1
    if not leads_to(above, goal):
        return None
    if not covers(leaf.names, host):
        why = f"signed by the authority of {pin.peer}, for other names than {host}"
        return Comparison("other", why, pin.id)
    begins, ends = leaf.not_before, leaf.not_after
    if (
        begins is None
        or ends is None
        or not begins <= now <= ends
        or not leads_to(above, goal, now)
    ):
        return Comparison("other", f"signed by the authority of {pin.peer}, and not valid", pin.id)
    return Comparison("authority", f"signed by the authority of {pin.peer}", pin.id)


def _not_trusted(pin: Pin, verdict: Verdict) -> Comparison:
    if {one.code for one in verdict.reasons} == {"pending"}:
        return Comparison("pending", f"pending for {pin.peer}: nobody has vouched for it", pin.id)
    why = "; ".join(one.text for one in verdict.reasons) or "not in the role host"
    return Comparison("untrusted", f"pinned for {pin.peer}, not trusted: {why}", pin.id)


def _renewed(
    leaf: CertificateFacts, judged: Sequence[tuple[Pin, Verdict]], now: int
) -> Comparison | None:
    """That it has the key of a pin that is trusted, or would be but for its recent end."""
    for pin, verdict in judged:
        facts = pin.certificate
        if facts.spki is None or facts.spki != leaf.spki or pin.role != "host":
            continue
        codes = {one.code for one in verdict.reasons}
        if codes <= {"expired"} and now - (facts.not_after or 0) <= _LATELY:
            why = f"a new certificate with the key of {short(facts.fingerprint)} of {pin.peer}"
            return Comparison("renewed", why, pin.id, facts.fingerprint)
    return None
