"""What an export changes, said to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trustctl.facts.foresight import Break
    from trustctl.facts.target import Changes
    from trustctl.publish.planning import Plan

SHOWN = 20
"""So many names are said; the rest is a number."""
_TEXT = "inbound/senders.map"


def say_changes(changes: Changes, kind: str) -> None:
    """Domains (peers of a bundle) by what becomes of them. ``kind``: the target's format."""
    from trustctl import render

    exim = kind == "exim"
    come, gone = ("protected now", "no longer protected") if exim else ("added", "removed")
    for what, names in (
        (come, changes.added),
        (gone, changes.removed),
        ("changed", changes.changed),
        ("waiting, no trusted pin", changes.closed),
    ):
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            render.line(f"  {what}: {' '.join(names[:SHOWN])}{more}")


def say_plan(plan: Plan, ahead: list[Break]) -> None:
    """What a dry run found, and who breaks by it."""
    from trustctl import render
    from trustctl.commands.ahead import sentence

    if plan.nothing_to_do:
        render.line(f"{plan.place.directory}: nothing would change")
        return
    d = plan.draft
    render.line(f"{plan.place.directory}: a new generation would be written (peers: {d.peers})")
    say_changes(d.changes, plan.place.format)
    for sign, names in _senders(plan):
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            what = " ".join(one.partition("\t")[0] for one in names[:SHOWN])
            render.line(f"  {_SENDERS[sign]}: {what}{more}")
    for problem in plan.problems[:SHOWN]:
        render.line(f"  {problem.path}: {problem.detail}")
    for one in ahead:
        render.line(f"  {sentence(one, plan.as_of)}")
    render.note("note: a dry run; nothing was written")


_SENDERS = {"-": "who may send as these is told no longer", "+": "who may send as these is told"}


def _senders(plan: Plan) -> list[tuple[str, list[str]]]:
    """The lines of who may send as which domain that go, and those that come."""
    from contextlib import suppress

    before = b""
    if plan.base is not None:
        with suppress(OSError):
            before = (plan.place.folder(plan.base) / _TEXT).read_bytes()
    old, new = (
        text.decode("ascii", "replace").splitlines() for text in (before, plan.more.get(_TEXT, b""))
    )
    return [("-", sorted(set(old) - set(new))), ("+", sorted(set(new) - set(old)))]


def show_diff(plan: Plan) -> None:
    """The entries that differ from the generation in force."""
    from trustctl import render

    for sign, blocks in (("-", plan.draft.removed_blocks), ("+", plan.draft.added_blocks)):
        for block in blocks:
            comment = block.partition(b"\n")[0].decode("ascii", "replace")
            render.line(f"{sign} {comment[2:]}")
    for sign, names in (
        ("-", plan.draft.changes.removed),
        ("+", plan.draft.changes.added),
        ("~", plan.draft.changes.changed),
    ):
        for one in names:
            render.line(f"{sign} {one}")
    for sign, lines in _senders(plan):
        for line in lines:
            domain, _tab, said = line.partition("\t")
            render.line(f"{sign} from {domain}: {said}")
