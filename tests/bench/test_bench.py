"""The benchmarks themselves run; what they measure is for a quiet machine (tests/bench/run)."""

from __future__ import annotations

from pathlib import Path

from tests.bench.__main__ import measure
from tests.bench.row import Row, Sizes, table
from tests.tools import require


def test_every_row_of_the_cheap_groups_is_measured(tmp_path: Path) -> None:
    """At the smallest scale each gives a figure, and one change writes one certificate file."""
    sizes = Sizes(small=5, large=10, runs=1)
    rows = measure(["start", "scale"], sizes, tmp_path / "cache")
    assert len(rows) == 21
    assert all(one.theirs > 0 for one in rows)
    assert sum("(1 certificate file written)" in one.what for one in rows) == 1
    assert len(table(rows).splitlines()) == len(rows) + 1


def test_every_row_of_the_ca_is_measured(tmp_path: Path) -> None:
    """Against easy-rsa and openssl, with pkilint and without, each gives a figure."""
    require("openssl", "/usr/share/easy-rsa/easyrsa")
    sizes = Sizes(large=5, runs=1, hosts=2, loop=1)
    rows = measure(["ca"], sizes, tmp_path / "cache")
    assert len(rows) == 20
    assert all(one.theirs > 0 for one in rows)


def test_every_row_of_the_wire_is_measured(tmp_path: Path) -> None:
    """Hosts that present and hosts that hang, by each client, give figures."""
    require("openssl", "xargs")
    sizes = Sizes(runs=1, wire=20, sample=2, time_out=0.5)
    rows = measure(["wire"], sizes, tmp_path / "cache")
    assert len(rows) == 6
    assert all(one.theirs > 0 for one in rows)


def test_a_row_says_whether_its_bound_is_reached() -> None:
    """Faster has to be at least so much, dearer at most; without a bound it says nothing."""
    assert Row("a", 1, 20, "s", "faster", 20).reached is True
    assert Row("a", 1, 19, "s", "faster", 20).reached is False
    assert Row("a", 3, 2, "s", "cost", 1.5).reached is True
    assert Row("a", 3.1, 2, "s", "cost", 1.5).reached is False
    assert Row("a", 3, 2, "s", "cost", None).reached is None
    assert "NO" in table([Row("a", 1, 19, "s", "faster", 20)])
