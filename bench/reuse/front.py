"""Area and rate weighed against each other: the Pareto front."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hw.explore.front import chip_area, pareto

__all__ = ["BUILT_IN", "chip_area", "front", "is_measured"]

BUILT_IN = ("constant",)
"""Strategies whose weights cannot be loaded: they are no choice where these must be."""


def is_measured(row: Mapping[str, Any]) -> bool:
    """Whether both its area and its rate are known, and nothing is wrong with it."""
    known = row["area"]["lut4_eq"] is not None and row["pixels_per_cycle"] is not None
    return known and row["reason"] is None


def front(
    rows: Iterable[dict[str, Any]], size: Callable[[Mapping[str, Any]], int] = chip_area
) -> list[dict[str, Any]]:
    """Those that no other beats: each smaller one is slower. By rate, rising.

    Of those whose weights are loaded at run time. ``size``: of an area.
    """
    loaded = [row for row in rows if is_measured(row) and row["strategy"] not in BUILT_IN]
    loaded.sort(key=lambda row: row["key"])
    return pareto(loaded, lambda row: size(row["area"]), lambda row: row["pixels_per_cycle"])
