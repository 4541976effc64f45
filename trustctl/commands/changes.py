"""What an export changes, said to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trustctl.facts.foresight import Break
    from trustctl.facts.target import Changes
    from trustctl.publish.planning import Plan

SHOWN = 20
"""So many names are said; the rest is a number."""


def say_changes(changes: Changes, kind: str) -> None:
    """Domains (peers of a bundle) by what becomes of them. ``kind``: the target's format."""
    from trustctl import render

    come, gone = ("added", "removed") if kind == "pem" else ("protected now", "no longer protected")
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
    for problem in plan.problems[:SHOWN]:
        render.line(f"  {problem.path}: {problem.detail}")
    for one in ahead:
        render.line(f"  {sentence(one, plan.as_of)}")
    render.note("note: a dry run; nothing was written")


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
