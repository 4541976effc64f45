"""Options that several commands share, so that they read and mean the same everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from trustctl.facts.addition import NewVouch

ASK = "?"
"""What ``--fingerprint`` holds when it is given without a value: ask a person for it."""

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def vouching(*, fingerprint_help: str) -> Decorator:
    """``--fingerprint[=VALUE] --vouched-by --via --note --expires``."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(
            (
                click.option(
                    "--fingerprint",
                    "fingerprint",
                    is_flag=False,
                    flag_value=ASK,
                    metavar="[VALUE]",
                    help=fingerprint_help,
                ),
                click.option(
                    "--vouched-by",
                    metavar="PERSON",
                    help="Who says so. [default: the invoking user]",
                ),
                click.option(
                    "--via",
                    default="unspecified",
                    metavar="CHANNEL",
                    help="How it was learnt: in-person, phone, signed-mail, post, ...",
                ),
                click.option("--note", default="", metavar="TEXT", help="A note for the record."),
                click.option(
                    "--expires",
                    metavar="TIME",
                    help="When the vouch ends: 2027-12-31, or 365d from now.",
                ),
            )
        ):
            function = option(function)
        return function

    return decorate


def new_vouch(
    vouched_by: str | None, via: str, note: str, expires: str | None, *, actor: str, now: int
) -> NewVouch:
    """The vouch that the options describe, validated.

    Raises:
        UsageError: a name, channel, note or time that cannot be meant.
    """
    from trustctl.errors import UsageError
    from trustctl.facts.addition import NewVouch
    from trustctl.facts.moment import format_moment, parse_moment
    from trustctl.facts.names import parse_channel, parse_note, parse_voucher

    expires_at = None if expires is None else parse_moment(expires, now)
    if expires_at is not None and expires_at <= now:
        raise UsageError(
            f"--expires {expires}: {format_moment(expires_at)} has passed",
            "give a time to come: 2027-12-31, or 365d",
        )
    return NewVouch(
        voucher=actor if vouched_by is None else parse_voucher(vouched_by),
        channel=parse_channel(via),
        note=parse_note(note),
        expires_at=expires_at,
    )


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--json``."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON (its keys: share/doc/json.md)."
    )(function)


def yes_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--yes``."""
    return click.option("--yes", is_flag=True, help="Agree beforehand; for scripts.")(function)
