"""``trustctl ca list`` and ``ca show``: the authorities, and what they issued."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trustctl.commands.ca.keys import ca_option
from trustctl.commands.invocation import Invocation
from trustctl.commands.options import json_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustctl.facts.issuance import Authority, Issuance


@click.command("list", short_help="List what the CA issued.")
@click.option("--expiring", metavar="TIME", help="Only those that end within: 30d, or a date.")
@click.option("--host", metavar="TEXT", help="Only hosts whose name holds this.")
@click.option("--revoked", is_flag=True, help="Only those that are revoked.")
@click.option("--all", "everything", is_flag=True, help="Also expired, revoked and unfinished.")
@click.option("--authorities", "only_cas", is_flag=True, help="The CAs themselves.")
@ca_option
@json_option
@click.pass_obj
def list_(
    call: Invocation,
    expiring: str | None,
    host: str | None,
    revoked: bool,
    everything: bool,
    only_cas: bool,
    hierarchy: str | None,
    as_json: bool,
) -> None:
    """List what the CA issued: host, profile, state, expiry, serial number."""
    from trustctl import render
    from trustctl.commands.ca import work
    from trustctl.facts.moment import format_date, parse_moment
    from trustctl.inventory import authorities, issuances

    with call.reading() as tx:
        name = None if hierarchy is None else work.pick(tx.connection, hierarchy)
        cas = authorities.authorities(tx.connection, hierarchy=name)
        found: list[Issuance] = []
        if not only_cas:
            found = issuances.search(
                tx.connection,
                issuers=None if name is None else [one.spki for one in cas],
                until=None if expiring is None else parse_moment(expiring, call.now),
                after=None if everything or revoked else call.now,
                host=host,
                revoked=True if revoked else None if everything else False,
                unfinished=everything,
            )
    rows = found if everything else [one for one in found if one.hosts]
    if as_json:
        shown = [_authority_json(one) for one in cas] if only_cas else [to_json(o) for o in rows]
        render.as_json(shown)
        return
    if only_cas:
        render.table(
            ["CA", "HELD TO", "STATE", "EXPIRES", "FINGERPRINT"],
            [
                [
                    one.name,
                    "-" if one.permitted is None else " ".join(one.permitted),
                    "signs" if one.retired_at is None else "retired",
                    format_date(one.not_after),
                    one.fingerprint[:8].upper(),
                ]
                for one in cas
            ],
            flexible=1,
        )
        return
    if not rows:
        render.note("nothing to list" + ("" if everything else " (--all shows everything)"))
    render.table(
        ["HOST", "PROFILE", "STATE", "EXPIRES", "SERIAL"],
        [
            [
                one.subject,
                one.profile,
                state(one, call.now),
                format_date(one.not_after),
                one.serial[:8].upper(),
            ]
            for one in rows
        ],
    )


def state(one: Issuance, now: int) -> str:
    """One word: what became of it."""
    if one.fingerprint is None:
        return "unfinished"
    if one.revoked_at is not None:
        return "revoked"
    return "expired" if one.not_after < now else "valid"


def to_json(one: Issuance) -> dict[str, Any]:
    """The documented keys of an issuance (share/doc/json.md)."""
    from trustctl.facts.moment import format_moment

    return {
        "host": one.subject,
        "names": list(one.hosts),
        "profile": one.profile,
        "serial": one.serial,
        "fingerprint": one.fingerprint,
        "spki": one.spki,
        "issuer_spki": one.issuer,
        "not_before": format_moment(one.not_before),
        "not_after": format_moment(one.not_after),
        "issued_at": format_moment(one.at),
        "issued_by": one.by,
        "tbs_sha256": one.tbs_sha256,
        "revoked_at": None if one.revoked_at is None else format_moment(one.revoked_at),
        "revoked_reason": one.revoked_reason,
    }


def _authority_json(one: Authority) -> dict[str, Any]:
    from trustctl.facts.moment import format_moment

    return {
        "ca": one.name,
        "kind": one.kind,
        "subject": one.subject,
        "fingerprint": one.fingerprint,
        "spki": one.spki,
        "key": one.key.partition(":")[0],
        "permitted": None if one.permitted is None else list(one.permitted),
        "not_before": format_moment(one.not_before),
        "not_after": format_moment(one.not_after),
        "retired_at": None if one.retired_at is None else format_moment(one.retired_at),
    }


@click.command(short_help="Show all about a certificate of the CA.")
@click.argument("subject", metavar="SERIAL|HOST")
@click.option("--words", is_flag=True, help="Fingerprints as words too, to be read aloud.")
@json_option
@click.pass_obj
def show(call: Invocation, subject: str, words: bool, as_json: bool) -> None:
    """Show everything about what the CA issued for a host, or under a serial."""
    from trustctl import render
    from trustctl.facts.fingerprint import spoken
    from trustctl.facts.moment import format_moment
    from trustctl.facts.words import grid
    from trustctl.inventory import issuances

    with call.reading() as tx:
        found = issuances.find(tx.connection, subject)
    if as_json:
        render.as_json([to_json(one) for one in found])
        return
    for index, one in enumerate(found):
        if index:
            render.line()
        pairs: list[tuple[str, str | Sequence[str]]] = [
            ("host", one.hosts or one.subject),
            ("profile", one.profile),
            ("state", state(one, call.now)),
            ("valid", f"{format_moment(one.not_before)} to {format_moment(one.not_after)}"),
            ("serial", one.serial.upper()),
            ("fingerprint", spoken(one.fingerprint or "").splitlines()),
            *([("in words", grid(one.fingerprint))] if words and one.fingerprint else []),
            ("key (SPKI)", spoken(one.spki).splitlines()),
            ("issued", f"{format_moment(one.at)} by {one.by}"),
        ]
        if one.revoked_at is not None:
            pairs.append(("revoked", f"{format_moment(one.revoked_at)}: {one.revoked_reason}"))
        render.fields(pairs)
