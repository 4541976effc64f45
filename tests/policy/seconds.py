"""A few seconds, each of which is looked at: what is foreseen is compared with every one."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from tests.policy.inventory import NOW

SPAN = 9
UNTIL = NOW + SPAN
SECONDS = range(NOW, UNTIL + 1)

moments = st.integers(NOW - 2, UNTIL + 3)
perhaps = st.none() | moments


def first(holds: Callable[[int], bool], start: int = NOW) -> int | None:
    """The first second at which it is so."""
    return next((second for second in SECONDS if second >= start and holds(second)), None)
