"""What the figures of ``make reuse`` say, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .front import chip_area, front, is_measured
from .points import KEYED

__all__ = ["cam_verdict", "hit_rates", "listed"]


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


def _cam(row: Mapping[str, Any]) -> str:
    return f"`{row['strategy']}` with {row['entries']:,} entries"


def cam_verdict(rows: Sequence[dict[str, Any]]) -> str:
    """Whether any CAM is on the front of ``rows``, and what beats it where none is; or nothing."""
    measured = [row for row in rows if is_measured(row)]
    cams = [row for row in measured if row["strategy"] in KEYED]
    if not cams or len(cams) == len(measured):
        return ""
    best = front(measured)
    winners = [row for row in best if row["strategy"] in KEYED]
    if not winners:
        return _beaten(cams, [row for row in best if row["strategy"] not in KEYED])
    fastest = winners[-1]
    said = f"a CAM pays: {_cam(fastest)} gives {_figures(fastest)}"
    faster = [row for row in best if row["pixels_per_cycle"] > fastest["pixels_per_cycle"]]
    if faster:
        said += f"; more than that takes `{faster[0]['strategy']}`, {_figures(faster[0])}"
    others = [row for row in best if row["strategy"] not in KEYED and row not in faster]
    if others:
        said += (
            f"; the next smaller without one is `{others[-1]['strategy']}`, {_figures(others[-1])}"
        )
    return said + "."


def _beaten(cams: Sequence[dict[str, Any]], best: Sequence[dict[str, Any]]) -> str:
    """What is smaller than the fastest CAM and no slower."""
    fastest = max(cams, key=lambda row: (row["pixels_per_cycle"], -chip_area(row["area"])))
    rival = next(row for row in best if row["pixels_per_cycle"] >= fastest["pixels_per_cycle"])
    times = chip_area(fastest["area"]) / chip_area(rival["area"])
    return (
        f"no CAM pays. The fastest, {_cam(fastest)}, hits {100 * fastest['hit_rate']:.1f} % and "
        f"gives {_figures(fastest)}; `{rival['strategy']}` gives {_figures(rival)}, {times:.1f} "
        "times smaller."
    )
