"""``trustctl generations``, ``rollback`` and ``uninstall``."""

from __future__ import annotations

import click

from trustctl.commands import debian, postfix
from trustctl.commands.invocation import Invocation, confirm, typed
from trustctl.commands.options import json_option, yes_option
from trustctl.commands.tree import FormatName

_FORMAT = FormatName()


@click.command(short_help="List the generations that lie at a target.")
@click.option("--of", "directory", metavar="DIR", help="The target's folder.")
@click.option("--format", "format_name", type=_FORMAT, help="The target's format.")
@json_option
@click.pass_obj
def generations(
    call: Invocation, directory: str | None, format_name: str | None, as_json: bool
) -> None:
    """List the generations that lie at a target; * marks the one in force."""
    from trustctl import render
    from trustctl.commands.compilation import choose
    from trustctl.facts.moment import format_moment
    from trustctl.publish import history
    from trustctl.publish.place import place_of

    with call.reading() as tx:
        where, kind = choose(directory, format_name, tx.connection)
    place = place_of(where, kind, call.path)
    found = history.generations(place)
    current = place.current_number()
    if as_json:
        render.as_json(
            [
                {
                    "number": one.number,
                    "current": one.number == current,
                    "created_at": format_moment(one.created_at),
                    "as_of": format_moment(one.as_of),
                    "journal_seq": one.checkpoint.seq,
                    "journal_hash": one.checkpoint.hash,
                    "peers": one.peers,
                    "domains": one.domains,
                    "manifest_sha256": one.manifest_sha256,
                }
                for one in found
            ]
        )
        return
    if not found:
        render.note(f"{where}: no generation")
        return
    render.table(
        ["", "GENERATION", "CREATED (UTC)", "PEERS", "DOMAINS", "JOURNAL"],
        [
            [
                "*" if one.number == current else "",
                str(one.number),
                format_moment(one.created_at)[:19].replace("T", " "),
                str(one.peers),
                str(one.domains),
                str(one.checkpoint.seq),
            ]
            for one in found
        ],
    )


@click.command(short_help="Put an earlier generation in force again.")
@click.argument("number", type=click.IntRange(1), required=False)
@click.option("--of", "directory", metavar="DIR", help="The target's folder.")
@click.option("--format", "format_name", type=_FORMAT, help="The target's format.")
@click.option("--force", is_flag=True, help="Also where files were edited by hand.")
@yes_option
@click.pass_obj
def rollback(
    call: Invocation,
    number: int | None,
    directory: str | None,
    format_name: str | None,
    force: bool,
    yes: bool,
) -> None:
    """Put an earlier generation in force again (default: the one before).

    It is read whole and compared with its manifest first. What was distrusted
    or retired since would be trusted again until the next export: this asks.
    """
    from trustctl import render
    from trustctl.commands.compilation import choose
    from trustctl.inventory import generations as recorded
    from trustctl.publish import history
    from trustctl.publish.place import place_of

    with call.reading() as tx:
        where, kind = choose(directory, format_name, tx.connection)
    place = place_of(where, kind, call.path)
    confirm(
        f"Bring back {'generation ' + str(number) if number else 'the earlier generation'} of "
        f"{where}? What was distrusted since would be trusted again.",
        yes=yes,
        without_terminal=typed(
            "rollback", *([] if number is None else [str(number)]), "--of", where, "--yes"
        ),
    )
    stored = history.rollback(place, number, force=force)
    postfix.rolled_back(place)
    debian.configure(place)
    with call.writing() as tx:
        recorded.record(tx, where, kind, recorded.row_of(stored), action="generation.rollback")
    render.line(f"{where}: generation {stored.number} is current again")
    render.note("note: the next export writes the inventory's state anew")


@click.command()
@click.option("--from", "directory", metavar="DIR", required=True, help="The target's folder.")
@click.option("--format", "format_name", type=_FORMAT, help="The target's format.")
@click.option("--force", is_flag=True, help="Also remove what was edited by hand.")
@yes_option
@click.pass_obj
def uninstall(
    call: Invocation, directory: str, format_name: str | None, force: bool, yes: bool
) -> None:
    """Remove all that trustctl wrote at a target, and nothing else.

    Exim is left as it was: mail goes back to ordinary delivery, and a key and
    certificate that 'ca issue --install' placed give way to those before. The
    inventory stays.
    """
    from trustctl import render
    from trustctl.commands.compilation import choose
    from trustctl.errors import TargetError
    from trustctl.inventory import generations as recorded
    from trustctl.publish import configuration, exim, history, presented
    from trustctl.publish.home import Home
    from trustctl.publish.place import place_of

    known = None
    if call.path.exists():
        with call.reading() as tx:
            where, kind = choose(directory, format_name, tx.connection)
            known = any(
                (one.path, one.format) == (where, kind) for one in recorded.targets(tx.connection)
            )
    else:
        where, kind = choose(directory, format_name, None)
    place = place_of(where, kind, call.path)
    home = Home(place.directory, place.group)
    peers, pair = place.exists or known, home.root.is_dir()
    if not peers and not pair:
        raise TargetError(f"{where}: trustctl has written nothing there")
    confirm(
        f"Remove trustctl from {where}?"
        + " Its peers' mail will be verified by nobody." * bool(peers)
        + " The key and certificate that Exim presents will be deleted." * pair,
        yes=yes,
        without_terminal=typed("uninstall", "--from", where, "--yes"),
    )
    if kind == "exim":
        found = configuration.site(place.directory)
        by_hand = configuration.edited(found)
        if by_hand and not force:
            raise TargetError(
                f"{by_hand[0]}: trustctl's part was edited by hand; nothing was removed",
                "look at it; --force removes it",
            )
        history.refuse_removal(place, force=force)
        # the configuration first: without its data it would hold all mail
        exim.withdraw(found, reload=True, group=place.group)
    if place.format == postfix.NAME:
        history.refuse_removal(place, force=force)
        postfix.withdraw(place)
    if place.format == debian.NAME:
        history.refuse_removal(place, force=force)
        debian.withdraw(place)
    left = history.remove(place, force=force)
    if pair:
        left += presented.withdraw(home)
    if known:
        with call.writing() as tx:
            recorded.forget(tx, where, kind)
    render.line(f"{where}: removed")
    for one in left:
        render.note(f"note: left, trustctl did not write it: {one}")
