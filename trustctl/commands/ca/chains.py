"""The chains of our own hosts, as foresight is given them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from trustctl.facts.foresight import Chains, ListEnd, OwnHost, Step

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from trustctl.facts.issuance import Authority, Issuance

_AT_ONCE = 500


def own_chains(connection: Connection, now: int, *, hosts: bool) -> Chains:
    """What our hosts present (with ``hosts``), the roots above it, and until when our CRLs hold."""
    from trustctl.inventory import hierarchies

    if not hierarchies.any_of_ours(connection):
        return Chains()
    from trustctl.commands.ca import revocation
    from trustctl.inventory import authorities, crls, issuances, snapshot

    known = authorities.authorities(connection)
    prints = [one.fingerprint for one in known]
    facts = snapshot.facts_by_fingerprint(connection, prints)
    keys = {facts[one.fingerprint].subject: one.spki for one in known if one.kind == "root"}
    signed = issuances.search_fingerprints(connection, prints)
    revoked = {one.fingerprint for one in signed if one.revoked_at is not None}
    steps = {
        one.id: Step(
            one.name, one.hierarchy, one.fingerprint, one.spki,
            keys.get(facts[one.fingerprint].issuer, ""), one.not_before, one.not_after,
            one.fingerprint in revoked, one.retired_at is not None,
        )
        for one in known
    }  # fmt: skip
    lists: dict[str, ListEnd] = {}
    wanted: dict[str, int | None] = {}
    for name in dict.fromkeys(one.hierarchy for one in known):
        ends: list[int] = []
        signers = revocation.issuers(connection, name, now)
        for authority in signers:
            if (newest := crls.newest(connection, authority.spki)) is not None:
                lists[authority.spki] = ListEnd(authority.name, newest.next_update)
                ends.append(newest.next_update)
        wanted[name] = min(ends) if ends and len(ends) == len(signers) else None
    return Chains(
        hosts=tuple(_hosts(connection, known, steps)) if hosts else (),
        roots=tuple([steps[one.id] for one in known if one.kind == "root"]),
        lists=lists,
        wanted=wanted,
        ours={one.spki: one.hierarchy for one in known},
    )


def _hosts(
    connection: Connection, known: list[Authority], steps: dict[int, Step]
) -> Iterable[OwnHost]:
    """Each host of ours with its newest certificate that is not revoked, if it has one."""
    from trustctl.inventory import issuances, staples

    names = {one.spki: one.hierarchy for one in known if one.kind == "issuing"}
    newest: dict[tuple[str, str], Issuance] = {}
    for one in issuances.search(connection, issuers=list(names)):
        if not one.hosts:
            continue
        key = names[one.issuer], one.subject
        before = newest.get(key)
        if before is None or _rank(one) >= _rank(before):
            newest[key] = one
    crosses = issuances.crosses(connection, "root-cross")
    stapled = staples.newest(connection, list(names))
    ways: dict[tuple[int, ...], tuple[Step, ...]] = {}
    for (hierarchy, subject), one in newest.items():
        presented = _presented(one, hierarchy, known, crosses)
        way = (presented[0].id, *(each.id for each in presented[1]))
        if way not in ways:
            ways[way] = (
                steps[presented[0].id],
                *(_bridge(each, hierarchy, known) for each in presented[1]),
            )
        staple = stapled.get(one.id)
        yield OwnHost(
            subject, hierarchy, one.fingerprint or "", one.issuer, one.not_after, ways[way],
            one.revoked_at is not None, None if staple is None else staple.next_update,
        )  # fmt: skip


def _rank(one: Issuance) -> tuple[bool, int]:
    return one.revoked_at is None, one.not_after


def _presented(
    one: Issuance, hierarchy: str, known: list[Authority], crosses: list[Issuance]
) -> tuple[Authority, list[Issuance]]:
    """The issuing CA's certificate and the bridge to the root before, as they were at that time:
    what the host got with its certificate."""
    signers = [each for each in known if each.kind == "issuing" and each.spki == one.issuer]
    then = [each for each in signers if each.added_at <= one.at] or signers[:1]
    roots = [
        each
        for each in known
        if (each.kind, each.hierarchy) == ("root", hierarchy) and each.added_at <= one.at
    ]
    bridges = [
        each
        for each in crosses
        if len(roots) > 1
        and each.at <= one.at
        and (each.spki, each.issuer) == (roots[-1].spki, roots[-2].spki)
    ]
    return then[-1], bridges[-1:]


def _bridge(one: Issuance, hierarchy: str, known: list[Authority]) -> Step:
    names = {each.spki: each.name for each in known}
    name = f"{names.get(one.spki, hierarchy)} as {names.get(one.issuer, hierarchy)} signed it"
    return Step(
        name, hierarchy, one.fingerprint or "", one.spki, one.issuer, one.not_before, one.not_after
    )


def refusing(
    connection: Connection, subjects: Sequence[str], hierarchy: str, now: int
) -> list[tuple[str, str]]:
    """(Domain, host) of those in this inventory who pin exactly the certificate that a host of ours
    has, and so refuse its next one.

    Args:
        subjects: the hosts that are about to get another certificate of this CA.
    """
    from trustctl.inventory import hierarchies, issuances, pins, snapshot
    from trustctl.inventory.settings import read_settings
    from trustctl.policy.trust import judge

    ours = hierarchies.hierarchy_of_keys(connection)
    settings = read_settings(connection)
    found: set[tuple[str, str]] = set()
    for start in range(0, len(subjects), _AT_ONCE):
        part = subjects[start : start + _AT_ONCE]
        known = {
            one.fingerprint or "": one.subject
            for one in issuances.of_subjects(connection, part)
            if ours.get(one.issuer) == hierarchy
        }
        if not known:
            continue
        for one in snapshot.read_peers(connection, where=pins.pinning(list(known))):
            trusted = [pin for pin in one.pins if judge(pin, settings, now).trusted]
            # an authority of theirs takes the next one too
            if any(
                ours.get(pin.certificate.spki or "") == hierarchy
                for pin in trusted
                if pin.role == "authority"
            ):
                continue
            hosts = {
                known[pin.certificate.fingerprint]
                for pin in trusted
                if pin.certificate.fingerprint in known
            }
            found.update((domain, host) for host in hosts for domain in one.domains)
    return sorted(found)
