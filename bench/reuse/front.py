"""Area and rate weighed against each other: the Pareto front."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sw.auto import BRAM_COST, DSP_COST

__all__ = ["BUILT_IN", "chip_area", "front", "is_measured"]

BUILT_IN = ("constant",)
"""Strategies whose weights cannot be loaded: they are no choice where these must be."""


def is_measured(row: Mapping[str, Any]) -> bool:
    """Whether both its area and its rate are known, and nothing is wrong with it."""
    known = row["area"]["lut4_eq"] is not None and row["pixels_per_cycle"] is not None
    return known and row["reason"] is None


def chip_area(area: Mapping[str, Any]) -> int:
    """LUT4-eq, with multipliers and block memories as the LUTs that a chip has for each."""
    return area["lut4_eq"] + DSP_COST * area["dsp"] + BRAM_COST * area["bram"]


def front(
    rows: Iterable[dict[str, Any]], size: Callable[[Mapping[str, Any]], int] = chip_area
) -> list[dict[str, Any]]:
    """Those that no other beats: each smaller one is slower. By rate, rising.

    Of those whose weights are loaded at run time. ``size``: of an area.
    """
    loaded = [row for row in rows if is_measured(row) and row["strategy"] not in BUILT_IN]
    best: list[dict[str, Any]] = []
    for row in sorted(
        loaded,
        key=lambda row: (size(row["area"]), -row["pixels_per_cycle"], row["key"]),
    ):
        if not best or row["pixels_per_cycle"] > best[-1]["pixels_per_cycle"]:
            best.append(row)
    return best
