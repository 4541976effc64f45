"""``trustctl fetch``: what hosts present, kept as pending: nothing is trusted for being seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.invocation import Invocation, typed
from trustctl.commands.options import ASK, json_option, new_vouch, vouching
from trustctl.commands.wire.reach import Options, dialling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustctl.commands.wire.keeping import Confirmation, Kept
    from trustctl.commands.wire.known import Known
    from trustctl.commands.wire.look import Look
    from trustctl.commands.wire.survey import Target
    from trustctl.facts.addition import NewVouch
    from trustctl.facts.live import LiveHost
    from trustctl.facts.vantage import Elsewhere
    from trustctl.facts.wire import Protocol

_PROTOCOLS = ["smtp", "lmtp", "imap", "pop3", "ldap", "xmpp", "none"]


@click.command(short_help="See what a peer's hosts present, and keep it as pending.")
@click.argument("targets", nargs=-1, required=True, metavar="DOMAIN|HOST[:PORT]...")
@click.option("--peer", metavar="NAME", help="Whose they are. [default: who owns the domain]")
@click.option(
    "--starttls",
    "protocol",
    type=click.Choice(_PROTOCOLS),
    metavar="PROTOCOL",
    help=f"What to speak before TLS: {', '.join(_PROTOCOLS[:-1])}; none: TLS at once. [default: "
    "what the port says: 465, 993, 995 none, else smtp]",
)
@click.option("--chain", is_flag=True, help="Show the chain that was presented, too.")
@click.option("--dry-run", is_flag=True, help="Show, and keep nothing.")
@click.option(
    "--from-file",
    metavar="FILE",
    help="Compare with what fetch --json said elsewhere: a second point of view.",
)
@vouching(
    fingerprint_help="What the peer read out to you: pins the certificate that has it. Without a "
    "value: asks. Without the option: what is new stays pending."
)
@dialling
@json_option
@click.pass_context
def fetch(
    ctx: click.Context,
    targets: tuple[str, ...],
    peer: str | None,
    protocol: Protocol | None,
    chain: bool,
    dry_run: bool,
    from_file: str | None,
    fingerprint: str | None,
    vouched_by: str | None,
    via: str,
    note: str,
    expires: str | None,
    options: Options,
    as_json: bool,
) -> None:
    """See what hosts present, compare it with the pins, keep it as pending.

    A domain's hosts are found by its MX records; each address is asked, over
    IPv4 and IPv6. Beside it stands what DANE, MTA-STS and the public CAs say.
    Nothing of that is trusted: a person compares the fingerprint with what the
    peer reads out. Exit code 1 where a host presented nothing.

    \b
    trustctl fetch foo.test --peer foo
    trustctl fetch foo.test --fingerprint --vouched-by 'Ann <ann@bar.test>'
    """
    from trustctl.commands.wire.known import Judge
    from trustctl.commands.wire.look import Look
    from trustctl.errors import UsageError
    from trustctl.facts.fingerprint import parse_fingerprint

    call: Invocation = ctx.obj
    if dry_run and fingerprint is not None:
        raise UsageError("--dry-run keeps nothing, --fingerprint pins", "leave one of them out")
    vouch = None
    if fingerprint is not None:
        if fingerprint != ASK:
            parse_fingerprint(
                fingerprint
            )  # what cannot be meant is refused before anybody is asked
        vouch = new_vouch(vouched_by, via, note, expires, actor=call.actor, now=call.now)
    elsewhere = None if from_file is None else _read_elsewhere(from_file)
    wanted, known = _prepare(call, targets, peer, protocol, options, asking=not dry_run)
    judge = Judge(known, call.now)
    reach = options.reach(known.wire)
    look = Look(known, judge, reach, elsewhere, chain=chain, as_json=as_json)
    shown_at_once = fingerprint is None
    look.run(wanted, show=shown_at_once)
    confirmation = None
    if fingerprint is not None and vouch is not None:
        named = ["--peer", peer] if peer else []
        command = typed("fetch", *targets, *named, "--fingerprint", "AA:BB:...")
        confirmation = _confirm(fingerprint, vouch, look.hosts, command)
    for one in () if shown_at_once else range(len(look.hosts)):
        look.show(one)
    if not dry_run:
        _tell(_keep(call, look, known, confirmation), known, look.hosts)
    if any(one.leaf is None for one in look.hosts) or not look.hosts:
        ctx.exit(1)


def _read_elsewhere(file: str) -> Elsewhere:
    from trustctl.facts.vantage import BYTES_LIMIT, parse
    from trustctl.intake.source import read_source

    return parse(read_source(file, limit=BYTES_LIMIT).decode("utf-8", "replace").splitlines())


def _prepare(
    call: Invocation,
    words: Sequence[str],
    peer: str | None,
    protocol: Protocol | None,
    options: Options,
    *,
    asking: bool,
) -> tuple[list[Target], Known]:
    """The targets with their peers, and what the inventory knows of those."""
    from trustctl.commands.wire import known, targets
    from trustctl.inventory import domains, observations

    wanted = targets.read(words, protocol, options.port)
    found, before = known.NOTHING, {}
    if call.path.exists():
        names = [one.name for one in wanted]
        with call.reading() as tx:
            before = observations.looked_at_as(tx.connection, names)
            peers = [*before.values(), *([] if peer is None else [peer])]
            found = known.read(tx.connection, domains.near(names, peers))
    return targets.assign(wanted, found, peer, before, asking=asking), found


def _confirm(
    given_text: str, vouch: NewVouch, hosts: Sequence[LiveHost], command: str
) -> Confirmation:
    """Compare what the peer reads out with what was presented; the answer is not shown first.

    Raises:
        InputError: nothing was presented. MismatchError: it is none of what was presented.
    """
    from trustctl.commands.fingerprint import given_by, mismatch
    from trustctl.commands.wire.keeping import Confirmation
    from trustctl.errors import InputError
    from trustctl.facts.fingerprint import matches

    seen = [(one, one.leaf) for one in hosts if one.leaf is not None]
    if not seen:
        details = [f"{one.name}: {one.sighting.outcome}: {one.sighting.detail}" for one in hosts]
        raise InputError("no host presented a certificate; nothing was stored", details=details)
    given = given_by(given_text, command=command)
    for _host, leaf in seen:
        if matches(given, leaf.fingerprint, leaf.spki) is not None:
            return Confirmation(leaf.fingerprint, vouch)
    host, leaf = seen[0]
    raise mismatch(given, leaf, where=host.name)


def _keep(call: Invocation, look: Look, known: Known, confirmation: Confirmation | None) -> Kept:
    from trustctl.commands.wire import keeping

    with call.writing(create=True) as tx:
        return keeping.fetched(tx, look.hosts, look.judge, known, look.said, confirmation)


def _tell(kept: Kept, known: Known, hosts: Sequence[LiveHost]) -> None:
    """What was kept, and what to type next."""
    from trustctl import render
    from trustctl.facts.fingerprint import short

    for peer, fingerprint in kept.pending:
        render.note(
            f"pending: {short(fingerprint)} of {peer}; nothing is trusted because it was seen.",
            "  Have the peer read its fingerprint out to you, over a way that is not this one:",
            f"  {_vouching(peer, fingerprint, known, hosts)}",
        )
    render.note(*kept.lines())


def _vouching(peer: str, fingerprint: str, known: Known, hosts: Sequence[LiveHost]) -> str:
    owned = known.peers[peer].domains if peer in known.peers else ()
    leads = [
        domain
        for one in hosts
        if one.peer == peer and one.leaf is not None and one.leaf.fingerprint == fingerprint
        for domain in one.domains
    ]
    new = [word for one in dict.fromkeys(leads) if one not in owned for word in ("--domain", one)]
    return typed("vouch", fingerprint[:16], "--peer", peer, *new, "--fingerprint")
