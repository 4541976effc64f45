"""Something that a thread does meanwhile, where it is worth one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

LARGE = 1 << 22
"""With so many bytes to write a thread is worth its start."""

_T = TypeVar("_T")


def aside(call: Callable[[], _T], *, worth: bool) -> Callable[[], _T]:
    """Begin a call in a thread; what is returned waits for its result, or raises its exception.
    Where that is not worth it, the call is made then."""
    if not worth:
        return call
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(1)
    begun = pool.submit(call)
    pool.shutdown(wait=False)
    return begun.result
