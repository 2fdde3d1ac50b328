"""The measured tables and the picture of docs/user/training.md, from stored runs and reports."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from sw.data import load_samples
from sw.paper.beyond import bank_rows, format_rows, load_reports, witness_rows
from sw.paper.beyond_document import format_table, saving_table, witness_table
from sw.paper.markup import markdown_table
from sw.paper.plots import bank_plot
from sw.paper.runs import load_runs

__all__ = ["banks_figure", "training_tables"]

REPORTS = Path(__file__).parents[2] / "reports"

_NAMES = {
    "none": "all learned",
    "hlac25": "HLAC-25",
    "lbp": "local binary patterns",
    "hlac25-rgb": "HLAC-25, a sign for each channel",
}


@cache
def _banks() -> list[dict[str, Any]]:
    return bank_rows(load_runs(REPORTS / "training"), load_reports(REPORTS))


def banks_figure() -> str:
    """Accuracy against what a bank saves, costs and says, as SVG."""
    return bank_plot(_banks())["svg"].decode()


def training_tables() -> dict[str, str]:
    """Tables by the names of their places."""
    runs, reports = load_runs(REPORTS / "training"), load_reports(REPORTS)
    assert reports.saving is not None
    witness = witness_rows(runs, load_samples("cifar10").images, reports)
    return {
        "banks": _bank_table(_banks()) + "\n",
        "formats": format_table(format_rows(runs)) + "\n",
        "saving": saving_table(reports.saving) + "\n",
        "witness": witness_table(witness) + "\n",
    }


def _bank_table(rows: list[dict[str, Any]]) -> str:
    """A row a bank and number of fixed kernels, both data sets side by side."""
    kinds: dict[tuple[int, str], dict[str, dict[str, Any]]] = {}
    for row in rows:
        kinds.setdefault((row["fixed"], row["bank"]), {})[row["data"]] = row
    lines: list[list[str]] = []
    for (fixed, bank), by_data in sorted(kinds.items()):
        cifar10 = by_data.get("cifar10")
        cost = [str(cifar10[n]) for n in ("trainable", "adders")] if cifar10 else ["", ""]
        rank = f"{cifar10['rank']:.1f}" if cifar10 else ""
        name = _NAMES.get(bank, f"`{bank}`")
        top1 = [_top1(by_data.get(data)) for data in ("mnist", "cifar10")]
        lines.append([f"{fixed} {name}" if fixed else name, *top1, *cost, rank])
    head = ["fixed kernels", "MNIST", "CIFAR-10", "trained weights", "adders", "effective rank"]
    return markdown_table(head, lines)


def _top1(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    value = row["top1"]
    spread = "" if value["ci95"] is None else f" ± {value['ci95']:.2f}"
    return f"{value['mean']:.2f}{spread} %"
