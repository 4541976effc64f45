"""``trustctl ca cross``: a peer's own CA, signed anew by our root and held to the peer's names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.ca.keys import Keys, ca_option, passphrase_option
from trustctl.commands.invocation import Invocation, confirm, typed
from trustctl.commands.options import yes_option
from trustctl.errors import ConflictError, InputError, UsageError

if TYPE_CHECKING:
    from cryptography import x509

    from trustctl.commands.ca.crossing import Wanted
    from trustctl.facts.addition import Evidence
    from trustctl.facts.issuance import Draft, Issuance, KeyKind
    from trustctl.facts.records import Cross
    from trustctl.inventory.transaction import WriteTransaction


@click.command(short_help="Hold a peer's own CA to the peer's names.")
@click.argument("name", metavar="[PEER]", required=False)
@click.option(
    "--permit",
    "added",
    multiple=True,
    metavar="NAME",
    help="A host or domain beside the peer's domains and MX hosts. Repeatable; kept until other "
    "ones are given.",
)
@click.option("--days", type=click.IntRange(1), metavar="N", help="Its lifetime. [default: 397]")
@click.option(
    "--due", "only_due", is_flag=True, help="All peers, where it is time or names differ."
)
@click.option("--drop", is_flag=True, help="Hold the CA to no names any more. Asks.")
@ca_option
@passphrase_option
@yes_option
@click.pass_obj
def cross(
    call: Invocation,
    name: str | None,
    added: tuple[str, ...],
    days: int | None,
    only_due: bool,
    drop: bool,
    hierarchy: str | None,
    passphrase_file: str | None,
    yes: bool,
) -> None:
    """Sign the key of a peer's own CA anew, under our root, with critical name
    constraints: the peer's domains, its expected MX hosts, and no IP address.

    The next export has that in the place of the peer's own root, wherever it
    binds (share/doc/cross.md). From then on the CA is trusted in this way or
    not at all. Type it again when the peer's domains change, or it ends; --due
    does that for all of them, from a timer.

    \b
    trustctl ca cross foo
    trustctl ca cross --due
    """
    from trustctl import render
    from trustctl.commands.ca.crossing import plan
    from trustctl.facts.names import parse_host

    if (name is None) != only_due or (drop and (added or days or hierarchy or only_due)):
        raise UsageError(
            "name one peer, or say --due; --drop goes with a peer alone",
            "trustctl ca cross foo, or: trustctl ca cross --due",
        )
    if only_due and added:
        raise UsageError("--permit is for one peer", "trustctl ca cross foo --permit mx.example")
    if drop and name is not None:
        _drop(call, name, yes=yes)
        return
    names = None if not added else tuple(parse_host(one) for one in added)
    refused: list[str] = []
    with call.reading() as tx:
        found = plan(tx.connection, call.now, name, names, days, hierarchy, refused)
    keys, signed = Keys(call, passphrase_file), 0
    for one in found:
        if not one.due:
            render.line(f"{one.said}: held already, to {_end(one.cross)}; nothing was changed")
            continue
        try:
            _sign(call, keys, one, days)
            signed += 1
        except (UsageError, InputError) as error:
            if not only_due:  # else one peer does not keep the others waiting
                raise
            refused += [f"{one.said}: {error.message}", *error.details]
    if only_due and not found and not refused:
        render.line("no peer's CA is held to names")
    if signed:
        render.note("note: in force with the next trustctl export")
    if refused:
        raise ConflictError(
            "not every peer's CA could be held anew", "trustctl audit", details=refused
        )


def _end(one: Cross | None) -> str:
    from trustctl.facts.moment import format_date

    return "-" if one is None else format_date(one.not_after)


def _sign(call: Invocation, keys: Keys, one: Wanted, days: int | None) -> None:
    from trustctl import render
    from trustctl.ca.load import load
    from trustctl.commands.ca import work
    from trustctl.facts.moment import format_date
    from trustctl.inventory import crosses, issuances

    issuer = load(one.root.der)
    signer = keys.signer(one.root)
    draft = _draft(one, issuer, signer.kind, call.now, days)
    warnings = work.look([draft], (issuer,))

    def record(tx: WriteTransaction, made: list[Evidence]) -> None:
        prints = [made[0].facts.fingerprint]
        number = issuances.search_fingerprints(tx.connection, prints)[0].id
        crosses.add(tx, one.peer.name, draft.spki, number, one.permitted, one.added)
        if one.cross is not None and one.cross.permitted != one.permitted:
            _revoke(tx, one.before, "superseded")

    made = work.sign(call, one.root.spki, signer, [draft], then=record)
    end = made[0].facts.not_after or 0
    render.line(f"{one.said}: held to {' '.join(one.permitted)}, to {format_date(end)}")
    render.note(*[f"warning: {text}" for text in (*one.remarks, *warnings)])
    if one.shared:
        render.note(
            f"note: whoever trusts {one.root.name} takes what this CA signs for these names, too;",
            "      where others trust it, sign with a root for this alone (share/doc/cross.md)",
        )


def _draft(
    one: Wanted, issuer: x509.Certificate, kind: KeyKind, now: int, days: int | None
) -> Draft:
    from trustctl.commands.ca.making import cross_draft

    try:
        return cross_draft(
            "peer-cross",
            one.der,
            issuer,
            kind,
            now,
            permitted=one.permitted,
            days=days,
            subject=one.peer.name,
        )
    except ValueError as error:  # the library reads less than verifiers do
        raise InputError(
            f"the CA certificate of {one.said} cannot be signed anew: {error}",
            "its hosts can be pinned by themselves, without it",
        ) from error


def _revoke(tx: WriteTransaction, before: Issuance | None, reason: str) -> None:
    """Revoke what held the CA until now, where nobody did."""
    from trustctl.inventory import issuances

    if before is not None:
        for one in issuances.read_ids(tx.connection, [before.id]):
            if one.revoked_at is None:
                issuances.revoke(tx, one, reason)


def _drop(call: Invocation, name: str, *, yes: bool) -> None:
    from trustctl import render
    from trustctl.inventory import crosses, issuances, snapshot

    with call.reading() as tx:
        peers = list(snapshot.read_peers(tx.connection, where=snapshot.named(name)))
        held = {
            pin.certificate.spki or "": pin.cross
            for peer in peers
            for pin in peer.pins
            if pin.cross is not None
        }
        prints = [one.fingerprint for one in held.values()]
        before = {
            one.fingerprint: one for one in issuances.search_fingerprints(tx.connection, prints)
        }
    if not held:
        raise ConflictError(f"no CA of {name} is held to names", "trustctl list shows the peers")
    confirm(
        f"Let the CA of {peers[0].name} sign for any host's name again?",
        yes=yes,
        without_terminal=typed("ca", "cross", name, "--drop", "--yes"),
    )
    with call.writing() as tx:
        for spki, one in held.items():
            crosses.add(tx, peers[0].name, spki, None)
            _revoke(tx, before[one.fingerprint], "cessation-of-operation")
    render.line(f"{peers[0].name}: its CA is held to no names any more")
    render.note("note: in force with the next trustctl export")
