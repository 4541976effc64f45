"""``trustctl set``: the settings that change who is trusted."""

from __future__ import annotations

import click

from trustctl.commands.invocation import Invocation


@click.command("set")
@click.argument("name", required=False)
@click.argument("value", required=False)
@click.pass_obj
def set_(call: Invocation, name: str | None, value: str | None) -> None:
    """Show the settings, or change one.

    vouches_required (1 to 9, default 1): how many different people must vouch
    before a pin is trusted.

    \b
    trustctl set vouches_required 2
    """
    from trustctl import render
    from trustctl.errors import UsageError
    from trustctl.inventory import settings

    if name is None or value is None:
        with call.reading() as tx:
            found = settings.read_settings(tx.connection)
        if name is not None and name not in settings.NAMES:
            raise UsageError(
                f"there is no setting {name}", f"the settings are: {', '.join(settings.NAMES)}"
            )
        render.fields([(one, str(getattr(found, one))) for one in settings.NAMES])
        return
    with call.writing(create=True) as tx:
        changed = settings.change(tx, name, value)
    render.line(f"{name} = {value}" + ("" if changed else " (as it was)"))
    if changed:
        render.note("note: it takes effect with the next export: trustctl export")
