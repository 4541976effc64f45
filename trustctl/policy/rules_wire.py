"""Audit rules about what hosts present now (``audit --live``, ``probe``)."""

from __future__ import annotations

from collections.abc import Iterator

from trustctl.facts.audit import AuditFacts
from trustctl.facts.finding import Severity
from trustctl.facts.live import LiveHost
from trustctl.facts.moment import format_date
from trustctl.facts.wire import Outcome
from trustctl.policy.pins import DAY
from trustctl.policy.rule import Seen, rule

_ERROR, _WARNING, _NOTICE = Severity.ERROR, Severity.WARNING, Severity.NOTICE
_SOON_DAYS = 30
_OLD_TLS = ("SSLv3", "TLSv1", "TLSv1.1")
_AWAY: frozenset[Outcome] = frozenset({"no-host", "unreachable", "timeout", "closed"})
_PLAIN: frozenset[Outcome] = frozenset({"not-offered", "declined"})
_BROKEN: frozenset[Outcome] = frozenset({"garbled", "tls-failed", "no-certificate"})


def _hosts(facts: AuditFacts, outcomes: frozenset[Outcome]) -> Iterator[LiveHost]:
    return (one for one in facts.live.hosts if one.sighting.outcome in outcomes)


def _subject(one: LiveHost) -> str:
    return f"{one.peer} {one.name}"


def _again(one: LiveHost) -> str:
    return f"trustctl probe {one.peer}"


@rule(
    "live-no-route",
    _ERROR,
    "DNS names no host that takes the mail of a protected domain",
    why="its mail cannot be delivered",
    source="RFC 5321, 5.1",
)
def _no_route(facts: AuditFacts) -> Seen:
    for domain, route in sorted(facts.live.routes.items()):
        if not route.hosts:
            yield domain, route.problem or "no host", f"trustctl probe {domain}"


@rule(
    "live-unreachable",
    _WARNING,
    "A host of a peer could not be reached, or ended the connection",
    why="what it presents is not known; its mail goes to the others, or waits",
    source="RFC 5321, 4.5.4.1",
)
def _unreachable(facts: AuditFacts) -> Seen:
    for one in _hosts(facts, _AWAY):
        yield _subject(one), one.sighting.detail, _again(one)


@rule(
    "live-none-reachable",
    _ERROR,
    "No host of a protected domain presents an accepted certificate",
    why="its mail waits in the queue, and is returned when the queue gives up",
    source="share/doc/watching.md",
)
def _none(facts: AuditFacts) -> Seen:
    hosts: dict[str, list[LiveHost]] = {}
    for one in facts.live.hosts:
        for domain in one.domains:
            hosts.setdefault(domain, []).append(one)
    for domain, found in sorted(hosts.items()):
        if not any(one.accepted for one in found):
            yield (
                domain,
                f"{len(found)} address{'es' if len(found) > 1 else ''} tried, none accepted",
                f"trustctl check {domain}",
            )


@rule(
    "live-forbidden",
    _WARNING,
    "DNS leads to an address that may not be dialled",
    why="either the peer's DNS is wrong or forged, or the setting dial_allow lacks a network",
    source="RFC 6890",
)
def _forbidden(facts: AuditFacts) -> Seen:
    for one in _hosts(facts, frozenset({"forbidden"})):
        address = one.sighting.endpoint.address
        yield _subject(one), one.sighting.detail, f"trustctl probe {one.peer} --allow-net {address}"


@rule(
    "live-no-starttls",
    _ERROR,
    "A host of a protected domain does not offer STARTTLS, or declines it",
    why="somebody strips it, or the host is misconfigured: nothing is delivered to it",
    source="RFC 3207, 6",
)
def _no_starttls(facts: AuditFacts) -> Seen:
    for one in _hosts(facts, _PLAIN):
        yield _subject(one), one.sighting.detail, _again(one)


@rule(
    "live-injected",
    _ERROR,
    "A host sent more than its answer to STARTTLS before the handshake",
    why="somebody slips words into the session, or the host has a known hole (CVE-2021-38371)",
    source="RFC 3207, 6",
)
def _injected(facts: AuditFacts) -> Seen:
    for one in _hosts(facts, frozenset({"injected"})):
        yield _subject(one), one.sighting.detail, _again(one)


