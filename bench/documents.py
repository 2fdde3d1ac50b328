"""What is made of ``reports/bench.json``: the page and the pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .environment import ROOT
from .plots import growth_figure
from .report import page

__all__ = ["REPORT", "documents", "load_report"]

REPORT = ROOT / "reports" / "bench.json"
"""The committed report."""


def load_report() -> dict[str, Any]:
    """The committed report."""
    return json.loads(REPORT.read_text(encoding="utf-8"))


def documents(report: dict[str, Any]) -> dict[Path, str]:
    """Every document that is generated from a report, by its absolute path."""
    made = {ROOT / "docs/user/benchmark.md": page(report)}
    for name, sweep in report["growth"].get("sweeps", {}).items():
        made[ROOT / f"docs/figures/growth-{name}.svg"] = growth_figure(sweep)
    return made
