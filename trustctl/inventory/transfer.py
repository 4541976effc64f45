"""Applies a whole import in one transaction, or none of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from trustctl.errors import TrustctlError, UsageError
from trustctl.facts.addition import Addition, Imported, NewDistrust, NewInbound, NewProtection
from trustctl.inventory import distrusts, inbound, settings
from trustctl.inventory.additions import Additions
from trustctl.inventory.transaction import WriteTransaction


def apply(
    tx: WriteTransaction,
    rows: Iterable[tuple[int, Imported]],
    *,
    done: Callable[[], object] = lambda: None,
) -> list[tuple[int, TrustctlError]]:
    """Apply all rows; what a row cannot do is returned with its line, and the caller gives up.

    Args:
        rows: line numbers and what each asks for. done: called after each row.
    """
    refused: list[tuple[int, TrustctlError]] = []
    additions = Additions(tx, bulk=True)
    for line, row in rows:
        try:
            if isinstance(row, Addition):
                additions.add(row)
            elif isinstance(row, NewProtection):
                additions.protect(row)
            elif isinstance(row, NewDistrust):
                distrusts.add(tx, row.kind, row.value, row.reason)
                additions.refuse_from_now(row.kind, row.value, row.reason)
            elif isinstance(row, NewInbound):
                inbound.change(tx, row.peer, row.inbound)
            else:
                _refuse_own(row.name)
                settings.change(tx, row.name, row.value)
        except TrustctlError as error:
            refused.append((line, error))
        done()
    return refused


def _refuse_own(name: str) -> None:
    if name in settings.NAMES and name not in settings.CARRIED:
        raise UsageError(
            f"the setting {name} is this machine's own: no import changes it",
            f"trustctl set {name} VALUE",
        )