@rule(
    "live-no-handshake",
    _ERROR,
    "The handshake with a host of a protected domain fails",
    why="nothing is delivered to it",
    source="RFC 8446, 6.2",
)
def _no_handshake(facts: AuditFacts) -> Seen:
    for one in _hosts(facts, _BROKEN):
        yield _subject(one), one.sighting.detail, _again(one)


@rule(
    "live-other-certificate",
    _ERROR,
    "A host presents a certificate that is not accepted for its peer",
    why="a new certificate, or somebody between you and them: nothing is delivered to it",
    source="share/doc/adr/0007-policy.md",
)
def _other(facts: AuditFacts) -> Seen:
    for one in facts.live.hosts:
        found = one.comparison
        if found is None or found.accepted or found.standing == "renewed":
            continue
        yield _subject(one), found.text, _confirm(one)


def _confirm(one: LiveHost) -> str:
    place = one.sighting.endpoint
    host = f"[{place.host}]" if ":" in place.host else place.host
    target = host if place.port == 25 else f"{host}:{place.port}"
    return f"trustctl fetch {target} --peer {one.peer} --fingerprint"


@rule(
    "live-renewed",
    _ERROR,
    "A host presents a new certificate with a key that is pinned",
    why="most likely a renewal; the pin is the old certificate's, so nothing is delivered to it",
    source="share/doc/adr/0010-on-the-wire.md",
)
def _renewed(facts: AuditFacts) -> Seen:
    for one in facts.live.hosts:
        if one.comparison is not None and one.comparison.standing == "renewed":
            yield _subject(one), one.comparison.text, _confirm(one)


@rule(
    "live-hosts-differ",
    _WARNING,
    "Some hosts of a protected domain present an accepted certificate, and others do not",
    why="mail to it arrives or waits by chance",
    source="RFC 5321, 5.1",
)
def _differ(facts: AuditFacts) -> Seen:
    hosts: dict[str, list[LiveHost]] = {}
    for one in facts.live.hosts:
        for domain in one.domains if one.leaf is not None else ():
            hosts.setdefault(domain, []).append(one)
    for domain, found in sorted(hosts.items()):
        odd = [one for one in found if not one.accepted]
        if odd and len(odd) < len(found):
            names = ", ".join(sorted({one.sighting.endpoint.host for one in odd})[:3])
            yield domain, f"{len(odd)} of {len(found)} differ: {names}", _again(odd[0])


@rule(
    "live-expiring",
    _WARNING,
    f"A host presents a certificate that ends within {_SOON_DAYS} days",
    why="mail to it waits from then on: ask the peer for the next one, and announce it",
    source="RFC 5280, 4.1.2.5",
)
def _expiring(facts: AuditFacts) -> Seen:
    for one in facts.live.hosts:
        if one.leaf is None or not one.accepted or one.leaf.not_after is None:
            continue
        if one.leaf.not_after - facts.now <= _SOON_DAYS * DAY:
            yield (
                _subject(one),
                f"it ends on {format_date(one.leaf.not_after)}",
                f"trustctl announce {one.peer} NEXT.pem --from DATE --fingerprint",
            )


@rule(
    "live-old-tls",
    _WARNING,
    "A host speaks no newer TLS than 1.1",
    why="its encryption can be broken; MTAs of today refuse it",
    source="RFC 8996",
)
def _old_tls(facts: AuditFacts) -> Seen:
    for one in facts.live.hosts:
        if one.sighting.tls in _OLD_TLS:
            yield _subject(one), f"it chose {one.sighting.tls}", _again(one)


@rule(
    "live-next-seen",
    _NOTICE,
    "A host presents the certificate that its peer announced as the next one",
    why="when all of them do, the old one may be retired",
    source="share/doc/adr/0010-on-the-wire.md",
)
def _next(facts: AuditFacts) -> Seen:
    for one in facts.live.hosts:
        if one.comparison is not None and one.comparison.standing == "next":
            yield _subject(one), one.comparison.text, f"trustctl history {one.peer}"
