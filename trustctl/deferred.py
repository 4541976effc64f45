"""Lets a module that a library imports without need be loaded when it is first used."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any


class _Deferred(ModuleType):
    def __getattr__(self, name: str) -> Any:
        # from here on it is an ordinary module
        self.__class__ = ModuleType  # type: ignore[assignment]
        spec = self.__spec__
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module(self)
        return getattr(self, name)


def defer(name: str, **known: object) -> None:
    """Load the module ``name`` when something of it is first asked for.

    Args:
        known: what may be asked for without loading it.
    """
    if name in sys.modules:
        return
    spec = find_spec(name)
    if spec is None:
        return
    module = module_from_spec(spec)
    module.__class__ = _Deferred
    vars(module).update(known)
    sys.modules[name] = module
    package, _dot, own = name.rpartition(".")
    if package:
        setattr(sys.modules[package], own, module)


@contextmanager
def answering(name: str, **known: object) -> Iterator[None]:
    """While inside, these are answered for a deferred module that is not loaded yet."""
    module = sys.modules.get(name)
    mine = known if isinstance(module, _Deferred) else {}
    for key, value in mine.items():
        setattr(module, key, value)
    try:
        yield
    finally:
        for key in mine:
            delattr(module, key)
