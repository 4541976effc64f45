"""``trustctl check``: would this be accepted for that domain now, and who says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.invocation import Invocation
from trustctl.commands.options import json_option

if TYPE_CHECKING:
    from trustctl.facts.certificate import CertificateFacts
    from trustctl.facts.records import Peer, Revocation
    from trustctl.policy.check import Answer

_WORDS = {
    "protected": "protected: mail goes to the pinned certificates below, or waits",
    "waiting": "protected, and no pin is trusted: its mail WAITS",
    "unprotected": "NOT protected: ordinary delivery, verified by nobody",
    "accepted": "accepted: it is pinned",
    "conditional": "accepted on a condition",
    "refused": "refused: the mail would wait",
}


@click.command(short_help="Ask whether a domain is protected, a certificate accepted.")
@click.argument("domain")
@click.option("--certificate", "file", metavar="FILE", help="Would this certificate be accepted?")
@click.option("--at", metavar="TIME", help="At another moment: 2027-01-01, or +60d.")
@json_option
@click.pass_context
def check(ctx: click.Context, domain: str, file: str | None, at: str | None, as_json: bool) -> None:
    """Ask what the policy says of a domain, and of a certificate for it.

    Exit code 0 for a plain yes, 1 for everything else.

    \b
    trustctl check foo.test --certificate presented.pem
    """
    from trustctl.facts.moment import parse_moment
    from trustctl.facts.names import parse_domain
    from trustctl.inventory import snapshot
    from trustctl.inventory.settings import read_settings
    from trustctl.policy.check import check_domain

    call: Invocation = ctx.obj
    name = parse_domain(domain)
    now = call.now if at is None else parse_moment(at, call.now)
    leaf: CertificateFacts | None = None
    chain: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()
    revocation: Revocation | None = None
    if file is not None:
        leaf, chain = _read(file)
    with call.reading() as tx:
        settings = read_settings(tx.connection)
        owner = next(snapshot.read_peers(tx.connection, where=snapshot.owns(name)), None)
        if leaf is not None:
            from trustctl.inventory import pins, revocations

            prints = (leaf.fingerprint, *chain)
            revoked = revocations.of_certificates(tx.connection, prints)
            revocation = next((revoked[one] for one in prints if one in revoked), None)
            elsewhere = pins.peers_with(tx.connection, leaf.fingerprint)
    answer = check_domain(
        name,
        owner,
        settings,
        now,
        leaf,
        elsewhere=tuple(one for one in elsewhere if owner is None or one != owner.name),
        chain=chain,
        revocation=revocation,
    )
    _show(answer, leaf, owner, as_json=as_json)
    if not answer.yes:
        ctx.exit(1)


def _read(file: str) -> tuple[CertificateFacts, tuple[str, ...]]:
    import hashlib

    from trustctl.facts.certificate import parse_certificate
    from trustctl.intake.pem import split_certificates
    from trustctl.intake.source import read_source

    found = split_certificates(read_source(file), file)
    return parse_certificate(found[0]), tuple(hashlib.sha256(one).hexdigest() for one in found[1:])


def _show(
    answer: Answer, leaf: CertificateFacts | None, owner: Peer | None, *, as_json: bool
) -> None:
    from trustctl import render
    from trustctl.commands.inbound import as_json as inbound_json
    from trustctl.commands.inbound import told
    from trustctl.facts.fingerprint import short, spoken
    from trustctl.facts.moment import format_date
    from trustctl.facts.records import NO_INBOUND
    from trustctl.policy.trust import state

    inbound = NO_INBOUND if owner is None else owner.inbound

    if as_json:
        render.as_json(
            {
                "domain": answer.domain,
                "peer": answer.peer,
                "outcome": answer.outcome,
                "accepted": answer.yes,
                **inbound_json(inbound),
                "reasons": list(answer.reasons),
                "certificate": None if leaf is None else leaf.fingerprint,
                "by": None if answer.by is None else answer.by.certificate.fingerprint,
                "pins": [
                    {
                        "fingerprint": pin.certificate.fingerprint,
                        "role": pin.role,
                        "state": state(verdict),
                        "vouched_by": [one.voucher for one in verdict.vouches],
                    }
                    for pin, verdict in answer.pins
                ],
            }
        )
        return
    render.line(f"{answer.domain}: {_WORDS[answer.outcome]}")
    pairs: list[tuple[str, str | list[str]]] = [("peer", answer.peer or "none")]
    if leaf is not None:
        pairs.append(("certificate", spoken(leaf.fingerprint).splitlines()))
    pairs += [("because", one) for one in answer.reasons]
    if inbound.mode != "off":
        pairs.append(("inbound", told(inbound)))
    for pin, verdict in answer.pins:
        end = pin.certificate.not_after
        lines = [f"{short(pin.certificate.fingerprint)}, {pin.role}, {state(verdict)}"]
        lines[0] += "" if end is None else f", to {format_date(end)}"
        lines += [f"vouched by {one.voucher}, {one.channel}" for one in verdict.vouches]
        pairs.append(("pin" if pin is not answer.by else "by pin", lines))
    render.fields(pairs)
