"""``trustctl foresee``: who breaks and when, if nothing is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.invocation import Invocation
from trustctl.commands.options import json_option

if TYPE_CHECKING:
    from trustctl.facts.foresight import Break


@click.command()
@click.option(
    "--days",
    type=click.IntRange(0, 36500),
    default=400,
    show_default=True,
    metavar="N",
    help="How far ahead to look.",
)
@click.option("--domain", metavar="DOMAIN", help="Only this domain, or this host of ours.")
@json_option
@click.pass_obj
def foresee(call: Invocation, days: int, domain: str | None, as_json: bool) -> None:
    """Say who breaks and when, if nothing is done.

    Every chain that is known, the peers' and our own hosts', is replayed now
    and at each moment at which a certificate, a vouch, a CRL or a staple ends.
    What breaks on the same day for the same reason shares a line.

    \b
    trustctl foresee --days 90
    """
    from trustctl import render
    from trustctl.facts.moment import format_moment

    found = _find(call, days, domain)
    if as_json:
        render.as_json_list(
            {
                "subject": one.subject,
                "at": format_moment(one.at),
                "until": None if one.until is None else format_moment(one.until),
                "kind": one.kind,
                "why": one.why,
                "cause": one.cause,
                "fix": one.fix,
            }
            for one in found
        )
        return
    if not found:
        render.line(f"nothing breaks within {days} days")
        return
    render.table(("FROM", "WHO", "WHY"), _rows(found, call.now), flexible=1)
    if any(one.renewable for one in found):
        render.note("note: an export signs CRLs and staples anew at half of their life")


def _find(call: Invocation, days: int, domain: str | None) -> list[Break]:
    from trustctl.commands.ahead import Lookout
    from trustctl.facts.names import parse_domain
    from trustctl.inventory import snapshot
    from trustctl.policy.foresight import soonest

    name = None if domain is None else parse_domain(domain)
    with call.reading() as tx:
        lookout = Lookout(tx.connection, call.now, days=days)
        lookout.look_at_all(None if name is None else snapshot.owns(name))
        lookout.look_at_hosts()
    return soonest(one for one in lookout.found if name in (None, one.subject))


def _rows(found: list[Break], now: int) -> list[tuple[str, str, str]]:
    """A row for each day and reason, in order of time."""
    from trustctl.facts.moment import format_date

    groups: dict[tuple[str, str], list[str]] = {}
    for one in found:
        when = "now" if one.at <= now else format_date(one.at)
        groups.setdefault((when, one.why), []).append(one.subject)
    return [
        (when, who[0] + (f" and {len(who) - 1} more" if len(who) > 1 else ""), why)
        for (when, why), who in groups.items()
    ]
