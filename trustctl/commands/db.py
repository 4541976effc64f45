"""``trustctl db``: looks after the inventory's file."""

from __future__ import annotations

import click

from trustctl.commands.invocation import Invocation


@click.group()
def db() -> None:
    """Upgrade, back up and check the inventory."""


@db.command()
@click.pass_obj
def upgrade(call: Invocation) -> None:
    """Bring an older inventory to this version, after a backup."""
    from trustctl import render
    from trustctl.inventory import upkeep

    done = upkeep.upgrade(call.path, call.now)
    if done is None:
        render.line(f"{call.path} is of this version already")
        return
    before, after, saved = done
    render.line(f"upgraded {call.path} from {before} to {after}; the backup is {saved}")


@db.command()
@click.argument("file", required=False, metavar="[FILE]")
@click.pass_obj
def backup(call: Invocation, file: str | None) -> None:
    """Write a consistent copy, also while others write.

    FILE must not exist. Default: beside the inventory, named after the time.
    """
    from pathlib import Path

    from trustctl import render
    from trustctl.inventory import upkeep

    saved = upkeep.backup(call.path, Path(file) if file else None, call.now)
    render.line(f"backed up to {saved}")


@db.command()
@click.pass_context
def check(ctx: click.Context) -> None:
    """Check the file, its references and its journal."""
    from trustctl import render
    from trustctl.inventory import upkeep, verify

    call: Invocation = ctx.obj
    with call.reading() as tx:
        problems = upkeep.check(tx.connection) or verify.verify(tx.connection)
    for one in problems:
        render.line(one)
    if problems:
        ctx.exit(1)
    render.line(f"{call.path} is sound: the file, its references and its journal")
