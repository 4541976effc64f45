"""``trustctl export``: exactly the trusted peers, and nothing else, into a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands import debian, exim, postfix
from trustctl.commands.ca.keys import Keys, passphrase_option
from trustctl.commands.changes import SHOWN, say_plan, show_diff
from trustctl.commands.exporting import Export, glance, say_same
from trustctl.commands.invocation import Invocation
from trustctl.commands.options import yes_option
from trustctl.commands.tree import BUILT_IN, FormatName
from trustctl.errors import UsageError

if TYPE_CHECKING:
    from trustctl.publish.place import Place


@click.command()
@click.option("--to", "directory", metavar="DIR", help="The target's folder, such as /etc/exim4.")
@click.option(
    "--format",
    "format_name",
    type=FormatName(),
    help=f"One of {', '.join(BUILT_IN)}, or one that another package brings "
    "(share/doc/formats.md). [default: exim where DIR is an Exim's, else pem]",
)
@click.option("--dry-run", is_flag=True, help="Say what would change, write nothing.")
@click.option("--diff", is_flag=True, help="Show the entries that change.")
@click.option(
    "--reload", is_flag=True, help="Put it in force: check with Exim or Postfix, then reload it."
)
@click.option(
    "--finger",
    "fingers",
    multiple=True,
    metavar="DOMAIN",
    help="Then let Postfix's posttls-finger ask the domain's host, held to what is in force. It "
    "sends packets. Repeatable.",
)
@click.option("--at", metavar="TIME", help="Judge at another moment: 2027-01-01, or +60d.")
@click.option("--force", is_flag=True, help="Overwrite what was edited by hand.")
@click.option(
    "--sign/--no-sign", default=True, help="Sign our CA's CRLs and staples where they are due."
)
@click.option(
    "--password-file",
    metavar="FILE",
    help="Holds the password of a store that has one (pkcs12, jks). [default: asks]",
)
@click.option(
    "--only-peers/--with-public",
    "only_peers",
    default=None,
    help="Of the format debian: deselect all public CAs, or select again those that were. "
    "[default: as it is]",
)
@passphrase_option
@yes_option
@click.pass_context
def export(
    ctx: click.Context,
    directory: str | None,
    format_name: str | None,
    dry_run: bool,
    diff: bool,
    reload: bool,
    fingers: tuple[str, ...],
    at: str | None,
    force: bool,
    sign: bool,
    password_file: str | None,
    only_peers: bool | None,
    passphrase_file: str | None,
    yes: bool,
) -> None:
    """Write the trusted peers, and nothing else, for a mail server.

    The state is replaced in one step: a reader sees the old or the new one.
    With nothing changed, nothing is written. An Exim also gets the revocation
    lists of our own CA and the staples of our hosts, and other servers the
    lists; those that are due are signed, where the passphrase is to be had.

    \b
    trustctl export --to /etc/exim4 --reload
    trustctl export --to /etc/postfix --format postfix --reload
    trustctl export --to /etc/ssl/peers --format pem
    trustctl export --to /etc/peers.d --format openssl-dir
    trustctl export --format debian --only-peers
    """

    call: Invocation = ctx.obj
    begun = None
    asked = at or diff or dry_run or force or password_file or fingers or only_peers is not None
    if directory is not None and not asked:
        begun, same = glance(call, directory, format_name)
        if begun is not None and same and (begun.place.has_mta or not reload):
            say_same(begun.place)
            postfix.configure(begun.place, reload=reload)
            debian.configure(begun.place)
            if begun.place.is_exim:
                exim.configure(begun.place, reload=reload, force=False)
            return
    from trustctl import render
    from trustctl.commands.ca import compiled
    from trustctl.commands.compilation import choose
    from trustctl.commands.tree import refuse_shared, tree_of
    from trustctl.inventory import hierarchies
    from trustctl.publish.place import place_of

    as_of = _moment(at, call.now, dry_run=dry_run)
    with call.reading() as tx:
        ours = hierarchies.any_of_ours(tx.connection)
        where, kind = choose(directory, format_name, tx.connection)
        place = place_of(where, kind, call.path)
        if reload and not place.has_mta:
            raise UsageError("--reload is for Exim and Postfix; this has no server to reload")
        if only_peers is not None and kind != debian.NAME:
            raise UsageError(f"the format {kind} has no public CAs", "--format debian")
        if fingers and (kind != postfix.NAME or dry_run):
            raise UsageError("--finger is for Postfix, and for what is in force", "leave it out")
        postfix.refuse(place)
        debian.refuse(place)
        refuse_shared(tx.connection, place, call.path)
    tree = tree_of(call, place, password_file, only_peers=only_peers)
    remarks: list[str] = []
    signs = kind == "exim" if tree is None else tree.format.carries != "none"
    if signs and ours and not dry_run and sign:
        remarks = compiled.refresh(call, Keys(call, passphrase_file))
    if kind == "pem" and ours:
        with call.reading() as tx:
            remarks = compiled.untold(tx.connection, call.now)
    exporting = Export(call, place, where, as_of, tree, ours=ours, force=force, yes=yes)
    plan, ahead = exporting.plan(begun)
    if diff:
        show_diff(plan)
    if dry_run:
        say_plan(plan, ahead)
        if tree is not None:
            debian.preview(place, only_peers=tree.only_peers, diff=diff)
            render.note(*[*tree.notes, *tree.warnings][:SHOWN], *exporting.unheld[:SHOWN])
        return
    if plan.nothing_to_do:
        exporting.leave()
    else:
        exporting.publish(plan, ahead)
        if tree is not None:
            render.line(f"use: {tree.use(place)}")
            remarks += tree.notes
    if tree is not None:
        remarks += [*tree.warnings, *exporting.unheld]
    for one in remarks[:SHOWN]:
        render.note(f"warning: {one}")
    if kind == "exim":
        if ours:
            _refresh_staple(call, place)
        exim.configure(place, reload=reload, force=force)
    postfix.configure(place, reload=reload)
    debian.configure(place)
    if not postfix.finger(place, fingers):
        ctx.exit(1)


def _moment(at: str | None, now: int, *, dry_run: bool) -> int:
    from trustctl.facts.moment import parse_moment

    if at is None:
        return now
    moment = parse_moment(at, now)
    if moment < now and not dry_run:
        raise UsageError(
            f"--at {at}: exporting the past would trust what has ended since",
            "add --dry-run to look at it",
        )
    return moment


def _refresh_staple(call: Invocation, place: Place) -> None:
    from trustctl import render
    from trustctl.commands.ca.install import refresh_staple
    from trustctl.publish.home import Home

    if refresh_staple(call, Home(place.directory, place.group)):
        render.note(
            f"{place.directory}/exim.ocsp: the staple beside Exim's own certificate was replaced"
        )
