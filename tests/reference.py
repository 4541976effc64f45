"""Writes the reference of the command line, from the commands themselves.

python -m tests.reference > share/doc/cli.md
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator

import click

from trustctl import cli


def commands(
    group: click.Group = cli.root, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that call it, the root first."""
    context = click.Context(group)
    if not path:
        yield path, group
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def help_text(path: tuple[str, ...]) -> str:
    """What ``trustctl PATH --help`` prints on a terminal of 80 columns."""
    before, columns = sys.stdout, os.environ.get("COLUMNS")
    sys.stdout = said = io.StringIO()
    os.environ["COLUMNS"] = "80"
    try:
        assert cli.run([*path, "--help"]) == 0
    finally:
        sys.stdout = before
        del os.environ["COLUMNS"]
        if columns is not None:
            os.environ["COLUMNS"] = columns
    return said.getvalue()


def reference() -> str:
    """share/doc/cli.md."""
    parts = [
        "# The command line",
        "",
        "What `--help` says of each command. This page is made from the commands themselves:",
        "`python -m tests.reference > share/doc/cli.md`.",
        "Formats: [import.md](import.md), [json.md](json.md); [exit-codes.md](exit-codes.md).",
        "",
    ]
    for path, _command in commands():
        text = help_text(path).rstrip()
        parts += [f"## {' '.join(('trustctl', *path))}", "", "```text", text, "```", ""]
    return "\n".join(parts[:-1]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
