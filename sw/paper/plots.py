"""Figures 8 and 9, accuracy by epoch; and accuracy against what a bank saves and costs."""

from __future__ import annotations

import io
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["accuracy_plot", "bank_plot"]

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # matplotlib brings it along, so every machine has the same
    "font.size": 10,
    "svg.fonttype": "path",
    "svg.hashsalt": "katazome",  # the same bytes each time
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_Place = tuple[float, float]

_TITLES = {"mnist": "MNIST", "cifar10": "CIFAR-10"}
_LINES = {"none": ("#5b6475", "--", "all learned"), "hlac25": ("#2f4b8f", "-", "25 HLAC templates")}


def accuracy_plot(figure: dict[str, Any]) -> dict[str, bytes]:
    """The picture of an :func:`sw.paper.accuracy.accuracy_figure`, as ``svg`` and ``png``."""
    with mpl.rc_context(_STYLE):
        page = Figure(figsize=(9, 3.6), facecolor="white", layout="constrained")
        for axes, name in zip(page.subplots(1, 2), ("top1", "top5"), strict=True):
            _draw(axes, figure, name)
        seeds = len(figure["none"]["seeds"])
        page.suptitle(f"{_TITLES[figure['data']]}: test accuracy, mean of {seeds} seeds and range")
        return {kind: _saved(page, kind) for kind in ("svg", "png")}


def _draw(axes: Axes, figure: dict[str, Any], name: str) -> None:
    for bank, (colour, dashes, label) in _LINES.items():
        curve, epochs = figure[bank][name], figure[bank]["epoch"]
        final = curve["final"]["mean"]
        axes.fill_between(epochs, curve["low"], curve["high"], color=colour, alpha=0.15, lw=0)
        axes.plot(epochs, curve["mean"], dashes, color=colour, label=f"{label}: {final:.2f} %")
    axes.set_xlabel("epoch")
    axes.set_ylabel(f"top-{name[-1]} accuracy, %")
    axes.set_xticks(figure["none"]["epoch"])
    axes.legend(loc="lower right", frameon=False)
    axes.grid(visible=True, alpha=0.2)


def bank_plot(rows: list[dict[str, Any]]) -> dict[str, bytes]:
    """Accuracy of :func:`sw.paper.beyond.bank_rows` against weights, adders and rank."""
    with mpl.rc_context(_STYLE):
        page = Figure(figsize=(13, 7.6), facecolor="white", layout="constrained")
        grid = page.subplots(2, 3, sharey="row")
        for places, (data, title) in zip(grid, _TITLES.items(), strict=True):
            chosen = [row for row in rows if row["data"] == data]
            _scatter(places[0], chosen, "trainable")
            _scatter(places[1], [row for row in chosen if row["adders"] is not None], "adders")
            _scatter(places[2], chosen, "rank")
            places[0].set_ylabel(f"{title}: top-1, %")
        grid[1, 0].set_xlabel("trained weights of the first layer")
        grid[1, 1].set_xlabel("adders of the bank")
        grid[1, 2].set_xlabel("effective rank of the layer's outputs")
        return {kind: _saved(page, kind) for kind in ("svg", "png")}


def _scatter(axes: Axes, rows: list[dict[str, Any]], name: str) -> None:
    points = [(row[name], row["top1"]["mean"]) for row in rows]
    for nth, (row, point) in enumerate(zip(rows, points, strict=True)):
        bank, half = row["bank"], row["top1"]["ci95"] or 0.0
        colour = "#5b6475" if bank == "none" else "#2f4b8f" if "hlac" in bank else "#b3541e"
        axes.errorbar(*point, yerr=half, fmt="o", color=colour, ms=4, capsize=2)
        label = "all learned" if bank == "none" else f"{row['fixed']} {bank}"
        left = any(_close(point, other, points) for other in points[:nth])
        axes.annotate(
            label,
            point,
            xytext=(-5 if left else 5, -10 if bank in ("none", "hlac25") else 3),
            textcoords="offset points",
            ha="right" if left else "left",
            color=colour,
            fontsize=7.5,
        )
    axes.margins(x=0.25, y=0.12)
    axes.grid(visible=True, alpha=0.2)


def _close(one: _Place, other: _Place, points: list[_Place]) -> bool:
    """Whether labels on the same side would overlap."""
    spans = [max(values) - min(values) or 1.0 for values in zip(*points, strict=True)]
    limits = (0.12, 0.06)
    return all(
        abs(a - b) < limit * span
        for a, b, span, limit in zip(one, other, spans, limits, strict=True)
    )


def _saved(page: Figure, kind: str) -> bytes:
    stream = io.BytesIO()
    metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    page.savefig(stream, format=kind, dpi=120, metadata=metadata)
    return stream.getvalue()
