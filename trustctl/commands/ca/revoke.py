"""``trustctl ca revoke``: what was issued is no longer to be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.ca.keys import ca_option
from trustctl.commands.invocation import Invocation, ask, confirm, on_terminal, typed
from trustctl.commands.options import yes_option
from trustctl.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from trustctl.facts.issuance import Authority, Issuance
    from trustctl.inventory.transaction import WriteTransaction

# inventory.issuances.REASONS, which would load the database's library (a test compares them)
REASONS = (
    "unspecified", "key-compromise", "ca-compromise", "affiliation-changed", "superseded",
    "cessation-of-operation", "privilege-withdrawn",
)  # fmt: skip
_SHOWN = 20


@click.command()
@click.argument("subject", metavar="SERIAL|HOST|CA")
@click.option(
    "--reason",
    type=click.Choice(REASONS),
    metavar="REASON",
    required=True,
    help=f"Why: {', '.join(REASONS)}.",
)
@click.option("--all", "everything", is_flag=True, help="All certificates of that host.")
@ca_option
@yes_option
@click.pass_obj
def revoke(
    call: Invocation,
    subject: str,
    reason: str,
    everything: bool,
    hierarchy: str | None,
    yes: bool,
) -> None:
    """Revoke a certificate that the CA issued, for good.

    It takes effect with the next export (trust sets, CRL and staples), and the
    next ca crl and ca ocsp. With key-compromise no certificate with the same
    key is trusted either. An issuing CA is named as main/issuing-1.

    \b
    trustctl ca revoke mx1.bar.test --reason superseded
    """
    from trustctl import render
    from trustctl.commands import ahead
    from trustctl.commands.ca import work
    from trustctl.inventory import authorities, issuances

    with call.reading() as tx:
        name = None if hierarchy is None else work.pick(tx.connection, hierarchy)
        cas = {one.fingerprint: one for one in authorities.authorities(tx.connection)}
        found = _find(tx.connection, subject, cas, name)
        below = {one.id: _below(tx.connection, one, cas, call.now) for one in found}
    found = _choose(found, subject, reason, everything=everything)
    for one in found:
        _refuse_root(one, cas)
    count = sum(below[one.id] for one in found)
    for one in found:
        render.note(f"{_shown(one)}" + (f": an issuing CA, {below[one.id]} certificates below it"
                    if below[one.id] or one.fingerprint in cas else ""))  # fmt: skip

    def change(tx: WriteTransaction) -> None:
        for one in found:
            # as it stands now: somebody else may have been quicker
            issuances.revoke(tx, issuances.read_ids(tx.connection, [one.id])[0], reason)
            ca = cas.get(one.fingerprint or "")
            if ca is not None and ca.retired_at is None:
                authorities.retire(tx, ca)

    ahead.tell(ahead.by_change(call, change), call.now)
    what = "this certificate" if len(found) == 1 else f"these {len(found)} certificates"
    confirm(
        f"Revoke {what} ({reason})" + (f" and all {count} below it?" if count else "?"),
        yes=yes,
        without_terminal=typed(
            "ca", "revoke", subject, "--reason", reason, *["--all"] * everything, "--yes"
        ),
    )
    with call.writing() as tx:
        change(tx)
    for one in found:
        render.line(f"revoked: {_shown(one)}, {reason}")
    render.note("note: in force with the next trustctl export; trustctl ca crl signs the list")


def _find(
    connection: Connection, subject: str, cas: dict[str, Authority], hierarchy: str | None
) -> list[Issuance]:
    from trustctl.inventory import issuances

    named = [one for one in cas.values() if subject in (one.name, one.subject)]
    if named:
        return issuances.search_fingerprints(connection, [one.fingerprint for one in named])
    found = issuances.find(connection, subject)
    if hierarchy is not None:
        spkis = {one.spki for one in cas.values() if one.hierarchy == hierarchy}
        found = [one for one in found if one.issuer in spkis]
        if not found:
            raise ConflictError(f"{subject}: {hierarchy} has issued no such certificate")
    return found


def _choose(
    found: Sequence[Issuance], subject: str, reason: str, *, everything: bool
) -> list[Issuance]:
    """Which of several certificates of one host is meant."""
    from trustctl import render

    if len(found) < 2 or everything:
        return list(found)
    if not on_terminal():
        more = [f"... and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        raise ConflictError(
            f"{subject} has {len(found)} certificates; say which, or --all",
            typed("ca", "revoke", found[0].serial, "--reason", reason),
            details=[*(_shown(one) for one in found[:_SHOWN]), *more],
        )
    for number, one in enumerate(found, 1):
        render.note(f"{number}: {_shown(one)}")

    def parse(answer: str) -> list[Issuance]:
        if answer.strip().lower() == "all":
            return list(found)
        text = answer.strip()
        if text.isascii() and text.isdigit() and 1 <= int(text) <= len(found):
            return [found[int(text) - 1]]
        raise UsageError(f"a number from 1 to {len(found)}, or all, is meant")

    return ask("Which one (or all)", parse)


def _refuse_root(one: Issuance, cas: dict[str, Authority]) -> None:
    ca = cas.get(one.fingerprint or "")
    if ca is not None and one.issuer == one.spki:
        raise UsageError(
            f"{ca.name} is a root: nobody is above it who could revoke it; nothing was changed",
            f"trustctl distrust {ca.fingerprint[:16]} --reason TEXT, and tell all who trust it",
        )


def _below(connection: Connection, one: Issuance, cas: dict[str, Authority], now: int) -> int:
    """How many certificates that have not expired an issuing CA's revocation takes with it."""
    from trustctl.inventory import issuances

    if one.fingerprint not in cas or one.issuer == one.spki:
        return 0
    return len(issuances.search(connection, issuers=[one.spki], after=now, revoked=False))


def _shown(one: Issuance) -> str:
    from trustctl.facts.moment import format_date
    from trustctl.facts.text import printable

    return f"{printable(one.subject)} {one.serial.upper()}, to {format_date(one.not_after)}"
