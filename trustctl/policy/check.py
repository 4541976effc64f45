"""Would this be accepted for that domain now, by which pin, vouched by whom, and if not, why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trustctl.facts.certificate import CertificateFacts
from trustctl.facts.moment import format_moment
from trustctl.facts.records import Peer, Pin, Revocation, Settings
from trustctl.policy.trust import Verdict, judge

Outcome = Literal["accepted", "conditional", "refused", "waiting", "unprotected", "protected"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a delivery to the domain would meet.

    Attributes:
        outcome: ``protected``: it has trusted pins (no certificate was asked about); ``waiting``:
            it has none; ``unprotected``: ordinary delivery; of a certificate: ``accepted``,
            ``refused``, or ``conditional``: an authority's, if the chain and the name verify.
        reasons: why not, or on what condition; may quote people's text.
        pins: the domain's pins that are not retired, each with its verdict.
        by: the pin that decides.
    """

    domain: str
    peer: str | None
    outcome: Outcome
    reasons: tuple[str, ...]
    pins: tuple[tuple[Pin, Verdict], ...] = ()
    by: Pin | None = None

    @property
    def yes(self) -> bool:
        """Whether the answer is a plain yes."""
        return self.outcome in ("accepted", "protected")


def check_domain(
    domain: str,
    owner: Peer | None,
    settings: Settings,
    now: int,
    certificate: CertificateFacts | None = None,
    *,
    elsewhere: tuple[str, ...] = (),
    chain: tuple[str, ...] = (),
    revocation: Revocation | None = None,
) -> Answer:
    """The answer for ``domain`` at ``now`` (seconds since 1970 UTC).

    Args:
        owner: the peer that owns the domain; None where nobody does.
        certificate: the one that a host would present; None to ask about the domain alone.
        elsewhere: names of other peers that pin this certificate.
        chain: the fingerprints of the certificates that would be presented above it.
        revocation: our CA's, of the certificate or of one in its chain.
    """
    if owner is None:
        return Answer(domain, None, "unprotected", ("no peer owns it: delivery is not verified",))
    pins = tuple(
        (pin, judge(pin, settings, now))
        for pin in owner.pins
        if pin.retired_at is None
        or pin.retired_at > now
        or (certificate and _same(pin, certificate))
    )
    trusted = [pin for pin, verdict in pins if verdict.trusted]
    if not trusted:
        reasons = tuple(text for _pin, verdict in pins for text in _texts(verdict))
        return Answer(domain, owner.name, "waiting", reasons or ("its peer has no pin",), pins)
    if certificate is None:
        return Answer(domain, owner.name, "protected", (), pins, trusted[0])
    authorities = [pin for pin in trusted if pin.role == "authority"]
    asked = [(pin, verdict) for pin, verdict in pins if _same(pin, certificate)]
    for pin, verdict in sorted(asked, key=_untrusted):
        if not verdict.trusted and authorities and not _final(verdict):
            break  # what the authority signed is taken without a pin of its own
        if not verdict.trusted:
            return Answer(domain, owner.name, "refused", _texts(verdict), pins, pin)
        if pin.role == "authority":
            break
        if authorities and certificate.is_ca is not False:
            if not certificate.self_signed:
                break  # as above
            why = "it may sign others, so it is left out while the domain has an authority"
            return Answer(domain, owner.name, "refused", (why,), pins, pin)
        conditions = ("the host's name must match it (the domain has an authority)",)
        if authorities:
            return Answer(domain, owner.name, "conditional", conditions, pins, pin)
        return Answer(domain, owner.name, "accepted", (), pins, pin)
    if revocation is not None:
        why = f"revoked by our CA {format_moment(revocation.at)}: {revocation.reason}"
        return Answer(domain, owner.name, "refused", (why,), pins)
    if authorities:
        linked = next((one for one in authorities if one.certificate.fingerprint in chain), None)
        how = "is in its chain" if linked else "has to have signed it"
        why = f"only if the chain verifies (the peer's authority {how}) and the host's name matches"
        if all(one.cross is not None for one in authorities):
            names = {name for one in authorities if one.cross for name in one.cross.permitted}
            why += f"; every name of it has to be within {' '.join(sorted(names))}"
        return Answer(domain, owner.name, "conditional", (why,), pins, linked or authorities[0])
    why = "it is not pinned for this domain"
    if elsewhere:
        why += f", but for {', '.join(elsewhere)}"
    return Answer(domain, owner.name, "refused", (why,), pins)


_FINAL = frozenset({"distrusted", "expired", "not-yet-valid"})
"""Reasons for which Exim refuses a certificate, whoever signed it."""


def _final(verdict: Verdict) -> bool:
    return any(one.code in _FINAL for one in verdict.reasons)


def _untrusted(found: tuple[Pin, Verdict]) -> bool:
    return not found[1].trusted


def _same(pin: Pin, certificate: CertificateFacts) -> bool:
    return pin.certificate.fingerprint == certificate.fingerprint


def _texts(verdict: Verdict) -> tuple[str, ...]:
    return tuple(one.text for one in verdict.reasons)
