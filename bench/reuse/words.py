"""What the figures of ``make reuse`` say, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .front import BUILT_IN, chip_area, front, is_measured
from .points import KEYED

__all__ = ["cam_verdict", "hit_rates", "listed", "name_of"]

Size = Callable[[Mapping[str, Any]], int]
"""What an area counts as."""


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def hit_rates(rows: Sequence[Mapping[str, Any]], strategy: str) -> dict[int, float]:
    """Hits by entries of a strategy's plain tables."""
    return {
        row["entries"]: row["hit_rate"]
        for row in rows
        if row["strategy"] == strategy and not row["table"] and row["hit_rate"] is not None
    }


def name_of(row: Mapping[str, Any]) -> str:
    """A row among those of its sweep and series."""
    parts = [f"`{row['strategy']}`", *(f"{k} {v}" for k, v in sorted(row["table"].items()))]
    if row["entries"] is not None:
        parts.append(f"{row['entries']:,} entries")
    if row["logic"]:
        parts.append("products of logic")
    folds = [f"{groups} {what}" for what, groups in row["fold"].items() if groups > 1]
    if folds:
        parts.append(f"in {' x '.join(folds)}")
    return ", ".join(parts)


def cam_verdict(rows: Sequence[dict[str, Any]], size: Size = chip_area) -> str:
    """Whether any CAM is on the front of ``rows``, and what beats it where none is; or nothing.

    ``size``: what an area counts as.
    """
    measured = [row for row in rows if is_measured(row) and row["strategy"] not in BUILT_IN]
    cams = [row for row in measured if row["strategy"] in KEYED]
    if not cams or len(cams) == len(measured):
        return ""
    best = front(measured, size)
    winners = [row for row in best if row["strategy"] in KEYED]
    if not winners:
        return _beaten(cams, [row for row in best if row["strategy"] not in KEYED], size)
    fastest = winners[-1]
    said = f"a CAM pays ({_figures(fastest, size)})"
    faster = [row for row in best if row["pixels_per_cycle"] > fastest["pixels_per_cycle"]]
    if faster:
        said += f"; what is faster is larger ({_figures(faster[0], size)})"
    others = [row for row in best if row["strategy"] not in KEYED and row not in faster]
    if others:
        said += f"; the next smaller without one is slower ({_figures(others[-1], size)})"
    return said + "."


def _figures(row: Mapping[str, Any], size: Size) -> str:
    hits = "" if row["hit_rate"] is None else f"{100 * row['hit_rate']:.1f} % hits, "
    return (
        f"{name_of(row)}: {hits}{row['pixels_per_cycle']:.2f} pixels a cycle, {size(row['area']):,}"
    )


def _beaten(cams: Sequence[dict[str, Any]], best: Sequence[dict[str, Any]], size: Size) -> str:
    """What is smaller than the fastest CAM and no slower."""
    fastest = max(cams, key=lambda row: (row["pixels_per_cycle"], -size(row["area"])))
    rival = next(row for row in best if row["pixels_per_cycle"] >= fastest["pixels_per_cycle"])
    times = size(fastest["area"]) / size(rival["area"])
    return (
        f"no CAM pays: what is as fast as the fastest ({_figures(fastest, size)}) is {times:.1f} "
        f"times smaller ({_figures(rival, size)})."
    )
