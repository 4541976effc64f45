"""Who breaks and when: every chain that is known, replayed at each moment at which one may change.

No I/O and no clock: what is proposed is given as facts, and ``now`` is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from trustctl.facts.fingerprint import short
from trustctl.facts.foresight import Break, BreakKind, Chains, OwnHost, Step
from trustctl.facts.records import Peer, Pin, Settings
from trustctl.policy import chain
from trustctl.policy.held import again
from trustctl.policy.trust import Verdict, cross_reasons, judge, state, statements

DAY = 86400
_GONE_SECONDS = 30 * DAY
"""A host of ours whose certificate ended before that is no longer there."""


def foresee(
    peers: Iterable[Peer], settings: Settings, chains: Chains, now: int, until: int
) -> list[Break]:
    """What breaks from ``now`` to ``until``, the soonest first."""
    found = [one for peer in peers for one in foresee_peer(peer, settings, chains, now, until)]
    return soonest([*found, *foresee_hosts(chains, now, until)])


def soonest(found: Iterable[Break]) -> list[Break]:
    """In order of time."""
    return sorted(found, key=lambda one: (one.at, one.subject, one.kind, one.cause))


def sooner(before: Iterable[Break], after: Iterable[Break]) -> list[Break]:
    """What of ``after`` is not in ``before``, or was to come later."""
    known: dict[tuple[str, str], int] = {}
    for one in before:
        key = _same(one)
        known[key] = min(one.at, known.get(key, one.at))
    return soonest([one for one in after if (at := known.get(_same(one))) is None or one.at < at])


def _same(one: Break) -> tuple[str, str]:
    """What makes two breaks the same thing: whom it hits, and how."""
    if one.renewable:
        return one.subject, one.kind
    return one.subject, one.cause if one.kind == "root" else ""


def foresee_peer(
    peer: Peer, settings: Settings, chains: Chains, now: int, until: int
) -> list[Break]:
    """The first moment from which mail to a peer's domains waits, and why; for each domain.

    A domain that is held to a CRL of our CA has another break when that list ends.
    """
    if not peer.domains:
        return []
    moments = _moments(peer, chains, now, until)
    found: list[Break] = []
    before: list[Pin] = []
    listed = False
    for at, moment in enumerate(moments):
        judged = _judge(peer, settings, moment)
        usable = _usable(judged, chains, moment)
        if not usable:
            later = moments[at + 1 :]
            again = next((t for t in later if _usable(_judge(peer, settings, t), chains, t)), None)
            kind, why, cause, fix = _explain(peer, before, judged, chains, moment)
            found += [Break(one, moment, kind, why, cause, fix, again) for one in peer.domains]
            break
        before = usable
        if not listed and chains.ours:
            end = moments[at + 1] if at + 1 < len(moments) else until + 1
            lists = _lists(peer, usable, chains, moment, end)
            found += lists
            listed = bool(lists)
    return found


def _moments(peer: Peer, chains: Chains, now: int, until: int) -> list[int]:
    """``now``, and when time alone may change whom the peer's domains trust, in order."""
    moments = {now}
    for pin in peer.pins:
        facts = pin.certificate
        several = [pin.added_at, pin.retired_at, facts.not_before]
        if facts.not_after is not None:
            several.append(facts.not_after + 1)
        for one in statements(pin):
            several += [one.at, one.expires_at, one.withdrawn_at]
        if presented := chains.presented.get(facts.fingerprint):
            several += chain.moments(presented)
        if (held := pin.cross) is not None:
            several += [held.not_before, held.not_after + 1, held.root_not_after + 1]
        moments.update([t for t in several if t is not None and now < t <= until])
    return sorted(moments)


_Judged = Sequence[tuple[Pin, Verdict]]


def _judge(peer: Peer, settings: Settings, now: int) -> _Judged:
    return [(pin, judge(pin, settings, now)) for pin in peer.pins]


def _usable(judged: _Judged, chains: Chains, now: int) -> list[Pin]:
    """The pins by which mail can go: what an export would make of them."""
    trusted = [pin for pin, verdict in judged if verdict.trusted]
    # an authority takes whatever it signed; the chains above other pins do not matter beside it
    if authorities := [pin for pin in trusted if pin.role == "authority"]:
        return authorities
    return [pin for pin in trusted if _presentable(pin, chains, now)]


def _presentable(pin: Pin, chains: Chains, now: int) -> bool:
    presented = chains.presented.get(pin.certificate.fingerprint)
    return presented is None or chain.holds(presented, now)


def _explain(
    peer: Peer, before: Sequence[Pin], judged: _Judged, chains: Chains, now: int
) -> tuple[BreakKind, str, str, str]:
    """The kind, the reason, the cause and the fix of a domain's break at ``now``.

    Args:
        before: the pins that were usable until then; none where it is broken from the beginning.
    """
    new = f"trustctl add NEW.pem --peer {peer.name} --fingerprint"
    vouch = f"trustctl vouch {peer.name} --fingerprint"
    last = before[-1] if before else None
    trusted = [pin for pin, verdict in judged if verdict.trusted]
    if trusted and (last is None or last in trusted):
        pin = last or trusted[-1]
        presented = chains.presented[pin.certificate.fingerprint]
        link = chain.broken(presented, now)
        cause = pin.certificate.fingerprint if link is None else link.fingerprint
        how = "is distrusted" if link is not None and link.refused else "ends"
        if link is None or (not link.refused and (link.not_after or 0) >= now):
            how = "does not lead to the top"
        return "chain", f"{short(cause)}, above its pin, {how}", cause, new
    if last is None:
        states = sorted({state(verdict) for _pin, verdict in judged})
        why = f"no pin is trusted: {', '.join(states)}" if states else "it has no pin"
        waits = "pending" in states or "unvouched" in states
        return ("vouch" if waits else "pin"), why, peer.name, vouch if waits else new
    cause = last.certificate.fingerprint
    name = short(cause)
    word = next(state(verdict) for pin, verdict in judged if pin is last)
    if word in ("pending", "unvouched"):
        return "vouch", f"the vouches for {name} end", cause, vouch
    if last.cross is not None and cross_reasons(last, now):
        return "pin", f"what holds {name} to names ends", last.cross.fingerprint, again(peer)
    how = {"expired": "expires", "retired": "is retired"}.get(word, f"is {word}")
    return "pin", f"the last pin, {name}, {how}", cause, new


