"""A progress bar on stderr, where a person watches."""

from __future__ import annotations

from typing import Any


def progress(length: int, label: str, *, shown: bool = True) -> Any:
    """A context manager with ``update(n)``; it shows nothing where stderr is no terminal."""
    import sys

    import click

    hidden = not shown or not sys.stderr.isatty()
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=hidden, width=30)
