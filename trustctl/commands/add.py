"""``trustctl add``: a peer's certificate into the inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.adding import read_evidence, show_added, stored_row
from trustctl.commands.fingerprint import compare
from trustctl.commands.inbound import inbound_options, set_inbound
from trustctl.commands.invocation import Invocation, ask, on_terminal, typed
from trustctl.commands.options import json_option, new_vouch, vouching
from trustctl.errors import UsageError

if TYPE_CHECKING:
    from trustctl.facts.addition import Addition, Evidence


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
@inbound_options
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
    inbound: str | None,
    relay: bool | None,
    networks: tuple[str, ...],
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

    evidence = read_evidence(files)
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
        if inbound is not None or relay is not None or networks:
            set_inbound(tx, added.peer, inbound, relay, networks)
        row = stored_row(tx, added, call.now)
    show_added(added, addition, row, as_json=as_json)


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
