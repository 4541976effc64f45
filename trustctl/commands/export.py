"""``trustctl export``: exactly the trusted peers, and nothing else, into a target."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from trustctl.commands import debian, exim, postfix
from trustctl.commands.ca.keys import Keys, passphrase_option
from trustctl.commands.changes import SHOWN, say_changes, say_plan, show_diff
from trustctl.commands.invocation import Invocation, confirm, typed
from trustctl.commands.options import yes_option
from trustctl.commands.tree import BUILT_IN, FormatName
from trustctl.errors import TargetError, UsageError

if TYPE_CHECKING:
    from trustctl.commands.ahead import Lookout
    from trustctl.facts.foresight import Break
    from trustctl.facts.target import Stored
    from trustctl.publish.place import Place
    from trustctl.publish.planning import Begun, Plan


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
@click.pass_obj
def export(
    call: Invocation,
    directory: str | None,
    format_name: str | None,
    dry_run: bool,
    diff: bool,
    reload: bool,
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

    begun = None
    asked = at or diff or dry_run or force or password_file or only_peers is not None
    if directory is not None and not asked:
        begun, same = _glance(call, directory, format_name)
        if begun is not None and same and (begun.place.has_mta or not reload):
            _say_same(begun.place)
            postfix.configure(begun.place, reload=reload)
            debian.configure(begun.place)
            if begun.place.is_exim:
                exim.configure(begun.place, reload=reload, force=False)
            return
    from trustctl import render
    from trustctl.commands import inbound
    from trustctl.commands.ahead import Lookout, tell
    from trustctl.commands.ca import compiled
    from trustctl.commands.compilation import choose, make_plan
    from trustctl.commands.tree import refuse_shared, tree_of
    from trustctl.publish.place import place_of

    as_of = _moment(at, call.now, dry_run=dry_run)
    with call.reading() as tx:
        where, kind = choose(directory, format_name, tx.connection)
        place = place_of(where, kind, call.path)
        if reload and not place.has_mta:
            raise UsageError("--reload is for Exim and Postfix; this has no server to reload")
        if only_peers is not None and kind != debian.NAME:
            raise UsageError(f"the format {kind} has no public CAs", "--format debian")
        postfix.refuse(place)
        debian.refuse(place)
        refuse_shared(tx.connection, place, call.path)
    tree = tree_of(call, place, password_file, only_peers=only_peers)
    remarks: list[str] = []
    signs = kind == "exim" if tree is None else tree.format.carries != "none"
    if signs and not dry_run and sign:
        remarks = compiled.refresh(call, Keys(call, passphrase_file))
    with call.reading() as tx:
        more = compiled.files(tx.connection, call.now) if kind == "exim" else {}
        if kind == "exim":
            more |= inbound.files(tx.connection, place, as_of)
        if tree is not None:
            tree.lists = compiled.lists(tx.connection, call.now)
        elif kind == "pem":
            remarks += compiled.untold(tx.connection, call.now)
        lookout = Lookout(tx.connection, as_of)
        plan = make_plan(
            tx.connection,
            place,
            as_of,
            full=force,
            more=more,
            lookout=lookout,
            begun=begun,
            tree=tree,
        )
        ahead = [] if plan.nothing_to_do else _foreseen(plan, lookout)
    if diff:
        show_diff(plan)
    if dry_run:
        say_plan(plan, ahead)
        if tree is not None:
            debian.preview(place, only_peers=tree.only_peers, diff=diff)
        render.note(*([] if tree is None else [*tree.notes, *tree.warnings][:SHOWN]))
        return
    if plan.nothing_to_do:
        _say_same(place)
        _record(call, place, None)
    else:
        if plan.edited and not force:
            from trustctl.publish.store import refuse_edited

            refuse_edited(plan.edited, force=False)
        tell(ahead, as_of)
        if tree is not None:
            debian.ask(place, only_peers=tree.only_peers, yes=yes)
        _ask(plan, where, yes=yes)
        _record(call, place, _carry_out(call, plan, force=force))
        if tree is not None:
            render.line(f"use: {tree.use(place)}")
            remarks += tree.notes
    if tree is not None:
        remarks += tree.warnings
    for one in remarks[:SHOWN]:
        render.note(f"warning: {one}")
    if kind == "exim":
        from trustctl.commands.ca.install import refresh_staple
        from trustctl.publish.home import Home

        if refresh_staple(call, Home(place.directory, place.group)):
            render.note(f"{where}/exim.ocsp: the staple beside Exim's own certificate was replaced")
        exim.configure(place, reload=reload, force=force)
    postfix.configure(place, reload=reload)
    debian.configure(place)


def _glance(call: Invocation, directory: str, format_name: str | None) -> tuple[Begun | None, bool]:
    """A look at the target that was begun, and whether it is certain at a glance that there is
    nothing to export."""
    from trustctl.inventory import glance
    from trustctl.publish import planning
    from trustctl.publish.place import place_of

    path = os.path.abspath(directory)
    kind = format_name or glance.known_format(call.path, path)
    if kind is None:
        return None, False
    place = place_of(path, kind, call.path)
    try:
        begun = planning.begin(place)
        if begun.last is None or not glance.unchanged(
            call.path, str(place.directory), place.format, begun.last.stored, call.now
        ):
            return begun, False
        # the inventory first: the look at the files would be made twice where something changed
        changed = begun.files() or begun.sets()
        return (None, False) if changed else (begun, True)
    except TargetError:
        return None, False  # the whole look tells why


def _say_same(place: Place) -> None:
    from trustctl import render

    render.line(f"{place.directory}: nothing has changed; nothing was written")


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


def _carry_out(call: Invocation, plan: Plan, *, force: bool) -> Stored:
    from trustctl import render
    from trustctl.publish.store import carry_out

    done = carry_out(plan, now=call.now, force=force)
    stored = done.stored
    render.line(
        f"{plan.place.directory}: generation {stored.number} is current ("
        + (f"domains: {stored.domains}, " if plan.place.is_exim else "")
        + f"peers: {stored.peers})"
    )
    say_changes(plan.draft.changes, plan.place.format)
    for one in done.repaired[:SHOWN]:
        render.note(f"note: {one} was missing or not in force; it is right again")
    return stored


def _record(call: Invocation, place: Place, stored: Stored | None) -> None:
    """Tell the inventory what is in force; also what a killed export left untold."""
    from trustctl.inventory import generations
    from trustctl.publish.planning import last_generation

    if stored is None or place.current_number() != stored.number:
        last = last_generation(place)
        if last is None:
            return
        stored = last.stored
    row = generations.row_of(stored)
    with call.reading() as tx:
        if generations.is_recorded(tx.connection, str(place.directory), place.format, row):
            return
    with call.writing() as tx:
        generations.record(tx, str(place.directory), place.format, row, action="generation.publish")


def _foreseen(plan: Plan, lookout: Lookout) -> list[Break]:
    """Who breaks, and when, of those whom the generation changes: the soonest first.

    What an export signs anew by itself is left out, and what :func:`_ask` names.
    """
    from trustctl.policy.foresight import soonest

    changes, found = plan.draft.changes, lookout.found
    if lookout.whole and plan.place.is_exim:
        touched = {*changes.added, *changes.changed, *changes.closed}
        found = [one for one in found if one.subject in touched]
    if plan.renewed:
        lookout.found = []
        lookout.look_at_hosts()
        mine = [one for one in lookout.found if one.kind in ("authority", "root")]
        found += [one for one in mine if one.at <= plan.as_of]
    told = set(changes.closed)
    return soonest(
        one
        for one in found
        if not one.renewable and not (one.at <= plan.as_of and one.subject in told)
    )


def _ask(plan: Plan, where: str, *, yes: bool) -> None:
    """Let a person agree to what is probably a mistake, naming each."""
    from trustctl import render

    changes = plan.draft.changes
    most = len(changes.peers_removed) > 1 and len(changes.peers_removed) * 2 > changes.peers_before
    if not changes.closed and not most:
        return
    for domain in changes.closed:
        render.note(f"{domain}: no trusted pin is left; its mail would wait")
    if most:
        for peer in changes.peers_removed:
            render.note(f"{peer}: would be dropped")
        render.note(
            f"{len(changes.peers_removed)} of {changes.peers_before} peers would be dropped"
        )
    confirm("Export this?", yes=yes, without_terminal=typed("export", "--to", where, "--yes"))
