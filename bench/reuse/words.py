"""What the figures of ``make reuse`` say, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .front import BUILT_IN, chip_area, front, is_measured
from .points import KEYED

__all__ = ["cam_verdict", "hit_rates", "listed", "name_of"]


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


def _figures(row: Mapping[str, Any]) -> str:
    return f"{row['pixels_per_cycle']:.2f} pixels a cycle in an area of {chip_area(row['area']):,}"


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


def cam_verdict(rows: Sequence[dict[str, Any]]) -> str:
    """Whether any CAM is on the front of ``rows``, and what beats it where none is; or nothing."""
    measured = [row for row in rows if is_measured(row) and row["strategy"] not in BUILT_IN]
    cams = [row for row in measured if row["strategy"] in KEYED]
    if not cams or len(cams) == len(measured):
        return ""
    best = front(measured)
    winners = [row for row in best if row["strategy"] in KEYED]
    if not winners:
        return _beaten(cams, [row for row in best if row["strategy"] not in KEYED])
    fastest = winners[-1]
    said = f"a CAM pays: {name_of(fastest)}, gives {_figures(fastest)}"
    faster = [row for row in best if row["pixels_per_cycle"] > fastest["pixels_per_cycle"]]
    if faster:
        said += f"; more than that takes {name_of(faster[0])}, {_figures(faster[0])}"
    others = [row for row in best if row["strategy"] not in KEYED and row not in faster]
    if others:
        said += f"; the next smaller without one is {name_of(others[-1])}, {_figures(others[-1])}"
    return said + "."


def _beaten(cams: Sequence[dict[str, Any]], best: Sequence[dict[str, Any]]) -> str:
    """What is smaller than the fastest CAM and no slower."""
    fastest = max(cams, key=lambda row: (row["pixels_per_cycle"], -chip_area(row["area"])))
    rival = next(row for row in best if row["pixels_per_cycle"] >= fastest["pixels_per_cycle"])
    times = chip_area(fastest["area"]) / chip_area(rival["area"])
    return (
        f"no CAM pays. The fastest, {name_of(fastest)}, hits {100 * fastest['hit_rate']:.1f} % "
        f"and gives {_figures(fastest)}; {name_of(rival)}, gives {_figures(rival)}, {times:.1f} "
        "times smaller."
    )
