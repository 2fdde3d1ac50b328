"""What is made of ``reports/reuse.json``: the page and the pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.environment import ROOT

from .cost_report import COST_REPORT, load_cost
from .plots import depths_figure, hits_figure, rates_figure
from .report import page

__all__ = ["REPORT", "documents", "load_report"]

REPORT = ROOT / "reports" / "reuse.json"
"""The committed report."""


def load_report() -> dict[str, Any]:
    """The committed report."""
    return json.loads(REPORT.read_text(encoding="utf-8"))


def documents(report: dict[str, Any]) -> dict[Path, str]:
    """Every document that is generated from a report, by its absolute path."""
    figures = {"hits": hits_figure, "depths": depths_figure, "rates": rates_figure}
    cost = load_cost() if COST_REPORT.is_file() else None
    made = {ROOT / "docs/user/reuse.md": page(report, cost)}
    return made | {
        ROOT / f"docs/figures/reuse-{name}.svg": draw(report) for name, draw in figures.items()
    }
