"""Who is trusted: facts and a moment in time in, a verdict with every reason out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trustctl.facts.fingerprint import short
from trustctl.facts.moment import format_moment
from trustctl.facts.names import voucher_key
from trustctl.facts.records import Pin, Renewal, Settings, Vouch
from trustctl.policy.weakness import unreadable_key, weak_key, weak_signature


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason against trust. ``code`` is stable; ``text`` is of our own words, but for the
    reason of a distrust, which people wrote."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """``trusted`` exactly where ``reasons`` is empty. ``vouches`` are those that are valid now."""

    trusted: bool
    reasons: tuple[Reason, ...]
    vouches: tuple[Vouch, ...]


_STATES = (
    ("distrusted", "distrusted"),
    ("revoked", "revoked"),
    ("cross-distrusted", "distrusted"),
    ("cross-revoked", "revoked"),
    ("retired", "retired"),
    ("not-yet-added", "future"),
    ("expired", "expired"),
    ("not-yet-valid", "future"),
    ("cross-expired", "expired"),
    ("cross-not-yet-valid", "future"),
    ("weak-key", "weak"),
    ("weak-signature", "weak"),
    ("unreadable-validity", "unreadable"),
    ("unreadable-key", "unreadable"),
    ("pending", "pending"),
    ("vouches-expired", "unvouched"),
    ("vouches-withdrawn", "unvouched"),
    ("renews-refused", "unvouched"),
    ("too-few-vouches", "unvouched"),
)


def state(verdict: Verdict) -> str:
    """One word for lists: ``trusted``, or the weightiest reason against it."""
    if verdict.trusted:
        return "trusted"
    codes = {one.code for one in verdict.reasons}
    return next(word for code, word in _STATES if code in codes)


def valid_vouches(pin: Pin, now: int) -> tuple[Vouch, ...]:
    """The vouches that count at ``now``: made, not withdrawn, not expired. A vouch that expires at
    a moment is no longer valid at that moment."""
    own = tuple(
        [
            one
            for one in pin.vouches
            if one.at <= now
            and (one.withdrawn_at is None or one.withdrawn_at > now)
            and (one.expires_at is None or one.expires_at > now)
            and one.fingerprint == pin.certificate.fingerprint
            and one.peer == pin.peer
        ]
    )
    return own if pin.renewal is None else own + _inherited(pin, now)


def _inherited(pin: Pin, now: int) -> tuple[Vouch, ...]:
    """The valid vouches for the certificates that it renews with their key, nearest first."""
    found: list[Vouch] = []
    for one in _line(pin):
        if one.at > now or one.distrusts or one.revocation is not None:
            break  # what is before it is vouched for through it alone
        found += [
            each
            for each in one.vouches
            if each.at <= now
            and (each.withdrawn_at is None or each.withdrawn_at > now)
            and (each.expires_at is None or each.expires_at > now)
            and each.fingerprint == one.predecessor
            and each.peer == pin.peer
        ]
    return tuple(found)


def _line(pin: Pin) -> Iterator[Renewal]:
    one = pin.renewal
    while one is not None:
        yield one
        one = one.renewal


def statements(pin: Pin) -> tuple[Vouch, ...]:
    """Every vouch that was ever made for it, or for what it renews: whether it counts or not."""
    if pin.renewal is None:
        return pin.vouches
    return pin.vouches + tuple(each for one in _line(pin) for each in one.vouches)


def judge(pin: Pin, settings: Settings, now: int) -> Verdict:
    """Whether the pin is trusted at ``now`` (seconds since 1970 UTC), and every reason why not.

    The vouches for what a pin renews with the same key count for it, as long as they stand.

    Distrust and revocation have no beginning: what is distrusted was never to be trusted, at any
    moment, and a clock that was set back brings nothing back. The ends
    of a certificate's validity are inclusive (RFC 5280, 4.1.2.5).
    """
    facts = pin.certificate
    reasons = [
        Reason("distrusted", f"distrusted ({one.kind}): {one.reason}") for one in pin.distrusts
    ]
    if pin.revocation is not None:
        when = format_moment(pin.revocation.at)
        reasons.append(Reason("revoked", f"revoked by our CA {when}: {pin.revocation.reason}"))
    reasons += cross_reasons(pin, now)
    if pin.retired_at is not None and pin.retired_at <= now:
        reasons.append(Reason("retired", f"retired {format_moment(pin.retired_at)}"))
    if pin.added_at > now:
        reasons.append(Reason("not-yet-added", f"added {format_moment(pin.added_at)}, later"))
    if facts.not_before is None or facts.not_after is None:
        reasons.append(Reason("unreadable-validity", "its validity cannot be read"))
    elif now > facts.not_after:
        reasons.append(Reason("expired", f"expired {format_moment(facts.not_after)}"))
    elif now < facts.not_before:
        reasons.append(Reason("not-yet-valid", f"valid from {format_moment(facts.not_before)}"))
    if unreadable_key(facts):
        reasons.append(Reason("unreadable-key", "its key cannot be read, so neither its strength"))
    elif (weak := weak_key(facts)) is not None:
        reasons.append(Reason("weak-key", weak))
    if (forged := weak_signature(facts)) is not None:
        reasons.append(Reason("weak-signature", forged))
    valid = valid_vouches(pin, now)
    if (lacking := _lacking(pin, valid, settings, now)) is not None:
        reasons.append(lacking)
    return Verdict(not reasons, tuple(reasons), valid)


def cross_reasons(pin: Pin, now: int) -> list[Reason]:
    """Why an authority that is held to names cannot be: it is not trusted without, either."""
    one, reasons = pin.cross, []
    if one is None:
        return []
    what = "the cross-certificate that holds it to names"
    for against in one.distrusts:
        reasons.append(Reason("cross-distrusted", f"{what} is distrusted: {against.reason}"))
    if one.revocation is not None:
        when = format_moment(one.revocation.at)
        text = f"{what} was revoked {when}: {one.revocation.reason}"
        reasons.append(Reason("cross-revoked", text))
    if now > one.not_after:
        reasons.append(Reason("cross-expired", f"{what} expired {format_moment(one.not_after)}"))
    elif now < one.not_before:
        reasons.append(
            Reason("cross-not-yet-valid", f"{what} is valid from {format_moment(one.not_before)}")
        )
    return reasons


def _lacking(pin: Pin, valid: tuple[Vouch, ...], settings: Settings, now: int) -> Reason | None:
    """The reason why the vouches do not suffice; None where they do."""
    required = settings.vouches_required
    # one voucher more or less is not worth a key: most pins need one
    count = len(valid)
    if count and required > 1:
        count = len({voucher_key(one.voucher) for one in valid})
    if count >= max(required, 1):
        return None
    if count:
        return Reason("too-few-vouches", f"{count} of the {required} people needed vouch for it")
    for renewed in _line(pin):
        if renewed.distrusts or renewed.revocation is not None:
            what = "distrusted" if renewed.distrusts else "revoked"
            text = f"no vouch stands: it renews {short(renewed.predecessor)}, which is {what}"
            return Reason("renews-refused", text)
    made = [one for one in statements(pin) if one.at <= now]
    if not made:
        return Reason("pending", "pending: nobody has vouched for it")
    if any(one.withdrawn_at is not None and one.withdrawn_at <= now for one in made):
        return Reason("vouches-withdrawn", "no vouch stands: withdrawn")
    return Reason("vouches-expired", "no vouch stands: expired")
