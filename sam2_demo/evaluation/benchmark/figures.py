"""Measured values, for people and for programs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value.

    Attributes:
        what: What was measured.
        value: How much it is.
        unit: Of what; may be empty.
        note: What else there is to know.
    """

    what: str
    value: float
    unit: str
    note: str = ""

    def __str__(self) -> str:
        note = f" ({self.note})" if self.note else ""
        return f"{self.value:,.{_decimals(self.value)}f} {self.unit}{note}"


def as_table(figures: Sequence[Figure]) -> str:
    """Returns a line for each figure."""
    width = max(len(figure.what) for figure in figures)
    return "\n".join(f"{figure.what:<{width}}  {figure}" for figure in figures)


def as_records(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """Returns the figures as a program reads them."""
    return [asdict(figure) for figure in figures]


def _decimals(value: float) -> int:
    """Returns how many decimals show three digits, of large numbers all before the point."""
    return 0 if value >= 100 else 1 if value >= 10 else 2
