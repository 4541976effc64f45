"""When a key may be used, to the second; which key a renewal takes; what stands in a zone."""

from __future__ import annotations

import pytest

from trustctl.facts.dane import (
    OVERLAP_SECONDS,
    DaneHost,
    NextKey,
    Publication,
    choose,
    standing,
)
from trustctl.facts.issuance import Issuance

NOW = 1_800_000_000
OLD, NEW = "aa" * 32, "bb" * 32


def _issuance(spki: str, at: int = NOW - 1000) -> Issuance:
    return Issuance(
        1, "cc" * 32, "1", "dd" * 32, "mta", "mx.bar.test", ("mx.bar.test", "a.bar.test"), spki,
        at, at + 90 * 86400, at, "root", "ee" * 32,
    )  # fmt: skip


def _said(spki: str | None, at: int, *, ttl: int = 3600, port: int = 25) -> Publication:
    return Publication("main", "mx.bar.test", port, spki, ttl, at)


def _host(*said: Publication, coming: bool = True, previous: str | None = None) -> DaneHost:
    key = NextKey(NEW, "main", "mx.bar.test", NOW - 9, "root") if coming else None
    before = None if previous is None else _issuance(previous)
    return DaneHost("main", _issuance(OLD), before, key, standing(said))


def test_a_key_may_be_used_when_the_records_from_before_it_are_forgotten() -> None:
    """The longest TTL of all that was said until then counts, for the port that is last."""
    host = _host(_said(OLD, 0, ttl=7200), _said(NEW, 50_000, ttl=60))
    assert host.usable_at(NEW) == 57_200
    assert _host(_said(OLD, 0, ttl=60), _said(NEW, 50_000, ttl=7200)).usable_at(NEW) == 57_200
    later = _said(NEW, 90_000, ttl=9999)
    assert _host(_said(OLD, 0), _said(NEW, 50_000), later).usable_at(NEW) == 53_600
    both = (_said(OLD, 0), _said(OLD, 0, port=465), _said(NEW, 10), _said(NEW, 500, port=465))
    assert _host(*both).usable_at(NEW) == 4100
    assert _host(*both[:3]).usable_at(NEW) is None
    assert _host().usable_at(NEW) == 0


@pytest.mark.parametrize(
    ("said", "coming", "choice"),
    [
        ((), False, "new"),
        ((), True, "next"),
        ((_said(OLD, 0),), False, "keep"),
        ((_said(OLD, 0),), True, "keep"),
        ((_said(OLD, 0), _said(NEW, NOW - 3599)), True, "keep"),
        ((_said(OLD, 0), _said(NEW, NOW - 3600)), True, "next"),
        ((_said(OLD, 0), _said(None, 9)), False, "new"),
        ((_said(OLD, 0), _said(NEW, 5), _said(None, 9), _said(OLD, 10)), True, "keep"),
    ],
)
def test_the_key_of_a_renewal(said: tuple[Publication, ...], coming: bool, choice: str) -> None:
    """Never one that a resolver may not know; and where it is kept, the owner hears why."""
    chosen, remark = choose(_host(*said, coming=coming), NOW)
    assert chosen == choice
    assert (remark is not None) == (choice == "keep")


def test_an_end_is_of_one_host_s_port_alone() -> None:
    """What was said of other ports and hosts stands."""
    other = Publication("main", "mx2.bar.test", 25, OLD, 60, 1)
    kept = (_said(OLD, 1, port=465), other)
    assert standing((_said(OLD, 1), *kept, _said(None, 2))) == kept


def test_records_name_every_key_for_every_name_and_port() -> None:
    """The one before for a week after it was replaced, and no key twice."""
    host = _host(previous="ff" * 32)
    lines = [one.line for one in host.records((25, 465), 600, NOW)]
    assert len(lines) == 2 * 2 * 3 == len(set(lines))
    assert lines[1] == f"_25._tcp.mx.bar.test. 600 IN TLSA 3 1 1 {NEW} ; next key"
    later = NOW - 1000 + OVERLAP_SECONDS
    assert len(host.records((25,), 600, later - 1)) == 6
    assert len(host.records((25,), 600, later)) == 4
    assert len(_host(previous=NEW).records((25,), 600, NOW)) == 4
