"""Compares a certificate with what its owner reads out; the answer is never shown first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.invocation import ask, on_terminal
from trustctl.commands.options import ASK
from trustctl.errors import MismatchError, UsageError

if TYPE_CHECKING:
    from trustctl.facts.certificate import CertificateFacts
    from trustctl.facts.fingerprint import GivenFingerprint


def compare(given_text: str, facts: CertificateFacts, *, where: str, command: str) -> str:
    """Compare; return ``certificate`` or ``spki``: what the person's value names.

    Args:
        given_text: the option's value; ``ASK`` asks on the terminal.
        where: the certificate's source, for messages. command: what to type without a terminal.

    Raises:
        UsageError: the value is no SHA-256 fingerprint, or nobody can be asked.
        MismatchError: it is another certificate's.
    """
    from trustctl.facts.fingerprint import matches

    given = given_by(given_text, command=command)
    matched = matches(given, facts.fingerprint, facts.spki)
    if matched is None:
        raise mismatch(given, facts, where=where)
    return matched


def given_by(given_text: str, *, command: str) -> GivenFingerprint:
    """What the person gave, or gives now where it is ``ASK``; arguments and errors as above."""
    from trustctl.facts.fingerprint import parse_fingerprint

    return _ask(command) if given_text == ASK else parse_fingerprint(given_text)


def mismatch(given: GivenFingerprint, facts: CertificateFacts, *, where: str) -> MismatchError:
    """The error that shows both, aligned so that an eye finds the difference."""
    from trustctl.facts.fingerprint import difference

    actual = facts.spki if given.kind == "spki" and facts.spki else facts.fingerprint
    return MismatchError(
        f"{where}: this is not the certificate of that fingerprint; nothing was stored",
        "do not trust it: ask the peer for the fingerprint again, over another channel",
        details=difference(given.value, actual),
    )


def _ask(command: str) -> GivenFingerprint:
    from trustctl.facts.fingerprint import parse_fingerprint

    if not on_terminal():
        raise UsageError(
            "--fingerprint without a value asks a person, and there is no terminal", command
        )
    click.echo(
        "Type or paste the SHA-256 fingerprint that the peer reads out to you\n"
        "(64 hex digits, or 24 words; colons, spaces and case do not matter).",
        err=True,
    )
    return ask("Fingerprint", parse_fingerprint)
