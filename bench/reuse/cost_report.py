"""``reports/cost.json``: engines that were synthesised, and how far the cost model is off."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench.environment import ROOT
from sw.cost import MODELLED

__all__ = ["COST_REPORT", "COUNTED", "FITTED", "errors_of", "load_cost", "summarised"]

COST_REPORT = ROOT / "reports" / "cost.json"
"""The committed report."""
FITTED = ("lut4_eq", "ff")
COUNTED = ("dsp", "bram")


def load_cost() -> dict[str, Any]:
    """The committed report."""
    return json.loads(COST_REPORT.read_text(encoding="utf-8"))


def errors_of(point: Mapping[str, Any], of: str) -> float:
    """Relative error of a fitted figure; of a counted one, what it is too high by."""
    measured, estimated = point["measured"][of], point["estimated"][of]
    return estimated / measured - 1 if of in FITTED else estimated - measured


def summarised(points: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Median and worst error by strategy, of the points held out."""
    found: dict[str, Any] = {}
    for strategy in MODELLED:
        mine = [p for p in points if p["strategy"] == strategy and p["held_out"]]
        found[strategy] = {"points": len(mine)} | {
            of: {
                "median": round(median(abs(errors_of(p, of)) for p in mine), 4),
                "worst": round(max((errors_of(p, of) for p in mine), key=abs), 4),
            }
            for of in (*FITTED, *COUNTED)
        }
    return found
