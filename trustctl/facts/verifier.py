"""What a TLS library holds against a certificate of a chain, beyond what its facts say.

What cannot be read speaks against it: whoever made it gains nothing by that.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from trustctl.facts.fallback import Reader
from trustctl.facts.names import within

_T = TypeVar("_T")


def states_ca(der: bytes) -> bool:
    """Whether it says that it may sign others: without basicConstraints nothing is an intermediate
    certificate (RFC 5280, 4.2.1.9), though an anchor may be."""
    return _read(der, Reader.states_ca, False)


def permits(der: bytes, names: Iterable[str]) -> bool:
    """Whether its name constraints (RFC 5280, 4.2.1.10) let it sign for all of these host names and
    addresses. Of addresses it is asked only whether it has a constraint at all."""

    def permitted(one: Reader) -> bool:
        allowed, denied = (
            one.constraints(f"{part}_subtrees") for part in ("permitted", "excluded")
        )
        return all(_within(name, allowed, denied) for name in names)

    return _read(der, permitted, False)


def host_names(der: bytes, names: Sequence[str]) -> tuple[str, ...]:
    """Those of a certificate's names that count for a host: its common name does only where it has
    no alternative DNS name (RFC 6125, 6.4.4)."""

    def counting(one: Reader) -> tuple[str, ...]:
        listed = one.alternative_dns_names()
        return tuple(each for each in names if not listed or each in listed or _is_address(each))

    return _read(der, counting, ())


def _read(der: bytes, what: Callable[[Reader], _T], otherwise: _T) -> _T:
    try:
        return what(Reader(der))
    except Exception:  # anything can come out of a hostile certificate
        return otherwise


_Subtrees = list[tuple[str, str]]


def _within(name: str, allowed: _Subtrees, denied: _Subtrees) -> bool:
    if _is_address(name):
        return all(kind != "ip_address" for kind, _base in (*allowed, *denied))
    plain = name.lower().removesuffix(".").removeprefix("*.")
    if any(_below(plain, base) for base in _domains(denied)):
        return False
    wanted = _domains(allowed)
    return not wanted or any(_below(plain, base) for base in wanted)


def _domains(subtrees: _Subtrees) -> list[str]:
    return [base.lower() for kind, base in subtrees if kind == "dns_name"]


def _below(name: str, base: str) -> bool:
    return not base or within(name, base.removeprefix("."))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
