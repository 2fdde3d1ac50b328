"""What no other engine beats: the Pareto front of area and rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from sw.auto import BRAM_COST, DSP_COST

__all__ = ["SAME_RATE", "chip_area", "fronts", "pareto", "rivals", "size_of"]

_T = TypeVar("_T")
SAME_RATE = 0.02
"""Rates that differ by less are the same: filling and draining a frame takes as much."""


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


def rivals(rows: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Rows that were measured, in groups that can be compared.

    A group is of one chip and one width of inputs; and engines whose weights can be loaded are
    another thing than those that are made for theirs.
    """
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        if row["state"] == "measured" and size_of(row) is not None:
            settings = row["settings"]
            fixed = settings.get("strategy") == "constant"
            place = row["target"], settings.get("device"), settings.get("input_bits"), fixed
            groups.setdefault(place, []).append(row)
    return list(groups.values())


def fronts(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the fronts of area and rate, one front for each group of rivals.

    What is hardly faster than a smaller one is left out: see :data:`SAME_RATE`.
    """
    found: list[dict[str, Any]] = []
    for group in rivals(rows):
        group.sort(key=lambda row: row["key"])
        rate = 0.0
        front = pareto(group, lambda row: size_of(row) or 0.0, lambda row: row["pixels_per_cycle"])
        for row in front:
            if row["pixels_per_cycle"] > rate * (1 + SAME_RATE):
                rate = row["pixels_per_cycle"]
                found.append(row)
    return found
