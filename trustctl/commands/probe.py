"""``trustctl probe``: does every protected domain still present what is pinned?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trustctl.commands.findings import fail_on
from trustctl.commands.invocation import Invocation
from trustctl.commands.options import json_option
from trustctl.commands.wire.reach import Options, dialling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trustctl.commands.wire.probing import Probe
    from trustctl.facts.finding import Finding
    from trustctl.facts.live import Live


@click.command(short_help="Ask whether hosts still present what is pinned.")
@click.argument("subjects", nargs=-1, metavar="[PEER|DOMAIN]...")
@click.option("--all", "everything", is_flag=True, help="Every peer.")
@click.option("--quiet", "-q", is_flag=True, help="Print findings alone, and no progress.")
@click.option("--dry-run", is_flag=True, help="Keep nothing of what was seen.")
@click.option("--notify", is_flag=True, help="Tell whom the settings notify_* name.")
@fail_on
@dialling
@json_option
@click.pass_context
def probe(
    ctx: click.Context,
    subjects: tuple[str, ...],
    everything: bool,
    quiet: bool,
    dry_run: bool,
    notify: bool,
    fail_on: str,
    options: Options,
    as_json: bool,
) -> None:
    """Ask each MX host of protected domains what it presents, and compare.

    Finds hosts that cannot be reached, that no longer offer STARTTLS, that
    present another certificate, one that ends soon, or an old TLS; exit code 1
    where it finds any. What was seen is kept: trustctl history shows it.

    \b
    trustctl probe foo.test
    trustctl probe --all --quiet --notify
    """
    from trustctl import render
    from trustctl.commands import findings
    from trustctl.commands.wire.probing import Probe

    call: Invocation = ctx.obj
    if bool(subjects) == everything:
        from trustctl.errors import UsageError

        raise UsageError(
            "which peers? name some, or type --all" if not subjects else "--all names them all",
            "trustctl probe foo.test, or trustctl probe --all",
        )
    run = Probe(call, subjects, options)
    live = run.look(as_json=as_json, quiet=quiet)
    if not dry_run:
        run.keep()
    found = run.findings(live)
    if notify:
        run.notify([one for one in found if findings.fails([one], fail_on)])
    _show(run, live, found, quiet=quiet, as_json=as_json)
    render.note(*run.notes)
    if findings.fails(found, fail_on):
        ctx.exit(1)


def _show(run: Probe, live: Live, found: Sequence[Finding], *, quiet: bool, as_json: bool) -> None:
    from trustctl import render
    from trustctl.commands import findings

    if as_json:
        for one in found:
            render.as_json_line({"finding": findings.as_json(one)})
        return
    if not quiet:
        render.table(("PEER", "HOST", "ADDRESS", "PRESENTS"), run.rows(live), flexible=1)
        if live.hosts:
            render.line()
    findings.show(found)
    if not quiet and not found:
        hosts = len(live.hosts)
        what = f"all is well: {hosts} of {hosts} addresses present what is pinned"
        render.line(what if hosts else "nothing was asked: no peer has a protected domain")
