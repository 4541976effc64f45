"""``trustctl import`` and ``dump``: many peers at once, and all of them back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from trustctl.commands.invocation import Invocation
from trustctl.commands.progress import progress
from trustctl.errors import InputError

if TYPE_CHECKING:
    from trustctl.facts.addition import Imported

_BAD_AT_MOST = 10_000
"""After so many bad lines it is no import file, and perhaps without an end."""


@click.command("import")
@click.argument("file", metavar="FILE")
@click.pass_obj
def import_(call: Invocation, file: str) -> None:
    """Import peers from JSON Lines or CSV, all or nothing.

    Fields: peer, domains, mx_hosts, role, certificate (PEM or a path),
    fingerprint, vouched_by, via, note, expires. FILE may be - for standard
    input. Every bad line is named. See share/doc/import.md.
    """
    from trustctl import render
    from trustctl.inventory import transfer

    rows = _parse(file, call)
    refused: list[tuple[int, str]] = []
    changes = 0
    with progress(len(rows), "storing") as bar, call.writing(create=True) as tx:
        for line, error in transfer.apply(tx, rows, done=lambda: bar.update(1)):
            refused.append((line, error.message))
        _refuse(file, refused)
        changes = tx.changes
    render.line(f"imported {file} (lines: {len(rows)}, changes: {changes})")


def _parse(file: str, call: Invocation) -> list[tuple[int, Imported]]:
    import os

    from trustctl.errors import TrustctlError
    from trustctl.intake.additions import read_addition
    from trustctl.intake.rows import RowError, read_rows
    from trustctl.intake.source import open_source

    # never empty: a certificate named "-" is a file of that name, not standard input
    folder = os.path.dirname(file) or "."
    actor = call.actor
    good: list[tuple[int, Imported]] = []
    bad: list[tuple[int, str]] = []
    with open_source(file) as (stream, size), progress(size, "reading") as bar:
        for row in read_rows(_lines(stream, bar, file), file):
            if len(bad) >= _BAD_AT_MOST:
                break
            if isinstance(row, RowError):
                bad.append((row.line, f"{row.text} ({row.hint})" if row.hint else row.text))
                continue
            line, values = row
            try:
                good.append((line, read_addition(values, folder=folder, actor=actor, now=call.now)))
            except TrustctlError as error:
                bad.append((line, error.message))
    _refuse(file, bad, cut=len(bad) >= _BAD_AT_MOST)
    return good


def _lines(stream: BinaryIO, bar: Any, file: str) -> Iterator[bytes]:
    from trustctl.intake.rows import LINE_LIMIT

    pending = number = 0
    while True:
        try:
            line = stream.readline(LINE_LIMIT + 1)
        except OSError as error:
            raise InputError(f"{file}: {(error.strerror or str(error)).lower()}") from error
        if not line:
            return
        number += 1
        if len(line) > LINE_LIMIT:
            raise InputError(
                f"{file}:{number}: a line of over {LINE_LIMIT >> 20} MiB; nothing was imported",
                "give JSON Lines or CSV: share/doc/import.md",
            )
        pending += len(line)
        if pending > 1 << 16:
            bar.update(pending)
            pending = 0
        yield line


def _refuse(file: str, bad: list[tuple[int, str]], *, cut: bool = False) -> None:
    if not bad:
        return
    from trustctl import render

    for line, text in sorted(bad):
        render.note(f"{file}:{line}: {text}")
    count = f"{len(bad)}, the rest was not read" if cut else str(len(bad))
    raise InputError(
        f"{file}: nothing was imported (bad lines: {count})", "mend them, import again"
    )


@click.command()
@click.pass_obj
def dump(call: Invocation) -> None:
    """Print the inventory as JSON Lines that import reads.

    What stands is carried: settings, distrust, peers, domains, pins and
    vouches. History (retired pins, withdrawn vouches) stays in the journal.
    """
    import sys

    from trustctl.inventory.dump import dump as lines

    with call.reading() as tx:
        for one in lines(tx.connection):
            sys.stdout.write(one + "\n")
