"""The pictures of how cost grows: points of a sweep, and their law."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from docs.generate.drawing import GREY, INDIGO, MADDER, PINE, card, style, svg

from .fit import Law

__all__ = ["growth_figure", "ones_twos_fives"]

_LABELS = {
    "kernels": "kernels",
    "channels": "channels",
    "width": "frame width, pixels",
    "bits": "bits of a pixel",
}
_COLOURS = (INDIGO, PINE, MADDER)
_MARKS = ("o", "^", "s")


def growth_figure(sweep: dict[str, Any]) -> str:
    """The SVG of one dimension: LUT4-eq over it, on logarithmic axes."""
    with style():
        figure = Figure(figsize=(6.4, 4.4))
        card(figure)
        axes = figure.add_axes((0.15, 0.14, 0.8, 0.63))
        for series, colour, mark in zip(sweep["series"], _COLOURS, _MARKS, strict=False):
            _draw(axes, series, colour, mark)
        _scale(axes, sweep)
        axes.set_xlabel(_LABELS[sweep["dimension"]])
        axes.set_ylabel("LUT4-eq")
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1.01),
            frameon=False,
            borderaxespad=0,
            handletextpad=0.6,
        )
        return svg(figure)


def _draw(axes: Axes, series: dict[str, Any], colour: str, mark: str) -> None:
    known = [(p["n"], p["lut4_eq"]) for p in series["points"] if p["lut4_eq"]]
    if not known:
        return
    xs, ys = zip(*known, strict=True)
    label = series["title"]
    if series["law"]:
        law = Law.of(series["law"])
        n = np.geomspace(min(xs), max(xs), 200)
        axes.plot(n, [law(v) for v in n], color=colour, linewidth=1.5, alpha=0.75)
        label += f": {law.text}, within {100 * law.deviation:.0f} %"
    axes.plot(xs, ys, mark, color=colour, mec="white", ms=7, label=label)


def _scale(axes: Axes, sweep: dict[str, Any]) -> None:
    """Logarithmic axes whose ticks are the points themselves, and 1, 2, 5 upwards."""
    points = [p for series in sweep["series"] for p in series["points"]]
    numbers = sorted({p["n"] for p in points})
    costs = [p["lut4_eq"] for p in points if p["lut4_eq"]]
    plain = FuncFormatter(lambda value, _: f"{value:,.0f}")
    for axis, low, high in (
        (axes.xaxis, numbers[0], numbers[-1]),
        (axes.yaxis, min(costs), max(costs)),
    ):
        name = "x" if axis is axes.xaxis else "y"
        getattr(axes, f"set_{name}scale")("log")
        getattr(axes, f"set_{name}lim")(low / 1.25, high * 1.25)
        axis.set_major_formatter(plain)
        axis.set_minor_formatter(NullFormatter())
    axes.set_xticks(numbers)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks(ones_twos_fives(min(costs) / 1.25, max(costs) * 1.25))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(visible=True, color=GREY, alpha=0.15, linewidth=0.8)
    axes.set_axisbelow(True)


def ones_twos_fives(low: float, high: float) -> list[float]:
    """The ticks of a logarithmic axis from ``low`` to ``high``."""
    steps = [m * 10.0**e for e in range(-4, 7) for m in (1, 2, 5)]
    return [step for step in steps if low <= step <= high]
