"""The steps of an export: a glance, a plan, a person's agreement, the generation, the record."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trustctl.commands.changes import SHOWN, say_changes
from trustctl.commands.invocation import Invocation, confirm, typed
from trustctl.errors import TargetError

if TYPE_CHECKING:
    from trustctl.commands.ahead import Lookout
    from trustctl.commands.tree import Tree
    from trustctl.facts.foresight import Break
    from trustctl.facts.target import Stored
    from trustctl.publish.place import Place
    from trustctl.publish.planning import Begun, Plan


def glance(call: Invocation, directory: str, format_name: str | None) -> tuple[Begun | None, bool]:
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


def say_same(place: Place) -> None:
    """Say that there was nothing to write."""
    from trustctl import render

    render.line(f"{place.directory}: nothing has changed; nothing was written")


@dataclass(slots=True)
class Export:
    """One export: planned from the inventory and what is there, agreed to, carried out.

    Attributes:
        where: the target's folder, as the options mean it. as_of: the moment to judge at.
        tree: makes the files, where the target is one. ours: there is a CA of ours.
        force: overwrite what was edited by hand. yes: agreed beforehand.
        unheld: whom the target cannot hold to what, each with the reason.
    """

    call: Invocation
    place: Place
    where: str
    as_of: int
    tree: Tree | None
    ours: bool = field(kw_only=True)
    force: bool = field(kw_only=True)
    yes: bool = field(kw_only=True)
    unheld: list[str] = field(default_factory=list)

    def plan(self, begun: Begun | None) -> tuple[Plan, list[Break]]:
        """The next generation, and who breaks by it, the soonest first.

        Args:
            begun: a look at the target that goes on meanwhile.
        """
        from trustctl.commands import inbound
        from trustctl.commands.ahead import Lookout
        from trustctl.commands.ca import compiled
        from trustctl.commands.compilation import make_plan

        now = self.call.now
        with self.call.reading() as tx:
            more: dict[str, bytes] = {}
            if self.place.is_exim and self.ours:
                more |= compiled.files(tx.connection, now)
            if self.place.has_mta:
                more |= inbound.files(tx.connection, self.place, self.as_of)
            if self.tree is not None and self.ours:
                self.tree.lists = compiled.lists(tx.connection, now)
            lookout = Lookout(tx.connection, self.as_of)
            plan = make_plan(
                tx.connection,
                self.place,
                self.as_of,
                full=self.force,
                more=more,
                lookout=lookout,
                begun=begun,
                tree=self.tree,
            )
            if self.tree is not None:
                self.unheld = self.tree.unheld(tx.connection)
            return plan, [] if plan.nothing_to_do else _foreseen(plan, lookout)

    def publish(self, plan: Plan, ahead: Sequence[Break]) -> None:
        """Let a person agree, write it, put it in force, and tell the inventory.

        Raises:
            ConfirmationError, TargetError: nothing was put in force.
        """
        from trustctl.publish.planning import SuspectError

        try:
            stored = self._publish(plan, ahead)
        except SuspectError:  # found at the last moment, and now the whole look is taken
            stored = self._publish(*self.plan(None))
        _record(self.call, self.place, stored)

    def leave(self) -> None:
        """Say that there is nothing to write; what a killed export left untold is told."""
        say_same(self.place)
        _record(self.call, self.place, None)

    def _publish(self, plan: Plan, ahead: Sequence[Break]) -> Stored:
        from trustctl.commands import debian
        from trustctl.commands.ahead import tell
        from trustctl.publish.store import refuse_edited

        refuse_edited(plan.edited, force=self.force)
        tell(ahead, self.as_of)
        if self.tree is not None:
            debian.ask(self.place, only_peers=self.tree.only_peers, yes=self.yes)
        _ask(plan, self.where, yes=self.yes)
        return _carry_out(self.call, plan, force=self.force)


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

    changes, kind = plan.draft.changes, plan.place.format
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
    words = ["export", "--to", where, *(["--format", kind] if plan.place.is_tree else [])]
    confirm("Export this?", yes=yes, without_terminal=typed(*words, "--yes"))
