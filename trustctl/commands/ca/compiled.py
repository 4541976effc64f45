"""Revocation for an export: what is due is signed where it can be; what is signed is compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trustctl.commands.invocation import Invocation
from trustctl.errors import TrustctlError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from trustctl.commands.ca.keys import Keys

_SHOWN = 5


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


def missing(connection: Connection, now: int) -> list[str]:
    """Our CAs without a whole set of CRLs: what is held to one waits."""
    from trustctl.inventory import authorities

    written = files(connection, now)
    return [
        name for name in authorities.hierarchies(connection) if f"crl/{name}.pem" not in written
    ]
