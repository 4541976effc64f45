"""``trustctl set``: who is trusted, what is dialled, who is told; what is asked of who sends."""

from __future__ import annotations

import click

from trustctl.commands.inbound import inbound_options
from trustctl.commands.invocation import Invocation


@click.command("set")
@click.argument("name", metavar="[NAME|PEER]", required=False)
@click.argument("value", required=False)
@inbound_options
@click.option("--no-allow-from", "nobody_else", is_flag=True, help="From no such network any more.")
@click.pass_obj
def set_(
    call: Invocation,
    name: str | None,
    value: str | None,
    inbound: str | None,
    relay: bool | None,
    networks: tuple[str, ...],
    nobody_else: bool,
) -> None:
    """Show the settings, change one, or say who may send as a peer.

    Without an argument: all of them, with what they mean. none unsets what
    need not be set. Each change is in the journal.

    \b
    trustctl set vouches_required 2
    trustctl set same_key_renewal accept
    trustctl set dial_allow '192.0.2.0/24 2001:db8::/32'
    trustctl set notify_mail postmaster@bar.example
    trustctl set foo --inbound require --allow-from 192.0.2.0/24
    """
    if inbound is not None or relay is not None or networks or nobody_else:
        _set_inbound(call, name, value, (inbound, relay, networks, nobody_else))
        return
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


def _set_inbound(
    call: Invocation,
    name: str | None,
    value: str | None,
    given: tuple[str | None, bool | None, tuple[str, ...], bool],
) -> None:
    from trustctl import render
    from trustctl.commands.inbound import set_inbound, told
    from trustctl.errors import UsageError
    from trustctl.facts.names import parse_peer_name
    from trustctl.policy.inbound import obstacle

    if name is None or value is not None:
        raise UsageError(
            "--inbound, --relay and --allow-from are about one peer",
            "trustctl set PEER --inbound require",
        )
    mode, relay, networks, nobody_else = given
    with call.writing() as tx:
        peer, changed = set_inbound(
            tx, parse_peer_name(name), mode, relay, networks, nobody_else=nobody_else
        )
    render.line(f"{peer.name}: inbound {peer.inbound.mode}{'' if changed else ' (as it was)'}")
    for one in told(peer.inbound):
        render.line(f"  {one}")
    why = obstacle(peer)
    if why is not None:
        render.note(f"warning: {why}")
    if changed:
        render.note("note: it takes effect with the next export: trustctl export --reload")
