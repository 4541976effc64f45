"""Revocation for an export: what is due is signed where it can be; what is signed is compiled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trustctl.commands.invocation import Invocation
from trustctl.errors import TrustctlError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from trustctl.commands.ca.keys import Keys
    from trustctl.facts.revocation import CaFacts, Lists, SignedStatus


def refresh(call: Invocation, keys: Keys) -> list[str]:
    """Sign the CRLs and staples that are due.

    What cannot be signed now (nobody there to type the passphrase, a key that is elsewhere) keeps
    nobody from taking trust away: the export goes on with what was signed before.

    Returns:
        What could not be signed, and until when what there is holds.
    """
    from trustctl.commands.ca import revocation
    from trustctl.inventory import authorities

    remarks: list[str] = []
    with call.reading() as tx:
        names = authorities.hierarchies(tx.connection)
    for name in names:
        with call.reading() as tx:
            known = revocation.issuers(tx.connection, name, call.now)
            drafts = revocation.draft_staples(tx.connection, name, call.now)
        for authority in known:
            try:
                revocation.sign_crls(call, keys, [authority])
            except TrustctlError as error:
                with call.reading() as tx:
                    last = revocation.draft_crl(tx.connection, authority, call.now).last
                end = None if last is None else last.next_update
                remarks += _unsigned(f"the CRL of {authority.name}", error, end, call.now)
        by_issuer: dict[str, list[revocation.StapleDraft]] = {}
        for one in drafts:
            if one.due:
                by_issuer.setdefault(one.issuance.issuer, []).append(one)
        for due in by_issuer.values():
            try:
                revocation.sign_staples(call, keys, name, due)
            except TrustctlError as error:
                ends = [0 if one.last is None else one.last.next_update for one in due]
                what = f"staples of {len(due)} hosts of {name}"
                remarks += _unsigned(what, error, min(ends) or None, call.now)
    return remarks


def _unsigned(what: str, error: TrustctlError, end: int | None, now: int) -> list[str]:
    from trustctl.facts.moment import format_moment

    if end is None:
        holds = "there is none that was signed before"
    elif end <= now:
        holds = f"the last one ended on {format_moment(end)}"
    else:
        holds = f"the last one holds until {format_moment(end)}"
    hint = f" ({error.hint})" if error.hint else ""
    return [f"{what} is due and was not signed: {error.message}{hint}; {holds}"]


def files(connection: Connection, now: int) -> dict[str, bytes]:
    """What was signed, compiled: path in a generation -> content."""
    from trustctl.commands.ca import revocation
    from trustctl.export.revocation import compile_revocation
    from trustctl.inventory import authorities, crls

    lists: dict[str, list[bytes] | None] = {}
    staples: dict[str, dict[str, bytes]] = {}
    for name in authorities.hierarchies(connection):
        found = [
            crls.newest(connection, one.spki) for one in revocation.issuers(connection, name, now)
        ]
        known = [one.der for one in found if one is not None]
        lists[name] = known if known and len(known) == len(found) else None
        staples[name] = {
            one.name: one.last.der
            for one in revocation.draft_staples(connection, name, now)
            # never one that says good of what is revoked by now, nor one that has ended
            if one.last is not None
            and one.last.status == revocation.status_of(one.issuance)
            and one.last.next_update > now
        }
    return compile_revocation(lists, staples)


def lists(connection: Connection, now: int) -> dict[str, Lists]:
    """By the name of each CA of ours, its lists."""
    from trustctl.commands.ca import revocation
    from trustctl.facts.revocation import Lists
    from trustctl.inventory import authorities, crls

    found = {}
    for name in authorities.hierarchies(connection):
        known = revocation.issuers(connection, name, now)
        newest = [crls.newest(connection, one.spki) for one in known]
        signed = [
            (authority.der, one.der)
            for authority, one in zip(known, newest, strict=True)
            if one is not None
        ]
        count = sum(
            one.not_after > now
            for authority in known
            for one in crls.revoked(connection, authority.spki)
        )
        whole = bool(signed) and len(signed) == len(known)
        ders = tuple(one.der for one in known)
        found[name] = Lists(ders, tuple(signed) if whole else None, count)
    return found


def untold(connection: Connection, now: int) -> list[str]:
    """What a bundle, which has no lists, does not say."""
    return [
        f"the CA {name} revoked {one.revoked} certificates, and a bundle does not say so: where "
        "the CA is in it, they are taken until they end"
        for name, one in lists(connection, now).items()
        if one.revoked
    ]


def facts(connection: Connection, now: int) -> CaFacts:
    """Our CA for an audit at ``now``."""
    from trustctl.ca import profile
    from trustctl.facts.revocation import CaFacts
    from trustctl.inventory import authorities, issuances

    known = authorities.authorities(connection)
    if not known:
        return CaFacts()
    names = {one.spki: one.hierarchy for one in known}
    found = issuances.search(connection, revoked=False, unfinished=True)
    statuses: list[SignedStatus] = []
    unlisted: list[tuple[str, int]] = []
    for name in authorities.hierarchies(connection):
        statuses += _lists(connection, name, now, unlisted)
        statuses += _staples(connection, name, now)
    return CaFacts(
        authorities=tuple(known),
        leaf_days=profile.load("mta").days,
        statuses=tuple(statuses),
        unlisted=tuple(unlisted),
        hosts=tuple(
            [(names[o.issuer], o) for o in found if o.hosts and o.fingerprint and o.issuer in names]
        ),
        unfinished=tuple([one for one in found if one.fingerprint is None]),
    )


def _lists(
    connection: Connection, name: str, now: int, unlisted: list[tuple[str, int]]
) -> Iterator[SignedStatus]:
    from trustctl.ca import crl
    from trustctl.commands.ca import revocation
    from trustctl.facts.revocation import SignedStatus
    from trustctl.inventory import crls

    for authority in revocation.issuers(connection, name, now):
        drafted = revocation.draft_crl(connection, authority, now)
        fix = f"trustctl ca crl --of {authority.name.partition('/')[2]} --ca {name}"
        named = frozenset(() if drafted.last is None else crl.read(drafted.last.der).entries)
        if count := sum(one not in named for one in drafted.entries):
            unlisted.append((authority.name, count))
        if (last := drafted.last) is None:
            continue
        yield SignedStatus("CRL", authority.name, last.this_update, last.next_update, fix)
        delta = crls.newest(connection, authority.spki, delta=True)
        if delta is not None and delta.base == last.number:
            fix += " --delta"
            yield SignedStatus(
                "delta CRL", authority.name, delta.this_update, delta.next_update, fix
            )


def _staples(connection: Connection, name: str, now: int) -> Iterator[SignedStatus]:
    from trustctl.commands.ca import revocation
    from trustctl.facts.revocation import SignedStatus

    for one in revocation.draft_staples(connection, name, now):
        if one.last is not None and one.issuance.revoked_at is None:
            fix = f"trustctl ca ocsp {one.issuance.subject} --out DIR, or trustctl export"
            yield SignedStatus(
                "OCSP response", one.name, one.last.this_update, one.last.next_update, fix
            )
