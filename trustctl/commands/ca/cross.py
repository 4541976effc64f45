"""``trustctl ca cross``: a peer's own CA, signed anew by our root and held to the peer's names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.ca.keys import Keys, ca_option, passphrase_option
from trustctl.commands.invocation import Invocation, confirm, typed
from trustctl.commands.options import yes_option
from trustctl.errors import ConflictError, InputError, UsageError

if TYPE_CHECKING:
    from trustctl.commands.ca.crossing import Wanted
    from trustctl.facts.addition import Evidence
    from trustctl.facts.issuance import Issuance
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
@click.option(
    "--request",
    "request",
    metavar="FILE",
    help="Ask a root on another machine: write a request, never over a file.",
)
@click.option(
    "--of",
    "of",
    metavar="FINGERPRINT",
    help="Which of the peer's CAs the request is about; the first digits are enough.",
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
    request: str | None,
    of: str | None,
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
    does that for all of them, from a timer. Where the root is on another
    machine, --request makes a file for 'trustctl ca sign-request' there.

    \b
    trustctl ca cross foo
    trustctl ca cross --due
    """
    from trustctl import render
    from trustctl.commands.ca.crossing import demand_here, plan
    from trustctl.facts.names import parse_host

    alone = drop and (added or days or hierarchy or only_due or request)
    if (name is None) != only_due or alone:
        raise UsageError(
            "name one peer, or say --due; --drop goes with a peer alone",
            "trustctl ca cross foo, or: trustctl ca cross --due",
        )
    if only_due and added:
        raise UsageError("--permit is for one peer", "trustctl ca cross foo --permit mx.example")
    if (of is not None and request is None) or (request is not None and only_due):
        raise UsageError(
            "--of goes with --request, and that is for one peer",
            "trustctl ca cross foo --request foo.json",
        )
    if drop and name is not None:
        _drop(call, name, yes=yes)
        return
    names = None if not added else tuple(parse_host(one) for one in added)
    refused: list[str] = []
    if request is not None and name is not None:
        from trustctl.commands.ca.cross_request import ask

        ask(call, name, names, days, hierarchy, of, request)
        return
    with call.reading() as tx:
        found = plan(tx.connection, call.now, name, names, days, hierarchy, refused)
    for one in () if only_due else found:
        demand_here(one, days)
    keys, signed = Keys(call, passphrase_file), 0
    for one in found:
        if not one.due:
            render.line(f"{one.said}: held already, to {one.end}; nothing was changed")
            continue
        try:
            demand_here(one, days)
            _sign(call, keys, one, days)
            signed += 1
        except (ConflictError, InputError, UsageError) as error:
            if not only_due:  # else one peer does not keep the others waiting
                raise
            refused += [f"{one.said}: {error.message}", *error.details]
            if isinstance(error, ConflictError) and error.hint:
                refused.append(f"    {error.hint}")
    if only_due and not found and not refused:
        render.line("no peer's CA is held to names")
    if signed:
        render.note("note: in force with the next trustctl export")
    if refused:
        raise ConflictError(
            "not every peer's CA could be held anew", "trustctl audit", details=refused
        )


def _sign(call: Invocation, keys: Keys, one: Wanted, days: int | None) -> None:
    from trustctl import render
    from trustctl.ca.load import load
    from trustctl.commands.ca import work
    from trustctl.commands.ca.making import peer_cross_draft
    from trustctl.facts.moment import format_date
    from trustctl.inventory import crosses, issuances

    root = one.signing
    issuer, signer = load(root.der), keys.signer(root)
    draft = peer_cross_draft(
        one.der, issuer, signer.kind, call.now,
        peer=one.peer.name, permitted=one.permitted, days=days,
    )  # fmt: skip
    warnings = work.look([draft], (issuer,))

    def record(tx: WriteTransaction, made: list[Evidence]) -> None:
        prints = [made[0].facts.fingerprint]
        number = issuances.search_fingerprints(tx.connection, prints)[0].id
        crosses.add(tx, one.peer.name, draft.spki, number, one.permitted, one.added)
        if one.cross is not None and one.cross.permitted != one.permitted:
            revoke_before(tx, one.before, "superseded")

    made = work.sign(call, root.spki, signer, [draft], then=record)
    end = made[0].facts.not_after or 0
    render.line(f"{one.said}: held to {' '.join(one.permitted)}, to {format_date(end)}")
    render.note(*[f"warning: {text}" for text in (*one.remarks, *warnings)])
    if one.shared:
        render.note(*shared_note(root.name))


def shared_note(root: str) -> tuple[str, ...]:
    """What it means where others trust the root that signed."""
    return (
        f"note: whoever trusts {root} takes what this CA signs for these names, too;",
        "      where others trust it, sign with a root for this alone (share/doc/cross.md)",
    )


def revoke_before(tx: WriteTransaction, before: Issuance | None, reason: str) -> None:
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
            revoke_before(tx, before[one.fingerprint], "cessation-of-operation")
    render.line(f"{peers[0].name}: its CA is held to no names any more")
    render.note("note: in force with the next trustctl export")
