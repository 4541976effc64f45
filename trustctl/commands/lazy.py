"""A group that imports a command's module when it is asked for, and not before."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from trustctl.errors import TrustctlError


class LazyGroup(click.Group):
    """Commands by name: the module below ``package`` and the attribute in it.

    A misspelt name gets the nearest one as a hint.
    """

    def __init__(
        self,
        *args: Any,
        package: str = "trustctl.commands",
        table: Mapping[str, tuple[str, str]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._package, self._table = package, table or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the table."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, its module imported now."""
        if cmd_name not in self._table:
            return None
        module, attribute = self._table[cmd_name]
        command: click.Command = getattr(
            importlib.import_module(f"{self._package}.{module}"), attribute
        )
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but for a name that is none."""
        if args and not args[0].startswith("-") and args[0] not in self._table:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self._table, n=1)
            path = ctx.command_path
            raise UnknownCommandError(
                f"there is no command {args[0]}",
                f"did you mean: {path} {near[0]}" if near else f"{path} --help",
            )
        return super().resolve_command(ctx, args)


class UnknownCommandError(TrustctlError):
    """No command has that name."""

    exit_code = 2
