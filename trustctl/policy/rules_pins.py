"""Audit rules about single pins: their certificates."""

from __future__ import annotations

from trustctl.facts.audit import AuditFacts
from trustctl.facts.finding import Severity
from trustctl.facts.moment import format_date, format_moment
from trustctl.facts.records import Peer
from trustctl.policy.pins import DAY, active, name_of, renew, retire
from trustctl.policy.rule import Seen, rule
from trustctl.policy.trust import judge
from trustctl.policy.weakness import unreadable_key, weak_key, weak_signature

_ERROR, _WARNING, _NOTICE = Severity.ERROR, Severity.WARNING, Severity.NOTICE


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
