"""Audit rules about who vouches for a pin."""

from __future__ import annotations

from collections.abc import Iterable

from trustctl.facts.audit import AuditFacts
from trustctl.facts.finding import Severity
from trustctl.facts.moment import format_date
from trustctl.facts.names import voucher_key
from trustctl.facts.records import Vouch
from trustctl.policy.pins import DAY, active, name_of
from trustctl.policy.rule import Seen, rule
from trustctl.policy.trust import statements, valid_vouches

_WARNING, _NOTICE = Severity.WARNING, Severity.NOTICE


@rule(
    "pin-pending",
    _WARNING,
    "Nobody has vouched for a pin",
    why="it is not exported until somebody does",
    source="share/doc/adr/0007-policy.md",
)
def _pending(facts: AuditFacts) -> Seen:
    for peer, pin in active(facts):
        if not [one for one in statements(pin) if one.at <= facts.now]:
            yield (
                name_of(peer, pin),
                "nobody has vouched for it",
                f"trustctl vouch {peer.name} --fingerprint",
            )


@rule(
    "vouches-too-few",
    _WARNING,
    "Fewer people vouch for a pin than the setting vouches_required wants",
    why="it is not exported until enough do",
    source="share/doc/adr/0007-policy.md",
)
def _too_few(facts: AuditFacts) -> Seen:
    needed = facts.settings.vouches_required
    for peer, pin in active(facts):
        count = len(_vouchers(valid_vouches(pin, facts.now)))
        if 0 < count < needed:
            yield (
                name_of(peer, pin),
                f"{count} of {needed} people vouch for it",
                f"trustctl vouch {peer.name} --fingerprint --vouched-by 'NAME <ADDRESS>'",
            )


@rule(
    "vouch-ended",
    _WARNING,
    "Vouches were given for a pin, and none stands any more",
    why="it is no longer exported",
    source="share/doc/adr/0007-policy.md",
)
def _ended(facts: AuditFacts) -> Seen:
    for peer, pin in active(facts):
        made = [one for one in statements(pin) if one.at <= facts.now]
        if not made or valid_vouches(pin, facts.now):
            continue
        withdrawn = [one for one in made if _is_withdrawn(one, facts.now)]
        yield (
            name_of(peer, pin),
            "all its vouches were withdrawn" if len(withdrawn) == len(made) else "they expired",
            f"trustctl vouch {peer.name} --fingerprint",
        )


@rule(
    "vouch-lapsed",
    _NOTICE,
    "A vouch for a pin was withdrawn or has expired, while others stand",
    why="somebody no longer says so: ask why, while the pin is still trusted",
    source="share/doc/adr/0007-policy.md",
)
def _lapsed(facts: AuditFacts) -> Seen:
    for peer, pin in active(facts):
        valid = valid_vouches(pin, facts.now)
        standing = _vouchers(valid)
        gone = [
            one
            for one in statements(pin)
            if one.at <= facts.now and valid and voucher_key(one.voucher) not in standing
        ]
        if gone:
            withdrawn = sum(_is_withdrawn(one, facts.now) for one in gone)
            yield (
                name_of(peer, pin),
                f"{withdrawn} withdrawn, {len(gone) - withdrawn} expired, {len(valid)} standing",
                f"trustctl show {peer.name}",
            )


def _vouchers(vouches: Iterable[Vouch]) -> set[str]:
    return {voucher_key(one.voucher) for one in vouches}


def _is_withdrawn(vouch: Vouch, now: int) -> bool:
    return vouch.withdrawn_at is not None and vouch.withdrawn_at <= now


@rule(
    "vouch-expiring",
    _WARNING,
    "The vouches for a pin end within 30 days",
    why="the pin is not exported from then on",
    source="share/doc/adr/0007-policy.md",
)
def _expiring(facts: AuditFacts) -> Seen:
    for peer, pin in active(facts):
        valid = valid_vouches(pin, facts.now)
        needed = max(facts.settings.vouches_required, 1)
        later = [
            one for one in valid if one.expires_at is None or one.expires_at > facts.now + 30 * DAY
        ]
        if len(_vouchers(valid)) >= needed > len(_vouchers(later)):
            end = min(one.expires_at for one in valid if one.expires_at is not None)
            yield (
                name_of(peer, pin),
                f"a vouch ends on {format_date(end)}",
                f"trustctl vouch {peer.name} --fingerprint",
            )
