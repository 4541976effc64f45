"""One call of the command line: where the inventory is, who calls, and when."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeVar

import click

from trustctl.errors import ConfirmationError

if TYPE_CHECKING:
    from pathlib import Path

    from trustctl.inventory.transaction import Transaction, WriteTransaction

T = TypeVar("T")


class Invocation:
    """Handed to every command. ``now``: the moment of the call, seconds since 1970 UTC."""

    def __init__(self, db: str | None) -> None:
        self._db = db
        self.now = int(time.time())

    @property
    def path(self) -> Path:
        """The inventory's file."""
        from trustctl.inventory.location import locate

        return locate(self._db)

    @property
    def actor(self) -> str:
        """Who makes the change: the user behind sudo, else the user of this process."""
        return invoking_user()

    def reading(self) -> AbstractContextManager[Transaction]:
        """A read transaction on the inventory."""
        from trustctl.inventory.transaction import reading

        return reading(self.path)

    def writing(self, *, create: bool = False) -> AbstractContextManager[WriteTransaction]:
        """A write transaction on the inventory, with the journal."""
        from trustctl.inventory.transaction import writing

        return writing(self.path, self.actor, self.now, create=create)


def invoking_user() -> str:
    """The login name of the person who typed the command (``SUDO_USER`` where sudo set it)."""
    import pwd

    from trustctl.errors import UsageError
    from trustctl.facts.names import parse_voucher

    # only root's environment is sudo's: anybody else could claim any name in it
    name = os.environ.get("SUDO_USER") if os.geteuid() == 0 else None
    if not name:
        try:
            name = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            name = f"uid {os.getuid()}"
    try:
        return parse_voucher(name)
    except UsageError:
        return f"uid {os.getuid()}"


def on_terminal() -> bool:
    """Whether a person can be asked: stdin and stderr are terminals."""
    try:
        return sys.stdin.isatty() and sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False


def ask(question: str, parse: Callable[[str], T], *, default: str | None = None) -> T:
    """What a person on the terminal answers, as ``parse`` reads it; asked again until it can."""
    from trustctl.errors import UsageError
    from trustctl.facts.text import printable

    def convert(answer: str) -> T:
        try:
            return parse(answer)
        except UsageError as error:
            hint = f"; {error.hint}" if error.hint else ""
            raise click.UsageError(printable(f"{error.message}{hint}")) from None

    answer: T = click.prompt(question, default=default, value_proc=convert, err=True)
    return answer


def typed(*words: str) -> str:
    """The command line of these words, as it may be pasted into a shell."""
    import shlex

    return shlex.join(("trustctl", *words))


def confirm(question: str, *, yes: bool, without_terminal: str) -> None:
    """Go on only if a person agrees.

    Args:
        yes: agreed beforehand. without_terminal: what to type where there is none to ask on.

    Raises:
        ConfirmationError: they did not agree, or nobody could be asked; nothing was changed.
    """
    if yes:
        return
    if not on_terminal():
        raise ConfirmationError(
            "this needs a person's agreement, and there is no terminal to ask on; "
            "nothing was changed",
            without_terminal,
        )
    from trustctl.facts.text import printable

    if not click.confirm(printable(question), default=False, err=True):
        raise ConfirmationError("not confirmed; nothing was changed")
