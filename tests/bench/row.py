"""A row of the benchmarks' table: ours, the comparison, their ratio, and what must be reached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        small, large: peers whose cost per peer is compared. local: certificates given to
            update-ca-certificates. runs: how often each is measured, for the median.
        deliveries: messages sent for each side. hosts: issued for in one command. loop: how many
            easy-rsa and a loop of openssl issue for. wire: hosts that are looked at; sample: of
            those, by openssl. time_out: seconds that a host may take that hangs.
    """

    small: int = 1000
    large: int = 100_000
    local: int = 2000
    runs: int = 5
    deliveries: int = 40
    hosts: int = 1000
    loop: int = 20
    wire: int = 5000
    sample: int = 200
    time_out: float = 30


QUICK = Sizes(
    small=200,
    large=2000,
    local=200,
    runs=3,
    deliveries=5,
    hosts=100,
    loop=5,
    wire=1000,
    sample=50,
    time_out=10,
)


@dataclass(frozen=True)
class Row:
    """One result.

    Attributes:
        ours, theirs: what is divided, and by what. kind: which way round: ``faster`` is
            theirs / ours and must be at least ``bound``; ``cost`` is ours / theirs and must be at
            most ``bound``. bound: None where the row is there to compare with.
    """

    what: str
    ours: float
    theirs: float
    unit: str
    kind: Literal["faster", "cost"]
    bound: float | None

    @property
    def ratio(self) -> float:
        """The figure that counts."""
        return self.theirs / self.ours if self.kind == "faster" else self.ours / self.theirs

    @property
    def reached(self) -> bool | None:
        """Whether the bound is reached; None where there is none."""
        if self.bound is None:
            return None
        return self.ratio >= self.bound if self.kind == "faster" else self.ratio <= self.bound

    def cells(self) -> list[str]:
        """The cells of the table."""
        sign = ">=" if self.kind == "faster" else "<="
        return [
            self.what,
            _figure(self.ours, self.unit),
            _figure(self.theirs, self.unit),
            f"{self.ratio:.2f}x",
            "" if self.bound is None else f"{sign} {self.bound:g}x",
            {True: "yes", False: "NO", None: ""}[self.reached],
        ]


HEADERS = ("what", "ours", "against", "ratio", "must be", "reached")


def _figure(value: float, unit: str) -> str:
    return f"{value:.4g} {unit}".strip()


def table(rows: Iterable[Row]) -> str:
    """All rows, aligned."""
    cells = [list(HEADERS), *(one.cells() for one in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(HEADERS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )
