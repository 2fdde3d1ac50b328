"""The pictures of ``make reuse``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from bench.plots import ones_twos_fives
from docs.generate.drawing import GREY, INDIGO, INK, MADDER, PINE, card, style, svg

from .front import chip_area, front, is_measured
from .points import ENTRIES
from .words import hit_rates

__all__ = ["depths_figure", "hits_figure", "rates_figure"]

_SERIES = {"8": INDIGO, "12": PINE, "16": MADDER, "16-clean": "#b3801f"}
_STRATEGIES = {
    "direct": (INK, "s"),
    "pair_cam": ("#7a4a87", "v"),
    "value_cam": (MADDER, "o"),
    "value_table": (INDIGO, "D"),
    "split_table": (PINE, "^"),
    "constant": ("#b3801f", "P"),
}
_LABELLED = (8, 64, 256, 1024)
"""Entries that are written beside the points of tables."""
_PLAIN = FuncFormatter(lambda value, _: f"{value:,.6g}")


def hits_figure(report: Mapping[str, Any]) -> str:
    """Hit rate against entries, a curve for each depth; dashed: of pairs."""
    with style():
        figure = Figure(figsize=(8.4, 4.6))
        card(figure)
        axes = figure.add_axes((0.085, 0.13, 0.56, 0.76))
        ends: dict[str, float] = {}
        for key in report["series"]:
            rows = [r for r in report["rows"] if (r["sweep"], r["series"]) == ("entries", key)]
            for strategy, line in (("value_cam", "-"), ("pair_cam", (0, (4, 2)))):
                found = hit_rates(rows, strategy)
                if found:
                    rates = [100 * rate for rate in found.values()]
                    axes.plot(
                        list(found), rates, "o", linestyle=line, color=_SERIES[key], mec="white",
                        ms=8 if key == "8" else 5.5, linewidth=4 if key == "8" else 1.8,
                        clip_on=False,
                    )  # fmt: skip
                    if strategy == "value_cam":
                        ends[key] = rates[-1]
        _name_ends(axes, ends, {key: s["title"] for key, s in report["series"].items()})
        axes.set_xscale("log", base=2)
        axes.set_xticks(ENTRIES)
        axes.xaxis.set_major_formatter(_PLAIN)
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_ylim(0, 103)
        axes.set_xlabel("entries a table")
        axes.set_ylabel("hits, % of lookups")
        _grid(axes)
        if any(row["strategy"] == "pair_cam" and row["hit_rate"] for row in report["rows"]):
            _explain_lines(axes)
        return svg(figure)


def _explain_lines(axes: Axes) -> None:
    lines = [
        Line2D([], [], color=GREY, linewidth=1.8, label="value_cam: keyed by the value"),
        Line2D(
            [], [], color=GREY, linewidth=1.8, linestyle=(0, (4, 2)),
            label="pair_cam: by value and weight",
        ),
    ]  # fmt: skip
    axes.legend(handles=lines, loc="lower left", bbox_to_anchor=(0, 1), frameon=False, ncols=2)


def _name_ends(axes: Axes, ends: Mapping[str, float], titles: Mapping[str, str]) -> None:
    """Name the curves at their right ends, a line apart where these meet."""
    highest = 110.0
    for key, end in sorted(ends.items(), key=lambda item: -item[1]):
        height = min(end, highest - 6.5)
        highest = height
        axes.annotate(
            titles[key],
            (1, height),
            xycoords=("axes fraction", "data"),
            xytext=(10, 0),
            textcoords="offset points",
            va="center",
            color=_SERIES[key],
            fontweight="bold",
        )


def rates_figure(report: Mapping[str, Any]) -> str:
    """Area against rate of all foldings, with the front."""
    rows = [row for row in report["rows"] if row["sweep"] == "folds" and is_measured(row)]
    with style():
        figure = Figure(figsize=(9.6, 5.6))
        card(figure)
        axes = figure.add_axes((0.105, 0.115, 0.87, 0.77))
        _scale(axes, *_extent(rows))
        _weigh(axes, rows)
        axes.set_ylabel("area, in LUT4-eq")
        _legend(figure, rows)
        return svg(figure)


def depths_figure(report: Mapping[str, Any]) -> str:
    """Area against rate at each depth; the CAMs' points by their entries."""
    sweeps = ("entries", "tables")
    every = [row for row in report["rows"] if row["sweep"] in sweeps and is_measured(row)]
    with style():
        figure = Figure(figsize=(11.4, 5))
        card(figure)
        for n, (key, series) in enumerate(report["series"].items()):
            axes = figure.add_axes((0.08 + n * 0.232, 0.125, 0.208, 0.67))
            _scale(axes, *_extent(every), narrow=True)
            _weigh(axes, [row for row in every if row["series"] == key], label_entries=True)
            axes.text(0, 1.04, series["title"], transform=axes.transAxes, fontweight="bold")
            if n:
                axes.yaxis.set_major_formatter(NullFormatter())
            else:
                axes.set_ylabel("area, in LUT4-eq")
        _legend(figure, every)
        return svg(figure)


def _extent(rows: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[int]]:
    """All rates and areas of some rows; there is at least one."""
    return [r["pixels_per_cycle"] for r in rows], [chip_area(r["area"]) for r in rows]


def _scale(
    axes: Axes, rates: Sequence[float], areas: Sequence[int], *, narrow: bool = False
) -> None:
    """Logarithmic axes that hold these, with a little room; ``narrow``: for labels beside marks."""
    for axis, values in (("x", rates), ("y", areas)):
        low, high = min(values) / 1.3, max(values) * 1.3
        getattr(axes, f"set_{axis}scale")("log")
        getattr(axes, f"set_{axis}lim")(low, high)
        getattr(axes, f"set_{axis}ticks")(ones_twos_fives(low, high))
    if narrow:
        low, high = min(rates) / 2.2, max(rates) * 1.3
        axes.set_xlim(low, high)
        axes.set_xticks([x for x in ones_twos_fives(low, high) if math.log10(x).is_integer()])
    axes.set_xlabel("pixels a cycle")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_PLAIN)
        axis.set_minor_locator(NullLocator())
    _grid(axes)


def _weigh(axes: Axes, rows: Sequence[dict[str, Any]], *, label_entries: bool = False) -> None:
    """Points by strategy, and the front as a step: what a rate costs at least."""
    best = front(rows)
    if best:
        xs, ys = _extent(best)
        axes.step(
            [axes.get_xlim()[0], *xs], [ys[0], *ys],
            where="pre", color=GREY, linewidth=6, alpha=0.22, zorder=1,
        )  # fmt: skip
    for row in rows:
        colour, mark = _STRATEGIES[row["strategy"]]
        x, y = row["pixels_per_cycle"], chip_area(row["area"])
        inside = colour if row in best else "white"
        axes.plot([x], [y], mark, color=colour, mfc=inside, mec=colour, ms=6.5, zorder=3)
        if label_entries and row["entries"] in _LABELLED and not row["table"]:
            axes.annotate(
                f"{row['entries']:,}", (x, y), xytext=(-6, 0), textcoords="offset points",
                fontsize=7, color=colour, ha="right", va="center",
            )  # fmt: skip


def _grid(axes: Axes) -> None:
    axes.grid(visible=True, color=GREY, alpha=0.15, linewidth=0.8)
    axes.set_axisbelow(True)


def _legend(figure: Figure, rows: Sequence[Mapping[str, Any]]) -> None:
    there = {row["strategy"] for row in rows}
    marks = [
        Line2D([], [], color=colour, marker=mark, linestyle="", ms=6.5, label=name)
        for name, (colour, mark) in _STRATEGIES.items()
        if name in there
    ]
    marks.append(Line2D([], [], color=GREY, linewidth=6, alpha=0.22, label="front (filled marks)"))
    figure.legend(
        handles=marks, loc="upper left", bbox_to_anchor=(0.06, 0.98), ncols=len(marks),
        frameon=False, handletextpad=0.5, columnspacing=1.5, fontsize=9.5,
    )  # fmt: skip
