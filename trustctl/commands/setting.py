"""``trustctl set``: who is trusted, what is dialled, who is told."""

from __future__ import annotations

import click

from trustctl.commands.invocation import Invocation


@click.command("set")
@click.argument("name", required=False)
@click.argument("value", required=False)
@click.pass_obj
def set_(call: Invocation, name: str | None, value: str | None) -> None:
    """Show the settings, or change one.

    Without an argument: all of them, with what they mean. none unsets what
    need not be set. Each change is in the journal.

    \b
    trustctl set vouches_required 2
    trustctl set same_key_renewal accept
    trustctl set dial_allow '192.0.2.0/24 2001:db8::/32'
    trustctl set notify_mail postmaster@bar.example
    """
    from trustctl import render
    from trustctl.errors import UsageError
    from trustctl.inventory import settings

    if name is None or value is None:
        with call.reading() as tx:
            found = settings.read_texts(tx.connection)
        if name is not None and name not in settings.NAMES:
            raise UsageError(
                f"there is no setting {name}", f"the settings are: {', '.join(settings.NAMES)}"
            )
        if name is None:
            render.fields(
                [
                    (one, [text or settings.UNSET, settings.meaning(one)])
                    for one, text in found.items()
                ]
            )
        else:
            render.fields([(name, found[name] or settings.UNSET)])
        return
    with call.writing(create=True) as tx:
        changed = settings.change(tx, name, value)
        tx.flush()
        stands = settings.read_texts(tx.connection)[name] or settings.UNSET
    render.line(f"{name} = {stands}" + ("" if changed else " (as it was)"))
    if changed and name in settings.OF_TRUST:
        render.note("note: it takes effect with the next export: trustctl export")
