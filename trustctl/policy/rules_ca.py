"""Audit rules about our own CA: what ends, what was not signed, what was not exported."""

from __future__ import annotations

from collections.abc import Iterator

from trustctl.facts.audit import AuditFacts
from trustctl.facts.finding import Severity
from trustctl.facts.fingerprint import short
from trustctl.facts.issuance import Authority, Issuance
from trustctl.facts.moment import format_date, format_moment
from trustctl.facts.revocation import SignedStatus
from trustctl.policy.pins import name_of, renew
from trustctl.policy.rule import Seen, rule

DAY = 86400
_ERROR, _WARNING, _NOTICE = Severity.ERROR, Severity.WARNING, Severity.NOTICE
_SHOWN = 5


def _left(one: SignedStatus, now: int) -> tuple[int, bool, bool]:
    """The seconds that are left; whether that is an error; whether it is a warning."""
    left, life = one.next_update - now, one.next_update - one.this_update
    # of a short life, three days would be most: a sixth then
    ends = left <= min(3 * DAY, life // 6)
    return left, ends, not ends and left <= life // 3


def _statuses(facts: AuditFacts, *, error: bool) -> Seen:
    for one in facts.ca.statuses:
        left, ends, soon = _left(one, facts.now)
        if ends if error else soon:
            end = format_moment(one.next_update)
            said = f"ended on {end}" if left < 0 else f"ends on {end}"
            yield one.subject, f"the {one.kind} {said}", one.fix


@rule(
    "revocation-ends",
    _ERROR,
    "A CRL or a staple of our CA ends within three days, or has ended",
    why="OpenSSL then takes every certificate of the CA for invalid: mail stops; GnuTLS goes on "
    "with what is old",
    source="RFC 5280, 5.1.2.5; RFC 6960, 4.2.2.1",
)
def _ends(facts: AuditFacts) -> Seen:
    return _statuses(facts, error=True)


@rule(
    "revocation-ends-soon",
    _WARNING,
    "Two thirds of the life of a CRL or a staple of our CA are over",
    why="an export signs the next one at half of it, where it has the passphrase: it had not",
    source="RFC 5280, 5.1.2.5; RFC 6960, 4.2.2.1",
)
def _ends_soon(facts: AuditFacts) -> Seen:
    return _statuses(facts, error=False)


@rule(
    "revocation-unlisted",
    _WARNING,
    "Our CA revoked a certificate, and no CRL names it yet",
    why="servers and partners that read the CRL still take it",
    source="RFC 5280, 5",
)
def _unlisted(facts: AuditFacts) -> Seen:
    for name, count in facts.ca.unlisted:
        yield name, f"revoked and not listed: {count}", f"trustctl ca crl --of {_which(name)}"


def _which(name: str) -> str:
    hierarchy, _slash, which = name.partition("/")
    return f"{which} --ca {hierarchy}"


@rule(
    "revocation-not-exported",
    _WARNING,
    "A target has not the CRLs and staples that were signed last",
    why="it goes by what was revoked before, and its staples end earlier",
    source="share/doc/revocation.md",
)
def _behind(facts: AuditFacts) -> Seen:
    for target in facts.targets:
        there, ought = (
            {name: digest for name, digest in more.items() if not name.startswith("inbound/")}
            for more in (target.state.more, target.more)
        )
        if target.state.current is None or target.state.format != "exim" or there == ought:
            continue
        differ = sorted(
            one for one in there.keys() | ought.keys() if there.get(one) != ought.get(one)
        )
        more = f" and {len(differ) - _SHOWN} more" if len(differ) > _SHOWN else ""
        yield (
            target.state.path,
            f"not the newest: {' '.join(differ[:_SHOWN])}{more}",
            f"trustctl export --to {target.state.path}",
        )


@rule(
    "crl-missing",
    _ERROR,
    "A domain is held to a CRL of our CA that is not there",
    why="its mail waits: without the list nobody knows what was revoked",
    source="share/doc/revocation.md",
)
def _missing(facts: AuditFacts) -> Seen:
    for target in facts.targets:
        for domain, value in target.entries.items():
            name = next((one[4:] for one in value.split() if one.startswith("crl=")), "")
            if name and f"crl/{name}" not in target.more:
                yield domain, f"there is no crl/{name}", "trustctl ca crl --of all"


@rule(
    "pin-revoked",
    _WARNING,
    "A pinned certificate was revoked by our own CA",
    why="it is no longer exported; without another pin the mail waits",
    source="RFC 5280, 5.3.1",
)
def _revoked(facts: AuditFacts) -> Seen:
    for peer in facts.peers:
        for pin in peer.pins:
            retired = pin.retired_at is not None and pin.retired_at <= facts.now
            if pin.revocation is not None and not retired:
                when = format_date(pin.revocation.at)
                yield name_of(peer, pin), f"revoked on {when}: {pin.revocation.reason}", renew(peer)


@rule(
    "ca-expires",
    _WARNING,
    "An authority of ours ends sooner than a certificate that it would issue today",
    why="what it issues is cut short; partners need time to get to know the next one",
    source="RFC 5280, 6.1.3",
)
def _ca_expires(facts: AuditFacts) -> Seen:
    for one in _signing(facts):
        if 30 * DAY < one.not_after - facts.now <= facts.ca.leaf_days * DAY:
            yield one.name, f"ends on {format_date(one.not_after)}", _rollover(one)


@rule(
    "ca-expires-in-30-days",
    _ERROR,
    "An authority of ours ends within 30 days, or has ended",
    why="with it, everything that it issued is invalid: mail from and to our hosts waits",
    source="RFC 5280, 6.1.3",
)
def _ca_ends(facts: AuditFacts) -> Seen:
    for one in _signing(facts):
        if one.not_after - facts.now <= 30 * DAY:
            yield one.name, f"ends on {format_date(one.not_after)}", _rollover(one)


def _signing(facts: AuditFacts) -> Iterator[Authority]:
    """Authorities that sign, and that no later one has taken over from."""
    for one in facts.ca.authorities:
        later = any(
            (other.hierarchy, other.kind) == (one.hierarchy, one.kind)
            and other.not_after > one.not_after
            for other in facts.ca.authorities
        )
        if one.retired_at is None and not later:
            yield one


def _rollover(one: Authority) -> str:
    return f"trustctl ca rollover {one.kind} --ca {one.hierarchy}"


def _hosts(facts: AuditFacts, over: int, upto: int) -> Seen:
    """Hosts whose newest certificate ends in so many seconds."""
    newest: dict[tuple[str, str], Issuance] = {}
    for hierarchy, one in facts.ca.hosts:
        known = newest.get((hierarchy, one.subject))
        if known is None or one.not_after > known.not_after:
            newest[hierarchy, one.subject] = one
    for (hierarchy, subject), one in newest.items():
        left = one.not_after - facts.now
        if over < left <= upto:
            said = "ended" if left < 0 else "ends"
            yield (
                subject,
                f"its certificate {said} on {format_date(one.not_after)}",
                f"trustctl ca renew {subject} --ca {hierarchy}",
            )


@rule(
    "host-expires-in-7-days",
    _ERROR,
    "The certificate of a host of ours ends within 7 days, or has ended in the last 30",
    why="who verifies this host refuses it from then on",
    source="RFC 5280, 4.1.2.5",
)
def _host_ends(facts: AuditFacts) -> Seen:
    return _hosts(facts, -30 * DAY, 7 * DAY)


@rule(
    "host-expires-in-30-days",
    _WARNING,
    "The certificate of a host of ours ends within 30 days",
    why="partners who pin it need the next one in time",
    source="RFC 5280, 4.1.2.5",
)
def _host_expires(facts: AuditFacts) -> Seen:
    return _hosts(facts, 7 * DAY, 30 * DAY)


@rule(
    "issuance-unfinished",
    _NOTICE,
    "A serial number was taken for a certificate that was never signed",
    why="a run was killed between the two; nothing has to be done: the number is never used again",
    source="share/doc/ca.md",
)
def _unfinished(facts: AuditFacts) -> Seen:
    by_issuer: dict[str, list[Issuance]] = {}
    for one in facts.ca.unfinished:
        by_issuer.setdefault(one.issuer, []).append(one)
    names = {one.spki: one.name for one in facts.ca.authorities}
    for issuer, found in by_issuer.items():
        shown = " ".join(one.subject for one in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        yield (
            names.get(issuer, short(issuer)),
            f"never signed: {shown}{more}",
            "trustctl ca list --all",
        )
