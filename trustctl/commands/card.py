"""``trustctl share-card``: what a partner needs to pin a server of ours."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

import click

from trustctl.commands.ca.keys import ca_option
from trustctl.commands.invocation import Invocation
from trustctl.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustctl.facts.card import Card

_FORMATS = ["text", "png", "pdf", "json"]
_WIDTH = 76


@click.command("share-card", short_help="Print what a partner needs to pin a server of yours.")
@click.argument("host", required=False)
@click.option(
    "--certificate",
    metavar="FILE",
    help="The card of this certificate (PEM or DER): one that another CA issued, or none.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(_FORMATS),
    default="text",
    show_default=True,
    help="For a mail or a terminal, to show, to print, for programs.",
)
@click.option("--out", metavar="FILE", help="Write it there (0644), never over a file.")
@click.option(
    "--domain",
    "domains",
    multiple=True,
    metavar="DOMAIN",
    help="A mail domain of yours, for the partner's command. Repeatable. [default: the host's]",
)
@click.option(
    "--peer", metavar="NAME", help="What the partner may call you. [default: from the domain]"
)
@ca_option
@click.pass_obj
def share_card(
    call: Invocation,
    host: str | None,
    certificate: str | None,
    kind: Literal["text", "png", "pdf", "json"],
    out: str | None,
    domains: tuple[str, ...],
    peer: str | None,
    hierarchy: str | None,
) -> None:
    """Print a card about the newest certificate of HOST, for a partner.

    The fingerprint in digits, in words and as a QR code, the certificate, and
    the commands that the partner types (share/doc/partners.md).

    \b
    trustctl share-card mx1.bar.test
    trustctl share-card mx1.bar.test --format pdf --out card.pdf
    trustctl share-card --certificate /etc/exim4/exim.crt
    """
    from trustctl import render
    from trustctl.commands.ca.output import write_new

    if out is None and kind in ("png", "pdf") and sys.stdout.isatty():
        raise UsageError(f"a {kind.upper()} is nothing for a terminal", f"--out card.{kind}")
    if certificate is not None:
        if hierarchy is not None:
            raise UsageError("--ca and --certificate do not go together", "leave one out")
        der, host = _read(certificate, host)
    else:
        der, host = _issued(call, host, hierarchy)
    card = _card(der, host, domains, peer, call.now)
    if out is None and kind == "text":
        _print(card)
        return
    content = _content(card, kind)
    if out is None:
        render.raw(content)
        return
    with write_new(out) as target:
        target.finish(content)
    render.line(f"written: {out}")


def _read(file: str, host: str | None) -> tuple[bytes, str]:
    """The first certificate of a file, and the host that it is for."""
    from trustctl import render
    from trustctl.facts.certificate import parse_certificate
    from trustctl.facts.names import parse_host
    from trustctl.intake.pem import split_certificates
    from trustctl.intake.source import read_source

    der = split_certificates(read_source(file), file)[0]
    names = _hosts(parse_certificate(der).names)
    if host is None:
        if not names:
            raise UsageError(
                f"{file}: the certificate names no host",
                f"trustctl share-card HOST --certificate {file}",
            )
        return der, names[0]
    host = parse_host(host)
    if host not in names:
        render.note(
            f"note: the certificate does not name {host}: who pins exactly this certificate takes "
            "it all the same"
        )
    return der, host


def _issued(call: Invocation, host: str | None, hierarchy: str | None) -> tuple[bytes, str]:
    """The newest certificate of a host of ours that stands."""
    from trustctl.commands.ca import work
    from trustctl.facts.names import parse_host
    from trustctl.inventory import authorities, issuances

    if host is None:
        raise UsageError("which host?", "trustctl share-card HOST, or --certificate FILE")
    host = parse_host(host)
    with call.reading() as tx:
        names = authorities.hierarchies(tx.connection)
        if hierarchy is not None:
            names = [work.pick(tx.connection, hierarchy)]
        issuers = {
            one.spki: one.hierarchy
            for one in authorities.authorities(tx.connection)
            if one.hierarchy in names
        }
        found = [
            one
            for one in issuances.search(
                tx.connection, issuers=list(issuers), after=call.now, host=None, revoked=False
            )
            if host in one.hosts
        ]
        if not found:
            raise ConflictError(
                f"{host}: the CA has issued no certificate that stands for it",
                f"trustctl ca issue {host} --out DIR, or --certificate FILE of another CA's",
            )
        several = sorted({issuers[one.issuer] for one in found})
        if len(several) > 1:
            raise UsageError(
                f"{host} has certificates of {len(several)} CAs ({', '.join(several)}); say which",
                f"--ca {several[0]}",
            )
        newest = found[-1]
        return issuances.ders(tx.connection, [newest])[newest.id], host


def _hosts(names: Sequence[str]) -> tuple[str, ...]:
    """Those of a certificate's names that are hosts' and nothing else."""
    from trustctl.errors import TrustctlError
    from trustctl.facts.names import parse_host

    found: dict[str, None] = {}
    for one in names:
        try:
            found[parse_host(one)] = None
        except TrustctlError:
            continue
    return tuple(found)


def _card(der: bytes, host: str, domains: tuple[str, ...], peer: str | None, now: int) -> Card:
    from trustctl import render
    from trustctl.facts.card import Card
    from trustctl.facts.certificate import parse_certificate
    from trustctl.facts.names import (
        parse_domain,
        parse_peer_name,
        propose_domain,
        propose_peer_name,
    )
    from trustctl.facts.pem import pem

    facts = parse_certificate(der)
    if facts.not_after is not None and facts.not_after < now:
        render.note("note: this certificate has ended: a partner who pins it gets no mail through")
    proposed = propose_domain([host])
    named = tuple(dict.fromkeys(parse_domain(one) for one in domains))
    if not named and proposed:
        named = (proposed,)
    name = propose_peer_name(named or [host]) if peer is None else parse_peer_name(peer)
    return Card(
        host=host,
        names=_hosts(facts.names),
        not_before=facts.not_before,
        not_after=facts.not_after,
        fingerprint=facts.fingerprint,
        spki=facts.spki,
        pem=pem(der).decode(),
        peer=name or "NAME",
        domains=named,
        made_at=now,
    )


def _content(card: Card, kind: str) -> bytes:
    """The card as a file."""
    from trustctl.export import card_page

    if kind == "pdf":
        return card_page.pdf(card)
    if kind == "png":
        return card_page.png(card)
    if kind == "json":
        return _json(card)
    from trustctl.export.card import text

    return text(card, _WIDTH).encode()


def _json(card: Card) -> bytes:
    """The documented keys of a card (share/doc/json.md)."""
    import json

    from trustctl.facts.moment import format_moment
    from trustctl.facts.words import to_words

    def moment(value: int | None) -> str | None:
        return None if value is None else format_moment(value)

    value = {
        "host": card.host,
        "names": list(card.names),
        "not_before": moment(card.not_before),
        "not_after": moment(card.not_after),
        "fingerprint": card.fingerprint,
        "words": list(to_words(card.fingerprint)),
        "code": card.code,
        "spki": card.spki,
        "pin": card.pin,
        "peer": card.peer,
        "domains": list(card.domains),
        "command": " ".join(card.add),
        "certificate": card.pem,
    }
    return (json.dumps(value, ensure_ascii=True, indent=2) + "\n").encode()


def _print(card: Card) -> None:
    """The card on a terminal, or into a mail."""
    from trustctl import render
    from trustctl.export import card as text

    for line in text.above(card):
        render.line(line)
    render.line()
    try:
        shown = render.blocks(text.half_blocks(text.matrix(card)))
    except UsageError as error:  # the rest of the card needs no library
        render.note(f"note: {error.message}: {error.hint}")
    else:
        if not shown:
            render.note("note: stdout cannot show a QR code: --format png, or a UTF-8 locale")
    for line in text.below(card, _WIDTH):
        render.line(line)
