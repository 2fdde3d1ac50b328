"""What no other point beats: the Pareto front."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from sw.auto import BRAM_COST, DSP_COST

__all__ = ["chip_area", "pareto", "size_of"]

_T = TypeVar("_T")


def chip_area(area: Mapping[str, Any]) -> int:
    """LUT4-eq, with multipliers and block memories as the LUTs that a chip has for each."""
    return area["lut4_eq"] + DSP_COST * area["dsp"] + BRAM_COST * area["bram"]


def size_of(row: Mapping[str, Any]) -> float | None:
    """What a row's engine takes, in its target's unit: LUT4-eq of a chip, or um2 or gates."""
    area = row["area"]
    if area["lut4_eq"] is not None:
        return chip_area(area)
    return area["um2"] if area["um2"] is not None else area["gates"]


def pareto(
    rows: Iterable[_T], cost: Callable[[_T], float], gain: Callable[[_T], float]
) -> list[_T]:
    """Those that no other beats: each that costs less gains less. By cost, rising.

    Of equal ones, the first stays.
    """
    best: list[_T] = []
    for row in sorted(rows, key=lambda row: (cost(row), -gain(row))):
        if not best or gain(row) > gain(best[-1]):
            best.append(row)
    return best
