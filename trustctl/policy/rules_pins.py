"""Audit rules about single pins: their certificates and who vouches for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trustctl.facts.audit import AuditFacts
from trustctl.facts.finding import Severity
from trustctl.facts.fingerprint import short
from trustctl.facts.moment import format_date, format_moment
from trustctl.facts.names import voucher_key
from trustctl.facts.records import Peer, Pin, Vouch
from trustctl.policy.rule import Seen, rule
from trustctl.policy.trust import judge, valid_vouches
from trustctl.policy.weakness import unreadable_key, weak_key, weak_signature

DAY = 86400
_ERROR, _WARNING, _NOTICE = Severity.ERROR, Severity.WARNING, Severity.NOTICE


def active(facts: AuditFacts) -> Iterator[tuple[Peer, Pin]]:
    """Pins that are neither retired nor distrusted: those that somebody still counts on."""
    for peer in facts.peers:
        for pin in peer.pins:
            if (pin.retired_at is None or pin.retired_at > facts.now) and not pin.distrusts:
                yield peer, pin


def name_of(peer: Peer, pin: Pin) -> str:
    """How a finding names a pin."""
    return f"{peer.name} {short(pin.certificate.fingerprint)}"


def renew(peer: Peer) -> str:
    """What to type for a new certificate of a peer."""
    return f"trustctl add NEW.pem --peer {peer.name} --fingerprint"


def retire(peer: Peer, pin: Pin) -> str:
    """What to type to retire a pin."""
    return f"trustctl retire {pin.certificate.fingerprint[:16]} --peer {peer.name}"


@rule(
    "certificate-expired",
    _ERROR,
    "A pinned certificate has expired",
    why="it is no longer exported; without another pin the peer's mail waits",
    source="RFC 5280, 4.1.2.5",
)
def _expired(facts: AuditFacts) -> Seen:
    for peer, pin in active(facts):
        end = pin.certificate.not_after
        if end is not None and end < facts.now:
            replaced = any(
                judge(one, facts.settings, facts.now).trusted for one in peer.pins if one != pin
            )
            yield (
                name_of(peer, pin),
                f"expired on {format_date(end)}",
                retire(peer, pin) if replaced else renew(peer),
            )


def _ends(facts: AuditFacts, over: int, upto: int) -> Seen:
    for peer, pin in active(facts):
        end = pin.certificate.not_after
        if end is not None and over < end - facts.now <= upto:
            days = (end - facts.now) // DAY
            # the moment after it decides: the next pin may begin, and its vouches end, before then
            if not any(judge(one, facts.settings, end + 1).trusted for one in peer.pins):
                yield name_of(peer, pin), f"{days} days left, to {format_date(end)}", renew(peer)


@rule(
    "certificate-expires-in-7-days",
    _ERROR,
    "A pinned certificate expires within 7 days, and no other pin takes over",
    why="the peer's mail will wait from then on",
    source="RFC 5280, 4.1.2.5",
)
def _expires_soon(facts: AuditFacts) -> Seen:
    return _ends(facts, -1, 7 * DAY)


@rule(
    "certificate-expires-in-30-days",
    _WARNING,
    "A pinned certificate expires within 30 days, and no other pin takes over",
    why="there is time to ask the peer for the next one",
    source="RFC 5280, 4.1.2.5",
)
def _expires(facts: AuditFacts) -> Seen:
    return _ends(facts, 7 * DAY, 30 * DAY)


@rule(
    "certificate-not-yet-valid",
    _WARNING,
    "A pinned certificate is not valid yet",
    why="it is not exported before its time",
    source="RFC 5280, 4.1.2.5",
)
def _early(facts: AuditFacts) -> Seen:
    for peer, pin in active(facts):
        start = pin.certificate.not_before
        if start is not None and start > facts.now:
            begins = format_moment(start)
            yield name_of(peer, pin), f"valid from {begins}", f"trustctl list --at {begins}"


@rule(
    "pin-pending",
    _WARNING,
    "Nobody has vouched for a pin",
    why="it is not exported until somebody does",
    source="share/doc/adr/0007-policy.md",
)
def _pending(facts: AuditFacts) -> Seen:
    for peer, pin in active(facts):
        if not [one for one in pin.vouches if one.at <= facts.now]:
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
        made = [one for one in pin.vouches if one.at <= facts.now]
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
            for one in pin.vouches
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


@rule(
    "key-weak",
    _ERROR,
    "A pinned certificate's key is weak",
    why="who breaks the key is the peer; it is not exported",
    source="NIST SP 800-131A rev. 2; RFC 8422, 5.1.1",
)
def _weak_key(facts: AuditFacts) -> Seen:
    for peer, pin in active(facts):
        if (why := weak_key(pin.certificate)) is not None:
            yield name_of(peer, pin), why, renew(peer)


@rule(
    "signature-weak",
    _ERROR,
    "A pinned certificate is signed with MD5 or SHA-1, and not by itself",
    why="such a signature can be forged; it is not exported",
    source="RFC 9155; RFC 6151",
)
def _weak_signature(facts: AuditFacts) -> Seen:
    for peer, pin in active(facts):
        if (why := weak_signature(pin.certificate)) is not None:
            yield name_of(peer, pin), why, renew(peer)


@rule(
    "certificate-unreadable",
    _ERROR,
    "A pinned certificate's key or validity cannot be read",
    why="its strength and its end cannot be judged; it is not exported",
    source="RFC 5280, 4.1",
)
def _unreadable(facts: AuditFacts) -> Seen:
    for peer, pin in active(facts):
        found = pin.certificate
        lacking = ["key"] if unreadable_key(found) else []
        if found.not_before is None or found.not_after is None:
            lacking.append("validity")
        if lacking:
            yield name_of(peer, pin), f"its {' and its '.join(lacking)}", renew(peer)


@rule(
    "host-may-sign",
    _NOTICE,
    "A certificate in the role host may sign others (CA:TRUE, or nothing in it says otherwise)",
    why="in a shared bundle it could sign for other peers; in Exim the exact pin forbids it",
    source="RFC 5280, 4.2.1.9",
)
def _may_sign(facts: AuditFacts) -> Seen:
    for peer, pin in active(facts):
        if pin.role == "host" and pin.certificate.is_ca is not False:
            seen = "it may sign" if pin.certificate.is_ca else "its CA flag cannot be read"
            yield name_of(peer, pin), f"{seen}; CA:FALSE is wanted", renew(peer)


@rule(
    "authority-cannot-sign",
    _ERROR,
    "A certificate in the role authority is no CA",
    why="nothing verifies against it",
    source="RFC 5280, 4.2.1.9",
)
def _no_authority(facts: AuditFacts) -> Seen:
    for peer, pin in active(facts):
        if pin.role == "authority" and pin.certificate.is_ca is False:
            yield name_of(peer, pin), "CA:FALSE", retire(peer, pin)


@rule(
    "certificate-partly-read",
    _NOTICE,
    "Not everything of a pinned certificate can be read",
    why="what cannot be read cannot be judged; where it matters, the pin is not trusted",
    source="RFC 5280, 4.1",
)
def _unread(facts: AuditFacts) -> Seen:
    for peer, pin in active(facts):
        if pin.certificate.problems:
            yield (
                name_of(peer, pin),
                "; ".join(pin.certificate.problems),
                f"trustctl show {peer.name}",
            )


@rule(
    "names-differ",
    _NOTICE,
    "None of the certificate's names is an MX host or a domain of its peer",
    why="it may be another host's; name the expected MX hosts with add --mx",
    source="RFC 6125, 6.4; RFC 7817",
)
def _names(facts: AuditFacts) -> Seen:
    for peer, pin in active(facts):
        names = [one.lower().rstrip(".") for one in pin.certificate.names]
        if peer.domains and not any(_fits(name, peer) for name in names):
            shown = " ".join(names[:3]) or "no name"
            yield name_of(peer, pin), f"it names {shown}", f"trustctl show {peer.name}"


def _fits(name: str, peer: Peer) -> bool:
    if name in peer.mx_hosts or name in peer.domains:
        return True
    if name.startswith("*."):
        parent = name[1:]
        if any(host.endswith(parent) and "." not in host[: -len(parent)] for host in peer.mx_hosts):
            return True
    return any(name.endswith(f".{domain}") for domain in peer.domains)


@rule(
    "public-ca",
    _ERROR,
    "A public CA is pinned",
    why="it signs for everybody: whoever gets a certificate from it could be this peer",
    source="share/doc/adr/0007-policy.md",
)
def _public(facts: AuditFacts) -> Seen:
    for peer, pin in active(facts):
        if {pin.certificate.fingerprint, pin.certificate.spki} & facts.public_roots:
            yield name_of(peer, pin), "it is one of this machine's public CAs", retire(peer, pin)
