"""``trustctl announce``: a peer's next certificate, held beside the present one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.adding import read_evidence, show_added, stored_row
from trustctl.commands.fingerprint import compare
from trustctl.commands.invocation import Invocation, typed
from trustctl.commands.options import json_option, new_vouch, vouching
from trustctl.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustctl.facts.certificate import CertificateFacts
    from trustctl.facts.records import Peer, Pin


@click.command(short_help="Hold a peer's next certificate beside the present one.")
@click.argument("peer", metavar="PEER")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--from",
    "begins",
    required=True,
    metavar="DATE",
    help="When the peer begins to present it: 2027-03-01, or 30d from now.",
)
@click.option(
    "--auto-retire",
    "auto_retire_days",
    type=click.IntRange(0, 365),
    metavar="DAYS",
    help="Retire the others when probes saw this one alone for so many days. [default: a person "
    "does that]",
)
@click.option(
    "--replaces",
    multiple=True,
    metavar="FINGERPRINT",
    help="A pin that it is to replace, eight digits or more. Repeatable. [default: the peer's one "
    "pin, or those that share a host name with it]",
)
@vouching(
    fingerprint_help="What the peer read out to you (SHA-256 of the certificate or its key). "
    "Without a value: asks. Without the option: the pin is pending."
)
@json_option
@click.pass_obj
def announce(
    call: Invocation,
    peer: str,
    files: tuple[str, ...],
    begins: str,
    auto_retire_days: int | None,
    replaces: tuple[str, ...],
    fingerprint: str | None,
    vouched_by: str | None,
    via: str,
    note: str,
    expires: str | None,
    as_json: bool,
) -> None:
    """Hold a peer's next certificate beside the present one.

    Exports carry both from now on, so that no mail waits whenever the peer
    changes over. A probe that sees the next one at every host says that the
    others may be retired; --auto-retire lets it do so.

    \b
    trustctl announce foo next.pem --from 2027-03-01 --auto-retire 14 \\
        --fingerprint AA:BB:... --vouched-by 'Ann <ann@bar.test>' --via phone
    """
    from trustctl.facts.addition import Addition
    from trustctl.facts.moment import parse_moment
    from trustctl.facts.names import parse_peer_name

    leaf, *chain = read_evidence(files)
    begins_at = parse_moment(begins, call.now)
    vouch = (
        None
        if fingerprint is None
        else new_vouch(vouched_by, via, note, expires, actor=call.actor, now=call.now)
    )
    peer = parse_peer_name(peer)
    if fingerprint is not None:
        options = ["--from", begins, "--fingerprint", "AA:BB:..."]
        command = typed("announce", peer, *files, *options)
        compare(fingerprint, leaf.facts, where=files[0], command=command)
    addition = Addition(
        peer=peer,
        domains=(),
        role="host",
        certificate=leaf,
        chain=tuple(chain),
        vouches=() if vouch is None else (vouch,),
    )
    from trustctl.inventory import announcements, pins, snapshot
    from trustctl.inventory.additions import Additions

    with call.writing() as tx:
        pins.peer_id(tx.connection, peer)
        (known,) = snapshot.read_peers(tx.connection, where=snapshot.named(peer))
        replaced = _replaced(known, leaf.facts, replaces)
        added = Additions(tx).add(addition)
        announcements.announce(
            tx, added.pin_id, [one.id for one in replaced], begins_at, auto_retire_days
        )
        row = stored_row(tx, added, call.now)
        said = next(one for one in announcements.of_peers(tx.connection) if one.pin == added.pin_id)
    show_added(added, addition, row, as_json=as_json, announced=(said, replaced))
    _tell_gaps(leaf.facts, replaced, begins_at)


def _replaced(peer: Peer, facts: CertificateFacts, given: Sequence[str]) -> list[Pin]:
    """The pins that it is to replace: those that were named, or those that can be meant.

    Raises:
        ConflictError: there is none. UsageError: which ones is not clear, or one is an authority's.
    """
    from trustctl.facts.fingerprint import short

    others = [
        one
        for one in peer.pins
        if one.retired_at is None and one.certificate.fingerprint != facts.fingerprint
    ]
    if given:
        return list(
            {one.id: one for text in given for one in [_named(text, peer, others)]}.values()
        )
    hosts = [one for one in others if one.role == "host"]
    if not hosts:
        raise ConflictError(
            f"{peer.name} has no other pin that this one could replace",
            f"trustctl add FILE --peer {peer.name} --fingerprint adds it as it is",
        )
    names = {one.lower() for one in facts.names}
    shared = [one for one in hosts if names & {each.lower() for each in one.certificate.names}]
    if len(hosts) > 1 and not shared:
        listed = ", ".join(short(one.certificate.fingerprint) for one in hosts)
        raise UsageError(
            f"{peer.name} has {len(hosts)} pins ({listed}), none of which shares a name with this "
            "certificate; say which it replaces",
            f"--replaces {hosts[0].certificate.fingerprint[:16]}",
        )
    return shared if len(hosts) > 1 else hosts


def _named(text: str, peer: Peer, pins: Sequence[Pin]) -> Pin:
    from trustctl.facts.fingerprint import short
    from trustctl.facts.text import printable
    from trustctl.inventory.pins import fingerprint_prefix

    prefix = fingerprint_prefix(text)
    found = [one for one in pins if prefix and one.certificate.fingerprint.startswith(prefix)]
    if len(found) != 1:
        what = "no other active pin" if not found else f"{len(found)} pins"
        raise ConflictError(
            f"--replaces {printable(text, 70)}: {peer.name} has {what} of that fingerprint",
            f"trustctl show {peer.name}",
        )
    if found[0].role != "host":
        raise UsageError(
            f"--replaces: {short(found[0].certificate.fingerprint)} is the peer's authority, which "
            "no host's certificate replaces",
            f"trustctl add CA.pem --peer {peer.name} --role authority",
        )
    return found[0]


def _tell_gaps(facts: CertificateFacts, replaced: Sequence[Pin], begins_at: int) -> None:
    """Note where neither the present nor the next certificate is valid."""
    from trustctl import render
    from trustctl.facts.fingerprint import short
    from trustctl.facts.moment import format_date

    if facts.not_before is not None and facts.not_before > begins_at:
        render.note(f"note: it is valid from {format_date(facts.not_before)} on, which is later")
    for one in replaced:
        end = one.certificate.not_after
        if end is not None and end < begins_at:
            ended = f"{short(one.certificate.fingerprint)} ends on {format_date(end)}"
            render.note(f"note: {ended}, before the next one begins")
