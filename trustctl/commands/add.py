"""``trustctl add``: a peer's certificate into the inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.fingerprint import compare
from trustctl.commands.invocation import Invocation, ask, on_terminal, typed
from trustctl.commands.options import json_option, new_vouch, vouching
from trustctl.errors import UsageError

if TYPE_CHECKING:
    from trustctl.commands.row import Row
    from trustctl.facts.addition import Added, Addition, Evidence
    from trustctl.inventory.transaction import WriteTransaction


@click.command(short_help="Add a peer's certificate.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--peer", metavar="NAME", help="The peer's name: letters, digits, dot, hyphen.")
@click.option(
    "--domain",
    "domains",
    multiple=True,
    metavar="DOMAIN",
    help="A mail domain of the peer, protected from now on. Repeatable.",
)
@click.option(
    "--mx", "mx_hosts", multiple=True, metavar="HOST", help="An MX host to expect. Repeatable."
)
@click.option(
    "--role",
    type=click.Choice(["host", "authority"]),
    default="host",
    show_default=True,
    help="host: exactly this certificate. authority: the peer's own CA, for its domains alone.",
)
@vouching(
    fingerprint_help="What the peer read out to you (SHA-256 of the certificate or its key). "
    "Without a value: asks. Without the option: the pin is pending."
)
@json_option
@click.pass_obj
def add(
    call: Invocation,
    files: tuple[str, ...],
    peer: str | None,
    domains: tuple[str, ...],
    mx_hosts: tuple[str, ...],
    role: str,
    fingerprint: str | None,
    vouched_by: str | None,
    via: str,
    note: str,
    expires: str | None,
    as_json: bool,
) -> None:
    """Add a peer's certificate: PEM, DER, or what openssl s_client printed.

    The first certificate is the peer's; the others are kept as the chain it
    presented, and trusted for nothing. FILE may be - for standard input.

    \b
    trustctl add peer.pem --peer foo --domain foo.test \\
        --fingerprint AA:BB:... --vouched-by 'Ann <ann@bar.test>' --via phone
    """
    from trustctl.facts.addition import Addition
    from trustctl.facts.names import parse_domain, parse_host, parse_peer_name

    evidence = _read(files)
    leaf, chain = evidence[0], tuple(evidence[1:])
    vouch = (
        None
        if fingerprint is None
        else new_vouch(vouched_by, via, note, expires, actor=call.actor, now=call.now)
    )
    names = tuple(parse_domain(one) for one in domains)
    hosts = tuple(parse_host(one) for one in mx_hosts)
    if peer is None:
        peer, names = _propose(leaf, names, files[0])
    peer = parse_peer_name(peer)
    if fingerprint is not None:
        named = [word for one in names for word in ("--domain", one)]
        command = typed("add", *files, "--peer", peer, *named, "--fingerprint", "AA:BB:...")
        compare(fingerprint, leaf.facts, where=files[0], command=command)
    addition = Addition(
        peer=peer,
        domains=names,
        role="authority" if role == "authority" else "host",
        certificate=leaf,
        chain=chain,
        mx_hosts=hosts,
        vouches=() if vouch is None else (vouch,),
    )
    _check_role(addition, files[0])
    from trustctl.inventory.additions import Additions  # heavy, and what is refused needs it not

    with call.writing(create=True) as tx:
        added = Additions(tx).add(addition)
        row = _row(tx, added, call.now)
    _show(added, addition, row, as_json=as_json)


def _read(files: tuple[str, ...]) -> list[Evidence]:
    from trustctl.facts.addition import Evidence
    from trustctl.facts.certificate import parse_certificate
    from trustctl.intake.pem import split_certificates
    from trustctl.intake.source import read_source

    if files.count("-") > 1:
        raise UsageError("- (standard input) can be read once", "give each file once")
    found: dict[str, Evidence] = {}
    for file in files:
        for der in split_certificates(read_source(file), file):
            facts = parse_certificate(der)
            found.setdefault(facts.fingerprint, Evidence(facts, der))
    return list(found.values())


def _propose(leaf: Evidence, domains: tuple[str, ...], file: str) -> tuple[str, tuple[str, ...]]:
    """Ask for the peer's name and domain, proposing what the certificate's names suggest."""
    from trustctl.facts.names import (
        parse_domain,
        parse_peer_name,
        propose_domain,
        propose_peer_name,
    )

    if not on_terminal():
        raise UsageError(
            "--peer is missing: whose certificate is this?",
            f"{typed('add', file)} --peer NAME --domain DOMAIN --fingerprint AA:BB:...",
        )
    name = ask("Peer's name", parse_peer_name, default=propose_peer_name(leaf.facts.names))
    if not domains:
        domains = ask(
            "Its mail domains (space between; - for none)",
            lambda answer: tuple(parse_domain(one) for one in answer.split() if one != "-"),
            default=propose_domain(leaf.facts.names) or "-",
        )
    return name, domains


def _check_role(addition: Addition, file: str) -> None:
    facts = addition.certificate.facts
    if addition.role == "authority" and facts.is_ca is False:
        raise UsageError(
            f"{file}: this certificate is no CA (CA:FALSE), so it cannot have the role authority",
            "leave --role out: exactly this certificate is pinned then",
        )


def _row(tx: WriteTransaction, added: Added, now: int) -> Row:
    """The pin as it stands now, with what policy says of it."""
    from trustctl.commands.row import Row
    from trustctl.inventory import snapshot
    from trustctl.inventory.settings import read_settings

    tx.flush()
    settings = read_settings(tx.connection)
    (peer,) = snapshot.read_peers(tx.connection, where=snapshot.named(added.peer))
    return next(Row(peer, pin, settings, now) for pin in peer.pins if pin.id == added.pin_id)


def _show(added: Added, addition: Addition, row: Row, *, as_json: bool) -> None:
    from trustctl import render
    from trustctl.facts.fingerprint import spoken

    facts = addition.certificate.facts
    if as_json:
        render.as_json(
            {
                "peer": added.peer,
                "fingerprint": added.fingerprint,
                "role": addition.role,
                "changed": added.changed,
                "new_peer": added.new_peer,
                "new_pin": added.new_pin,
                "new_domains": list(added.new_domains),
                "new_vouches": added.new_vouches,
                "state": row.state,
                "reasons": row.reasons(),
                "shared_with": list(added.shared_with),
            }
        )
    else:
        what = "added" if added.new_pin else "already there"
        if not added.new_pin and added.changed:
            what = "updated"
        vouchers = ", ".join(one.voucher for one in addition.vouches)
        render.line(f"{what}: {added.peer}, role {addition.role}")
        render.fields(
            [
                ("domains", " ".join(addition.domains) or "none given"),
                ("fingerprint", spoken(added.fingerprint).splitlines()),
                ("vouched by", vouchers or "nobody in this call"),
                ("state", row.state),
            ]
        )
    for problem in facts.problems:
        render.note(f"note: {problem}")
    for other in added.shared_with:
        render.note(f"note: the peer {other} has the same key pinned")
    if row.state == "pending":
        render.note(
            "note: pending, and never exported until somebody vouches for it:",
            f"      {typed('vouch', added.peer, '--fingerprint')}",
        )
    elif row.state == "trusted" and not addition.vouches:
        render.note("note: trusted by what people said of it before; trustctl show tells who")
    elif row.state != "trusted":
        for reason in row.reasons():
            render.note(f"note: not trusted: {reason['text']}")
    if not row.peer.domains:
        render.note("note: no --domain: it is in the bundle alone, no mail is protected by it")
