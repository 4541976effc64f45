"""``trustctl vouch`` and ``withdraw``: who says that a fingerprint belongs to a peer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.fingerprint import compare
from trustctl.commands.invocation import Invocation, typed
from trustctl.commands.options import ASK, new_vouch, vouching

if TYPE_CHECKING:
    from trustctl.inventory.transaction import WriteTransaction


@click.command()
@click.argument("subject", metavar="PEER|FINGERPRINT")
@click.option(
    "--peer", "peer_name", metavar="NAME", help="Whose pin, where several peers share it."
)
@click.option(
    "--domain",
    "domains",
    multiple=True,
    metavar="DOMAIN",
    help="A mail domain of the peer, protected from now on. Repeatable.",
)
@vouching(
    fingerprint_help="What the peer read out to you (SHA-256). Without a value: asks. "
    "Not needed where the whole fingerprint is the argument."
)
@click.pass_obj
def vouch(
    call: Invocation,
    subject: str,
    peer_name: str | None,
    domains: tuple[str, ...],
    fingerprint: str | None,
    vouched_by: str | None,
    via: str,
    note: str,
    expires: str | None,
) -> None:
    """Vouch that a certificate in the inventory is the peer's.

    The fingerprint is the statement: give the whole of it, or a peer's name
    and --fingerprint, which asks for it and never shows it first. Where the
    certificate was seen, and what others say of it, is shown beforehand: beside
    the comparison, never in its place.

    \b
    trustctl vouch foo --domain foo.test --fingerprint \\
        --vouched-by 'Bob <bob@bar.test>' --via phone
    """
    from trustctl import render
    from trustctl.commands import seen
    from trustctl.errors import ConflictError, UsageError
    from trustctl.facts.addition import NewProtection
    from trustctl.facts.fingerprint import short, spoken
    from trustctl.facts.names import parse_domain
    from trustctl.inventory import distrusts, observations, pins
    from trustctl.inventory.additions import Additions
    from trustctl.inventory.snapshot import facts_by_fingerprint

    protected = tuple(parse_domain(one) for one in domains)
    new = new_vouch(vouched_by, via, note, expires, actor=call.actor, now=call.now)
    if fingerprint is None and not pins.whole_fingerprint(subject):
        fingerprint = ASK
    with call.reading() as tx:
        found = pins.find(tx.connection, subject, peer_name=peer_name)
        facts = facts_by_fingerprint(tx.connection, [one.fingerprint for one in found])
    named_domains = [word for one in protected for word in ("--domain", one)]
    command = typed("vouch", subject, *named_domains, "--fingerprint", "AA:BB:...")
    if len(found) > 1 and fingerprint not in (None, ASK):
        from trustctl.facts.fingerprint import matches, parse_fingerprint

        given = parse_fingerprint(str(fingerprint))
        named = [one for one in found if matches(given, one.fingerprint, one.spki)]
        found = named or found[:1]
    ref = pins.only(found, subject, "vouch")
    with call.reading() as tx:
        seen.tell(observations.of_certificate(tx.connection, ref.fingerprint))
    if fingerprint is not None:
        compare(fingerprint, facts[ref.fingerprint], where=f"{ref.peer}'s pin", command=command)
    with call.writing() as tx:
        if ref.fingerprint in distrusts.distrusted_fingerprints(tx.connection):
            raise ConflictError(
                f"{ref.peer}: {short(ref.fingerprint)} is distrusted, whoever vouches for it",
                typed("show", ref.peer),
            )
        still = [
            one
            for one in pins.find(tx.connection, ref.fingerprint, peer_name=ref.peer)
            if one.id == ref.id
        ]
        if not still:
            raise UsageError(f"{ref.peer}: the pin was retired meanwhile", "trustctl list --all")
        additions = Additions(tx)
        made = additions.vouch(ref.peer, ref.peer_id, ref.fingerprint, new)
        if protected:
            additions.protect(NewProtection(ref.peer, protected))
    render.line(f"{'vouched' if made else 'already vouched'}: {ref.peer}, role {ref.role}")
    render.fields(
        [
            ("fingerprint", spoken(ref.fingerprint).splitlines()),
            ("vouched by", new.voucher),
            *([("domains", protected)] if protected else []),
        ]
    )


@click.command(short_help="Withdraw vouches for a pin.")
@click.argument("subject", metavar="PEER|FINGERPRINT")
@click.option(
    "--peer", "peer_name", metavar="NAME", help="Whose pin, where several peers share it."
)
@click.option("--vouched-by", metavar="PERSON", help="Only this person's vouches. [default: all]")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it goes into the journal.")
@click.pass_obj
def withdraw(
    call: Invocation, subject: str, peer_name: str | None, vouched_by: str | None, reason: str
) -> None:
    """Withdraw vouches for a pin; its domain's mail waits if none is left.

    \b
    trustctl withdraw 3F2A91C4 --vouched-by ann@bar.test --reason 'misheard'
    """
    from trustctl import render
    from trustctl.commands import ahead
    from trustctl.facts.fingerprint import short
    from trustctl.facts.names import parse_reason, parse_voucher
    from trustctl.inventory import pins, vouches

    why = parse_reason(reason)
    who = None if vouched_by is None else parse_voucher(vouched_by)

    def change(tx: WriteTransaction) -> tuple[pins.PinRef, list[str]]:
        found = pins.find(tx.connection, subject, peer_name=peer_name, active=False)
        # a vouch is about a peer and a fingerprint, however often that was pinned and retired
        distinct = {(one.peer_id, one.fingerprint): one for one in found}
        ref = pins.only(list(distinct.values()), subject, "withdraw")
        return ref, vouches.withdraw(tx, ref, who, why)

    ahead.tell(ahead.by_change(call, change), call.now)
    with call.writing() as tx:
        ref, names = change(tx)
    render.line(f"withdrawn: {', '.join(names)} no longer vouch for {short(ref.fingerprint)} "
                f"of {ref.peer}")  # fmt: skip
    render.note("note: it takes effect with the next export")