def _lists(peer: Peer, usable: Sequence[Pin], chains: Chains, start: int, end: int) -> list[Break]:
    """What breaks before ``end`` because the CRL ends that the domains are held to."""
    names = {
        chains.ours[pin.certificate.spki or ""]
        for pin in usable
        if pin.role == "authority" and (pin.certificate.spki or "") in chains.ours
    }
    if not names:
        return []
    # held to two CAs of ours, they get the list of all
    wanted = sorted(names) if len(names) == 1 else sorted(chains.wanted)
    name = min(wanted, key=lambda one: chains.wanted.get(one) or 0)
    until = chains.wanted.get(name)
    at = start if until is None else max(start, until)
    if at >= end:
        return []
    why = f"there is no CRL of {name}" if until is None else f"the CRL of {name} ends"
    fix = f"trustctl ca crl --of all --ca {name}"
    return [Break(one, at, "list", why, name, fix) for one in peer.domains]


def foresee_hosts(chains: Chains, now: int, until: int) -> Iterator[Break]:
    """The first moment from which each host of ours is refused, and why; also by those who trust a
    root alone that another has followed, who want its CRL, or who want a staple."""
    ways: dict[tuple[str, tuple[Step, ...]], dict[str, int]] = {}
    for host in chains.hosts:
        if host.not_after < now - _GONE_SECONDS:
            continue
        renew = f"trustctl ca renew {host.subject} --ca {host.hierarchy}"
        if host.revoked:
            why = "its certificate was revoked"
            yield Break(host.subject, now, "revoked", why, host.fingerprint, renew)
            continue
        key = (host.issuer, host.chain)
        if key not in ways:
            ways[key] = _ways(host, chains, now, until)
        lost = ways[key]
        end = host.not_after + 1
        alone = max(lost.values(), default=until + 1 if not chains.roots else now)
        if end <= alone and end <= until:
            yield Break(
                host.subject, max(end, now), "certificate", "its certificate ends",
                host.fingerprint, renew,
            )  # fmt: skip
        elif alone <= until:
            yield _authority_break(host, chains, alone)
        first = min(end, alone, until + 1)
        yield from _some_refuse(host, chains, lost, now, first)


def _ways(host: OwnHost, chains: Chains, now: int, until: int) -> dict[str, int]:
    """By each root that a host leads to now: when it does no longer (RFC 5280, 6.1.3)."""
    several = [*host.chain, *chains.roots]
    moments = sorted({t for one in several if now < (t := one.not_after + 1) <= until})
    return {
        root.fingerprint: next((t for t in moments if not chain.reaches(host, root, t)), until + 1)
        for root in chains.roots
        if root.hierarchy == host.hierarchy and chain.reaches(host, root, now)
    }


def _authority_break(host: OwnHost, chains: Chains, at: int) -> Break:
    roots = [one for one in chains.roots if one.hierarchy == host.hierarchy]
    several = [one for one in (*host.chain, *roots) if one.revoked or one.not_after < at]
    # the nearest one is what to look at first
    cause = several[0] if several else None
    if cause is None:
        name, how, kind = host.hierarchy, "does not lead to a root", "authority"
    else:
        name, kind = cause.name, "root" if cause in roots else "authority"
        how = "was revoked" if cause.revoked else "ends"
    which = "root" if kind == "root" else "issuing"
    fix = f"trustctl ca rollover {which} --ca {host.hierarchy}"
    if cause is not None and cause.retired:
        fix = f"trustctl ca renew {host.subject} --ca {host.hierarchy}"
    of_root: BreakKind = "root" if kind == "root" else "authority"
    return Break(host.subject, at, of_root, f"{name}, above it, {how}", name, fix)


def _some_refuse(
    host: OwnHost, chains: Chains, lost: dict[str, int], now: int, first: int
) -> Iterator[Break]:
    """What makes some refuse the host before ``first``, from which all do."""
    for root in chains.roots:
        at = lost.get(root.fingerprint, first)
        if root.retired and at < first:
            why = f"{root.name} ends: who trusts it alone"
            fix = f"trustctl ca certificate root --ca {root.hierarchy}"
            yield Break(host.subject, at, "root", why, root.name, fix)
    keys = (host.issuer, *(one.signer for one in host.chain))
    lists = [chains.lists[key] for key in keys if key in chains.lists]
    if lists:
        ending = min(lists, key=lambda one: (one.until, one.name))
        if max(ending.until, now) < first:
            which = ending.name.partition("/")[2]
            yield Break(
                host.subject, max(ending.until, now), "list", f"the CRL of {ending.name} ends",
                ending.name, f"trustctl ca crl --of {which} --ca {host.hierarchy}",
            )  # fmt: skip
    if host.staple_until is not None and max(host.staple_until, now) < first:
        fix = f"trustctl ca ocsp {host.subject} --out DIR --ca {host.hierarchy}"
        at = max(host.staple_until, now)
        yield Break(host.subject, at, "staple", "its OCSP staple ends", host.hierarchy, fix)
